//! Blue, the active one, and green, the candidate.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::app::name::AppName;
use crate::app::process_key::{ProcessKey, ProcessType};

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
    ///
    /// It has one reading, although apps and types may have dashes, digits and colours in them. What ends in a colour is a
    /// first web process, and no app's name does. Otherwise the number is behind the last dash; what stands before it is
    /// the type, alone or with dashes, and before that the slot, which is the last of the words between dashes that is a
    /// colour (where a type is a colour's word itself, the last but one). A type that would break that, `jobs-blue-1`, has
    /// dots for its dashes, which no type has by itself: `<app>-blue-jobs.blue.1-2`.
    pub fn container_name(self, app: &AppName, process: &ProcessKey) -> String {
        if process.is_first_web() {
            format!("{app}-{self}")
        } else {
            format!("{app}-{self}-{}-{}", in_name(process.kind()), process.number())
        }
    }

    /// The slot whose name for this app and process is exactly `name`, if it is one's.
    pub fn of_container(name: &str, app: &AppName, process: &ProcessKey) -> Option<Self> {
        [Self::Blue, Self::Green]
            .into_iter()
            .find(|slot| slot.container_name(app, process) == name)
    }
}

/// A type as it stands in a container's name.
fn in_name(kind: &ProcessType) -> String {
    let is_colour = |word: &str| [Slot::Blue, Slot::Green].iter().any(|slot| slot.as_str() == word);
    let kind = kind.as_str();
    if kind.contains('-') && kind.split('-').any(is_colour) {
        kind.replace('-', ".")
    } else {
        kind.to_owned()
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
