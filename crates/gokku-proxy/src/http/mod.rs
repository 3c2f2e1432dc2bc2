//! The rules for HTTP messages, which know no connection.
//!
//! - `head_scanner`: where in a client's stream a request's head begins and ends; `frame_scanner`: the same of HTTP/2
//! - `http2_request`: what a request of HTTP/2 is in HTTP/1.1
//! - `validate`: which messages are refused, because others might read them in another way
//! - `hop_headers`: headers that stay between two hosts
//! - `forwarded`: what an app is told of where a request came from; `request_id`: by which name logs have it
//! - `content_coding`: in which codings a client takes an answer; `compressible`: which answers it gets in one
//! - `error_reason`: why the switch answers a request itself, and in which words

pub(crate) mod compressible;
pub(crate) mod content_coding;
pub(crate) mod error_reason;
pub(crate) mod forwarded;
pub(crate) mod frame_scanner;
pub(crate) mod head_scanner;
pub(crate) mod hop_headers;
pub(crate) mod http2_request;
pub(crate) mod request_id;
pub(crate) mod validate;
