//! What is asked of whatever runs containers, and what it tells: the words for it, which name no engine.
//!
//! - [`labels`]: what containers, images, networks and volumes are found by
//! - [`image`] and [`mod@build`]: what there is to be run
//! - [`network`] and [`volume`]: what a container is connected to; [`container`]: the container
//! - [`output`]: what it prints, and [`lines`] of it
//! - [`error`]: what can go wrong, by kind

pub mod build;
pub mod container;
pub mod error;
pub mod image;
pub mod labels;
pub mod lines;
pub mod network;
pub mod output;
pub mod volume;

pub use build::{Apart, BuildRequest, Builder, Generated, Secrets};
pub use container::{ContainerFacts, ContainerSpec, ContainerState, Details, LogLimits};
pub use error::Error;
pub use image::{ImageFacts, Login};
pub use lines::Lines;
pub use network::{NetworkFacts, NewNetwork};
pub use output::{LogLine, LogOptions};
pub use volume::{Mount, MountSource, Mounted, VolumeFacts, Why};
