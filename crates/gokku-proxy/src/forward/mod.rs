//! One request's way to the app, and the response's way back; and the way of a connection of a TCP port.
//!
//! - `proxy_request`: leases a target, sends the request, and returns the response
//! - `tcp`: passes a connection of a TCP port on
//! - `attempts`: how long and where it is tried to connect
//! - `failure`, `retry`: why an app did not answer, and whether the request is sent again
//! - `response_body`: a response's body, which ends the lease; `stream_body`: the same to a client of HTTP/2; `compressor`: its
//!   compression
//! - `upgrade`: what becomes of an upgraded connection
//! - `error_response`: the switch's own answers; `redirect`: those that send a client elsewhere; [`maintenance`]: those of an app in
//!   maintenance

mod attempts;
mod compressor;
pub(crate) mod error_response;
mod failure;
pub(crate) mod maintenance;
pub(crate) mod proxy_request;
mod redirect;
pub(crate) mod response_body;
mod retry;
pub(crate) mod stream_body;
pub(crate) mod tcp;
mod upgrade;
