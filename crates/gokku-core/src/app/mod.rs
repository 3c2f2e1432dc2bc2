//! What an app is known by.
//!
//! - [`name`]: apps and environments, and which one is meant ([`meaning`]); [`branch_name`]
//! - [`release_id`], [`ids`] of commits, containers and images
//! - [`maintenance`]: what its clients get meanwhile
//! - [`slot`], [`process_key`]: a container's place in its app; [`mode`]: the order in which one release follows another

pub mod branch_name;
pub mod ids;
pub mod maintenance;
pub mod meaning;
pub mod mode;
pub mod name;
pub mod process_key;
pub mod release_id;
pub mod slot;
