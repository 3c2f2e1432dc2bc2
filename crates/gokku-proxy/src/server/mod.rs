//! The switch as it runs: ports, connections, control socket, start and end.
//!
//! - [`listen`]: host ports, and the connections that they accept
//! - `serve`: one client's connection; `serve_http2`: one of HTTP/2; `serve_tcp`: one of a TCP port
//! - `port_service`: whose a port is, and what becomes of its connections
//! - `state`: routes and ports, kept together; `app_ports`: an app's ports; `domain_port`: those of the domains
//! - `control_server`: answers the control API; `control_socket`: who owns its socket
//! - `handover`: one switch takes another's place
//! - [`service_manager`]: keeps the sockets that listen while the switch is gone; `kept`: those that it has kept
//! - [`proxy`]: all of it, started and stopped

pub mod listen;
pub mod proxy;
pub mod service_manager;

mod app_ports;
mod control_server;
mod control_socket;
mod domain_port;
mod handover;
mod kept;
mod port_service;
mod serve;
mod serve_http2;
mod serve_tcp;
mod state;
