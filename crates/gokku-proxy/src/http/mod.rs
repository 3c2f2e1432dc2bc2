//! The rules for HTTP messages, which know no connection.
//!
//! - `head_scanner`: where in a client's stream a request's head begins and ends
//! - `validate`: which messages are refused, because others might read them in another way
//! - `hop_headers`: headers that stay between two hosts
//! - `forwarded`: what an app is told of where a request came from; `request_id`: by which name logs have it
//! - `error_reason`: why the switch answers a request itself, and in which words

pub(crate) mod error_reason;
pub(crate) mod forwarded;
pub(crate) mod head_scanner;
pub(crate) mod hop_headers;
pub(crate) mod request_id;
pub(crate) mod validate;
