//! The connection: a call to the engine's socket, how long it may take, and what can go wrong with it.
//!
//! - [`error`], with [`failed_build`]; [`limits`]: how long an answer is waited for
//! - [`connection`]: one engine; `raw_http`: a request that the client library cannot make
//! - `labels`: what containers, images and networks carry, and are found by

pub mod connection;
pub mod error;
pub mod failed_build;
pub(crate) mod labels;
pub mod limits;
pub(crate) mod raw_http;
