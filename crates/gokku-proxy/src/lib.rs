//! The traffic switch: what stands between an app's clients and its containers.
//!
//! The folders, from the ground up; each uses only those above it in this list:
//!
//! - [`support`]: tasks that survive a panic, locks, errors and logs, for everything below
//! - `os`: what the kernel tells: processes, ports, memory
//! - [`config`]: the limits and the other settings, as `config.toml` has them
//! - [`control`]: the control API: its messages and requests, and a client for it
//! - `http`: the rules for messages, and why a request is answered by the switch itself
//! - [`tls`]: certificates, on disk and in handshakes
//! - `client`: a client's connection: how many there may be, what state each is in, and the request body it brings
//! - [`route`]: routes and targets, the connections to apps, and the table on disk
//! - `forward`: one request's way to the app, and the response's way back
//! - [`health`]: one health check, and the monitor that repeats it
//! - [`server`]: the ports and the control socket; the whole switch, started, replaced and stopped
//!
//! The crate knows nothing of Docker: a container is an id and an address that it is told, and a process that it sees in
//! `/proc`.

pub mod config;
pub mod control;
pub mod health;
pub mod route;
pub mod server;
pub mod support;
pub mod tls;

mod client;
mod forward;
mod http;
mod os;

pub use client::proxy_header;
pub use config::limits::Limits;
pub use config::network::Network;
pub use control::client::Client;
pub use forward::maintenance::PASS_PATH;
pub use route::switch::Switch;
pub use server::proxy::{Config, Proxy};
pub use server::service_manager::ServiceManager;
