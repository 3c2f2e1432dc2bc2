//! The Docker Engine, as gokku sees it. It performs; what is to be performed is decided elsewhere.
//!
//! - [`engine`]: the connection, its version; [`limits`]: how long it may take to answer; [`network`]s that containers are on, [`volumes`] and folders they have
//! - [`labels`]: what containers and images carry, and are found by
//! - [`build`]: an image from a folder; [`context`] and [`ignore`] decide what the engine gets of
//!   it; `build_session` has what it may ask for meanwhile
//! - [`registry`]: where images are pulled from
//! - [`images`], [`containers`], [`once`], [`session`], [`logs`] with [`lines`], [`events`]
//! - [`usage`]: what its disk is used for, and the build cache
//!
//! No type of the engine's client leaves this crate.

pub mod build;
pub mod containers;
pub mod context;
pub mod engine;
pub mod error;
pub mod events;
pub mod ignore;
pub mod images;
pub mod labels;
pub mod limits;
pub mod lines;
pub mod logs;
pub mod network;
pub mod once;
pub mod registry;
pub mod session;
pub mod usage;
pub mod volumes;

// What builds say is understood in these: open for the tests of inputs alone.
#[doc(hidden)]
pub mod classic;
#[doc(hidden)]
pub mod trace;

mod apart;
mod build_session;
mod df;
mod failed_build;
mod go_regex;
mod ignore_pattern;
mod protobuf;
mod secrets;
mod wire;

pub use apart::Apart;
pub use build::{BuildRequest, Builder, Generated};
pub use containers::{ContainerFacts, ContainerSpec, ContainerState};
pub use engine::{Engine, LogLimits};
pub use error::Error;
pub use events::{EngineEvent, Happening};
pub use failed_build::FailedBuild;
pub use images::ImageFacts;
pub use limits::Limits;
pub use lines::Lines;
pub use logs::{LogLine, LogOptions, Stream};
pub use network::{NetworkFacts, NewNetwork};
pub use registry::Login;
pub use secrets::Secrets;
pub use session::{Session, SessionInput};
pub use usage::{ImageUsage, PrunedCache, Usage};
pub use volumes::{Mount, MountSource, Mounted, VolumeFacts, Why};
