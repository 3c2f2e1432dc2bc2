//! What happens on the server. The folders, in the order in which they stand on each other:
//!
//! - [`fs`] and [`os`]: files, and the machine below; [`record`]: lines that are appended and followed
//! - [`certificates`]: those that are ordered from an authority
//! - [`app`]: an app on the disk, with the server's settings; [`queue`]: one transition of it at a time
//! - [`engine`]: what runs containers; [`plan`]: what a release is made of and run with
//! - [`transition`]: the loop that performs what the core decides; [`space`]: room on the disks
//! - [`worker`]: a request from the push or the command to its end
//! - `reconcile`: what is and what should be; [`daemon`]: the process that serves
//! - [`command`]: what single commands do
//! - `simulation`, for tests alone: transitions and the daemon, on an engine and a traffic switch in memory
//!
//! None uses one below it in this list; a test holds them to that. This crate never prints and never reads the environment.

pub mod app;
pub mod certificates;
pub mod command;
pub mod daemon;
pub mod engine;
pub mod fs;
pub mod os;
pub mod plan;
pub mod queue;
mod reconcile;
pub mod record;
pub mod space;
pub mod transition;
pub mod worker;

#[cfg(test)]
mod earlier_version;
mod error;
mod kind;
mod server;
#[cfg(test)]
mod simulation;

pub use error::Error;
pub use fs::app_dir::AppDir;
pub use fs::root::Root;
pub use gokku_proxy::ServiceManager;
pub use kind::Kind;
pub use server::Server;

/// Returns the traffic switch of a server's folder, which is asked by its socket.
pub fn traffic_switch(root: &Root) -> std::sync::Arc<dyn engine::traffic_switch::TrafficSwitch> {
    std::sync::Arc::new(gokku_proxy::Client::new(root.socket()))
}

/// Returns the Docker Engine's socket that a `DOCKER_HOST` names.
pub fn engine_socket(docker_host: Option<&str>) -> Result<std::path::PathBuf, Error> {
    Ok(gokku_docker::engine::connection::socket(docker_host)?)
}
