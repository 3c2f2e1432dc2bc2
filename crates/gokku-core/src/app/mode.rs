//! The order of a transition's steps.

use serde::{Deserialize, Serialize};

/// The order of steps, `ZERO_DOWNTIME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// New and old run side by side; the route always has a live target.
    ZeroDowntime,
    /// Old stops before new starts; requests that arrive meanwhile are held.
    StopFirst,
}
