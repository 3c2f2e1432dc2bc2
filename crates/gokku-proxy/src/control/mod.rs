//! The control API, `run/proxy.sock`; what answers it is `server::control_server`.
//!
//! - [`api`]: its messages
//! - [`control_request`]: a method, a path and a body, parsed
//! - [`client`]: a client for it

pub mod api;
pub mod client;
pub mod control_request;
