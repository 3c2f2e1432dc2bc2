//! What is asked of whatever runs containers, and what it tells: the words for it, which name no engine.
//!
//! - [`labels`]: what containers, images, networks and volumes are found by
//! - [`image`] and [`mod@build`]: what there is to be run
//! - [`network`] and [`volume`]: what a container is connected to; [`isolation`]: what it is kept from; [`container`]: the container
//! - [`event`]: what happens to it; [`output`]: what it prints, and [`lines`] of it
//! - [`usage`]: what the disk is used for
//! - [`error`]: what can go wrong, by kind

pub mod build;
pub mod container;
pub mod error;
pub mod event;
pub mod image;
pub mod isolation;
pub mod labels;
pub mod lines;
pub mod network;
pub mod output;
pub mod usage;
pub mod volume;

pub use build::{Apart, BuildRequest, Generated, Secrets};
pub use container::{ContainerFacts, ContainerSpec, ContainerState, Details, LogLimits};
pub use error::Error;
pub use event::{ContainerEvent, EventKind};
pub use image::{ImageFacts, Login};
pub use isolation::{Isolated, Isolation};
pub use lines::Lines;
pub use network::{NetworkFacts, NewNetwork};
pub use output::{LogLine, LogOptions};
pub use usage::{ImageUsage, PrunedCache, Usage};
pub use volume::{Mount, MountSource, Mounted, VolumeFacts, Why};
