//! TLS on the port of the domains: certificates, and the handshake that shows one of them.
//!
//! - [`pem`]: the blocks of a PEM file
//! - [`certificate`]: a chain and its key, parsed and checked against each other; [`certificate_error`]: what does not fit
//! - [`certificate_store`]: certificates on disk
//! - `certificate_table`: which certificate a name gets; `certificates`: what of the disk is in it
//! - `crypto`: the protocol versions, cipher suites and key exchanges
//! - `acceptor`: a client's connection, from its first byte to the end of the handshake; `tickets`: by which it comes back

pub mod certificate;
pub mod certificate_error;
pub mod certificate_store;
pub mod pem;

pub(crate) mod acceptor;
pub(crate) mod certificate_table;
pub(crate) mod certificates;
pub(crate) mod crypto;
pub(crate) mod tickets;
