//! Helpers that know nothing of HTTP, apps or routes.
//!
//! - [`task`]: work that panics takes nothing else with it
//! - [`clock`]: the moment that it is
//! - `lock`: locks, whatever panicked while holding one
//! - `io_causes`: the kernel's errors behind an error
//! - `log_throttle`: how often the log repeats itself

pub mod clock;
pub mod task;

pub(crate) mod io_causes;
pub(crate) mod lock;
pub(crate) mod log_throttle;
