//! A client's side: its connection, and the request body that comes on it.
//!
//! - `connection_state`: what a connection is doing, and the request that is being answered on it
//! - `connection_limit`: how many connections there may be, and which of them make room
//! - `serve_context`: what serving a connection, and answering a request, needs to know
//! - `client_stream`: its bytes, with TLS or without; `transport`: how a port's connections get theirs
//! - `client_address`: whose a connection is; `proxy_header`: what a load balancer says first of that, and the switch to an app
//! - `client_io`: a connection as the HTTP library reads and writes it, with its time limits
//! - `http2_io`: the same of HTTP/2; `stream_progress`: how far the answers on it have been taken
//! - `request_body`: a request's body, which can be sent again
//! - `turn_away`: a connection for which there is no room

pub(crate) mod client_address;
pub(crate) mod client_io;
pub(crate) mod client_stream;
pub(crate) mod connection_limit;
pub(crate) mod connection_state;
pub(crate) mod http2_io;
pub mod proxy_header;
pub(crate) mod request_body;
pub(crate) mod serve_context;
pub(crate) mod stream_progress;
pub(crate) mod transport;
pub(crate) mod turn_away;
