//! The traffic switch as its clients, its apps and its operator meet it: real sockets, real files.
//!
//! - `support` is what the tests stand on;
//! - every other module is one subject of the crate.
#![allow(clippy::unwrap_used, reason = "tests")]

mod acme_answers;
mod support;

mod bad_upstreams;
mod certificates;
mod compression;
mod control;
mod crowds;
mod domains;
mod draining;
mod error_pages;
mod expecting;
mod forged;
mod forwarding;
mod handover;
mod holding;
mod http2;
mod http2_apps;
mod http2_ending;
mod http2_limits;
mod http2_websockets;
mod https_redirect;
mod kept;
mod limits;
mod maintenance;
mod names;
mod own_answers;
mod probing;
mod proxy_protocol;
mod refusing;
mod retrying;
mod routes;
mod seeing;
mod smuggling;
mod stopping;
mod switching;
mod table;
mod targets;
mod tcp;
mod tcp_header;
mod tcp_ports;
mod tls;
mod tls_load;
mod upgrades;
mod watching;
