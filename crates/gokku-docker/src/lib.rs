//! The Docker Engine, as gokku sees it. It performs; what is to be performed is decided elsewhere.
//!
//! - [`engine`]: the connection, how long it may take to answer, what can go wrong
//! - [`image`]: images, registries, and what the disk is used for
//! - [`container`]: containers, their networks, volumes, events and output; programs in them
//! - [`build`]: an image from a folder
//!
//! A folder uses those above it in this list. No type of the engine's client leaves this crate.

pub mod build;
pub mod container;
pub mod engine;
pub mod image;

pub use container::exec::{Session, SessionHandle, SessionInput};
pub use container::one_off::OneOff;
pub use engine::connection::Engine;
pub use engine::error::Error;
pub use engine::failed_build::FailedBuild;
pub use engine::labels;
pub use engine::limits::Limits;

// What an engine is asked and tells is gokku's own, and names no engine.
pub use gokku_core::containers::{
    Apart, BuildRequest, ContainerEvent, ContainerFacts, ContainerSpec, ContainerState, Details, EventKind,
    Generated, ImageFacts, ImageUsage, Lines, LogLimits, LogLine, LogOptions, Login, Mount, MountSource,
    Mounted, NetworkFacts, NewNetwork, PrunedCache, Secrets, Usage, VolumeFacts, Why,
};
pub use gokku_core::machine::stream::Stream;
