//! What an app is known by.
//!
//! - [`name`]: apps and environments, and which one is meant ([`meaning`]); [`branch_name`]
//! - [`release_id`], [`ids`] of commits, containers and images
//! - [`maintenance`], [`error_pages`]: what its clients get where they do not get the app, [`page`] by page
//! - [`slot`], [`process_key`]: a container's place in its app; [`mode`]: the order in which one release follows another

pub mod branch_name;
pub mod error_pages;
pub mod ids;
pub mod maintenance;
pub mod meaning;
pub mod mode;
pub mod name;
pub mod page;
pub mod process_key;
pub mod release_id;
pub mod slot;
