//! What single commands do, for the command line to show.
//!
//! - [`status`], [`releases`], [`logs`], [`doctor`] with `usage` and `integrity`: facts
//! - [`certs`], [`config`], [`domains`], [`ps`], [`exec`], [`keys`], [`maintenance`]: changes and visits; [`serve`]: git, for a key; [`teardown`]: the end of a server

pub mod certs;
pub mod config;
pub mod doctor;
pub mod domains;
mod error;
pub mod exec;
pub(crate) mod integrity;
pub mod keys;
pub mod logs;
pub mod maintenance;
pub mod ps;
pub mod releases;
pub mod serve;
pub mod status;
pub mod teardown;
pub(crate) mod usage;

pub use error::Error;
