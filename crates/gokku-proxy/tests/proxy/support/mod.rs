//! What the tests stand on.
//!
//! - [`Site`] is a switch in a folder of its own, which can be started, stopped and killed;
//! - [`Wire`] is one connection, on which exact bytes are sent and [`Message`]s are read;
//! - [`Http2`] is a connection of HTTP/2, whose every window the test opens itself;
//! - [`Http2App`] is an app that speaks it, too;
//! - [`Upstream`] is an app whose every byte the test says itself, [`Named`] one that tells its name;
//! - [`Lines`] is an app on a TCP port;
//! - [`Contained`] is a process as an engine starts one in a container;
//! - [`Authority`] issues certificates, [`TlsClient`] trusts it;
//! - [`soon`] and [`until`] wait;
//! - [`log`] is what the log was told.

mod authority;
mod contained;
mod http2;
mod http2_app;
pub(crate) mod log;
mod site;
mod tcp_app;
mod upstream;
mod wire;

pub(crate) use authority::{Authority, TlsClient, certificate, text};
pub(crate) use contained::Contained;
pub(crate) use gokku_tests::{Issued, PATIENCE, certificate_params as params, soon, until};
pub(crate) use http2::{Answering, Http2, asked};
pub(crate) use http2_app::{Http2App, reset_of};
pub(crate) use site::{Site, app, domain, free_ports, get, refused};
pub(crate) use tcp_app::{Lines, ask_tcp, reset, rest, say, tcp, tcp_target};
pub(crate) use upstream::{Named, Upstream, target};
pub(crate) use wire::{Message, Wire, ok};

/// Bytes that do not repeat soon, so that a lost or doubled piece is seen.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}
