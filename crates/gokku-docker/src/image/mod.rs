//! Images: what there is of them, where they come from, what they take of the disk.
//!
//! - [`images`]: looked at, tagged, removed; [`registry`]: pulled
//! - [`usage`]: how much of the disk they and the build cache take, which `disk_usage` reads

pub(crate) mod disk_usage;
pub mod images;
pub mod registry;
pub mod usage;
