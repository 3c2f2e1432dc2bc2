//! The switch as it runs: ports, connections, control socket, start and end.
//!
//! - [`listen`]: host ports, and the connections that they accept
//! - `serve`: one client's connection; `serve_http2`: one of HTTP/2
//! - `state`: routes and ports, kept together; `domain_port`: the ports of the domains
//! - `control_server`: answers the control API; `control_socket`: who owns its socket
//! - `handover`: one switch takes another's place
//! - [`service_manager`]: keeps the sockets that listen while the switch is gone; `kept`: those that it has kept
//! - [`proxy`]: all of it, started and stopped

pub mod listen;
pub mod proxy;
pub mod service_manager;

mod control_server;
mod control_socket;
mod domain_port;
mod handover;
mod kept;
mod serve;
mod serve_http2;
mod state;
