//! What brings requests to an app by their host: its domains.
//!
//! - [`name`]: a host's name, also one with a wildcard; [`path`]: the paths below which requests are meant
//! - [`domain`]: one domain of an app, and whose it is; [`redirect`]: where it sends its requests instead
//! - [`scheme`]: HTTP or HTTPS; [`expiry`]: when it is told that a certificate ends

pub mod domain;
pub mod expiry;
pub mod name;
pub mod path;
pub mod redirect;
pub mod scheme;
