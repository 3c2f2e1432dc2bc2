//! A request, from the push or the command to its end.
//!
//! - [`push`]: git's hooks; [`request`]: what is asked for, handed to a process of its own; [`run`]: that process
//! - `prepare`: what can be checked before anything changes; `host_ports`: the app's port; `domain_claims`: its release's domains
//! - `cleanup`: what is left to do after it

pub(crate) mod cleanup;
pub(crate) mod domain_claims;
mod error;
pub(crate) mod host_ports;
pub(crate) mod prepare;
pub mod push;
pub mod request;
pub mod run;

pub use error::Error;
