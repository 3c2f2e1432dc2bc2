//! A working copy's git remotes that are apps on a server.
//!
//! - [`address`]: a remote's URL, read as a server and an app on it; `url`: a URL as it may be shown
//! - `remote_name`: which app and environment a remote's name stands for
//! - `lookup`: remotes found by name, listed, removed; `add`: a new one
//! - `error`: why any of that failed

pub mod address;

mod add;
mod error;
mod lookup;
mod remote_name;
mod url;

pub use add::{AppReady, NewRemote, add, prepare};
pub use address::Address;
pub use error::Error;
pub use lookup::{Remote, RemoteLookup, find, list, not_found, remove};
pub use remote_name::parse_remote_name;
