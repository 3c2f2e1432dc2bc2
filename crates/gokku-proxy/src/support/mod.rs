//! Helpers that know nothing of HTTP, apps or routes.
//!
//! - [`task`]: work that panics takes nothing else with it
//! - `lock`: locks, whatever panicked while holding one
//! - `error_chain`: an error with everything behind it
//! - `log_throttle`: how often the log repeats itself

pub mod task;

pub(crate) mod error_chain;
pub(crate) mod lock;
pub(crate) mod log_throttle;
