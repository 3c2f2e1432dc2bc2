//! The machine below: time, processes, users, limits, environment variables.
//!
//! - [`clock`]; `process`: another process, watched and ended; [`owner`]: whose files they are
//! - [`detached`]: processes that outlive whoever started them; [`key_env`]: what they must not inherit; `memory_limit`
//! - `random`: what nobody can guess
//! - [`daemon_log`]: what the daemon says, on its way to its file; `blocking`: work that no runtime's thread should wait for

pub(crate) mod blocking;
pub mod clock;
pub mod daemon_log;
pub mod detached;
mod error;
pub mod key_env;
pub(crate) mod memory_limit;
pub mod owner;
pub(crate) mod process;
pub(crate) mod random;

pub use error::Error;
