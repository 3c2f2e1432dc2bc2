//! Blue, the active one, and green, the candidate.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::AppName;
use crate::process::ProcessKey;

/// One of the two places of an app's containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// The active one.
    Blue,
    /// The candidate.
    Green,
}

impl Slot {
    /// `blue` or `green`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }

    /// The exact name of the container in this slot: `<app>-blue` for the first web process,
    /// `<app>-blue-worker-2` for others.
    pub fn container_name(self, app: &AppName, process: &ProcessKey) -> String {
        if process.is_first_web() {
            format!("{app}-{self}")
        } else {
            format!("{app}-{self}-{process}")
        }
    }

    /// The slot whose name for this app and process is exactly `name`, if it is one's.
    pub fn of_container(name: &str, app: &AppName, process: &ProcessKey) -> Option<Self> {
        [Self::Blue, Self::Green]
            .into_iter()
            .find(|slot| slot.container_name(app, process) == name)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
