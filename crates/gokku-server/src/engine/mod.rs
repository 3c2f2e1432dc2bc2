//! What is asked of the engine that runs containers.
//!
//! - [`runtime`]: the calls, as a trait; [`health`]: a container is good; `stopping`: a container is stopped
//! - [`traffic_switch`]: what is asked of the traffic switch, as a trait; `daemon_client`: the daemon runs, and sees which
//!   containers do; `address`: where people reach an app

pub(crate) mod address;
pub(crate) mod daemon_client;
mod error;
#[cfg(test)]
pub(crate) mod fake;
pub mod health;
pub mod runtime;
pub(crate) mod stopping;
pub mod traffic_switch;

pub use error::Error;

/// What of the engine is given to the command line.
pub use gokku_core::containers::{LogLine, Login};
pub use gokku_core::machine::stream::Stream;
pub use gokku_docker::{Session, SessionHandle};
