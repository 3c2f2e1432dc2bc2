//! The machine below: time, processes, users, limits, descriptors, environment variables.
//!
//! - [`clock`]; `process`: another process, watched and ended; [`owner`]: whose files they are
//! - [`detached`]: processes that outlive whoever started them; [`key_env`]: what they must not inherit; `memory_limit`, `open_files`
//! - [`inherited`]: descriptors that this process was started with
//! - `random`: what nobody can guess
//! - [`daemon_log`]: what the daemon says, on its way to its file; `blocking`: work that no runtime's thread should wait for

pub(crate) mod blocking;
pub mod clock;
pub mod daemon_log;
pub mod detached;
mod error;
pub mod inherited;
pub mod key_env;
pub(crate) mod memory_limit;
pub(crate) mod open_files;
pub mod owner;
pub(crate) mod process;
pub(crate) mod random;

pub use error::Error;
