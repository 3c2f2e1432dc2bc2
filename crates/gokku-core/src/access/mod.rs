//! Who is let in, and to what.
//!
//! - [`public_key`], [`key_name`], [`authorized_keys`]; [`ssh_command`]: what is asked for with a key
//! - [`scope`]: which apps; [`domain_grants`]: which domains; [`host_ports`]: which of the server's ports
//! - [`client_hello`]: what a client tells a server first; [`reached_at`]: the host by which it reaches the server

pub mod authorized_keys;
pub mod client_hello;
pub mod domain_grants;
pub mod host_ports;
pub mod key_name;
pub mod public_key;
pub mod reached_at;
pub mod scope;
pub mod ssh_command;
