//! What happens on the server.
//!
//! - where things are: [`root`], [`atomic`], [`bounded`], [`toml_file`], [`owner`], [`apps`], [`records`], [`env_store`], [`server_config`], [`clock`]
//! - one transition at a time: [`lock`], [`queue`], [`landing`], [`abort`], [`journal`]; a push's refs: [`refs`]
//! - what is told: [`log`], [`follow`]; and what is recorded of everything that changes: [`events`]
//! - what a container has, may do and is on: `mounts` and `carried`, `privileges`, `networks`; the app's port: `host_ports`
//! - the loop: [`driver`] observes (`observe`), asks the core, performs (`perform`, [`health`]) through [`runtime`]
//! - what is asked for: [`request`] is made by a command or the [`hook`], and done by the [`worker`]: `ensure` that the
//!   daemon runs, `recover` what was cut off, `prepare`, drive, `tidy`
//! - what is said to be done is on the disk: `durable`; what was not when the power was cut: `boot` tells, `code` mends
//! - room: what is no longer kept goes ([`prune`]), what a build needs is there before it begins (`room`, `disk`)
//! - a project without a Dockerfile: [`languages`]; an image that is there already: `pull`, with the logins of [`registries`]
//! - the daemon: [`replace`] has a new one take its place; [`daemon`] is the traffic switch with its [`supervisor`], of which `upkeep` is the memory, and [`daemon_log`] what it says;
//!   `settle` ends and mends, `differ` compares
//! - who is let in: [`keys`]; what comes with a key: [`serve`]; what a push may bring: [`intake`]
//! - other processes: [`session`] starts them, `process` watches and ends them
//! - what the engine has of it, when the server is taken down: [`leave`]
//! - what in a release's code is meant and not read: `unread`
//! - facts: [`status`], [`releases`], [`logs`], [`doctor`] with `usage` and `whole`; and [`config`], [`inside`]
//!
//! This crate never prints and never reads the environment.

pub mod abort;
pub mod apps;
pub mod atomic;
pub mod bounded;
pub mod check;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod daemon_log;
pub mod doctor;
pub mod driver;
pub mod env_store;
pub mod error;
pub mod events;
pub mod follow;
pub mod health;
pub mod hook;
pub mod inside;
pub mod intake;
pub mod journal;
pub mod keys;
pub mod landing;
pub mod languages;
pub mod leave;
pub mod lock;
pub mod log;
pub mod logs;
pub mod owner;
pub mod plan;
pub mod prune;
pub mod ps;
pub mod queue;
pub mod records;
pub mod registries;
pub mod releases;
pub mod replace;
pub mod request;
pub mod root;
pub mod runtime;
pub mod serve;
pub mod server;
pub mod server_config;
pub mod session;
pub mod status;
mod stopping;
pub mod supervisor;
pub mod toml_file;
pub mod worker;

mod boot;
mod building;
mod caches;
mod carried;
mod code;
mod differ;
mod disk;
mod durable;
mod ensure;
mod host_ports;
mod mounts;
mod networks;
mod observe;
mod perform;
mod post_deploy;
mod prepare;
mod privileges;
mod process;
mod pull;
mod recover;
pub mod refs;
mod room;
mod settle;
mod tidy;
mod tree_file;
mod unread;
mod upkeep;
mod usage;
mod whole;

pub use error::{Error, Kind};
pub use root::Root;
pub use server::Server;

/// What of the engine's is given to the command line.
pub mod engine {
    pub use gokku_docker::session::SessionHandle;
    pub use gokku_docker::{LogLine, Login, Session, Stream};
}

/// The Docker Engine's socket that a `DOCKER_HOST` names.
pub fn engine_socket(docker_host: Option<&str>) -> Result<std::path::PathBuf, Error> {
    Ok(gokku_docker::engine::socket(docker_host)?)
}
