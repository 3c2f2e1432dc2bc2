//! The name of a Docker network that an app's containers are on.

use std::fmt;
use std::str::FromStr;

/// A letter or digit, then letters, digits, `_`, `.` and `-`; at most 64 in all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkName(String);

/// Why a text is not a network's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a network's name")]
pub struct NetworkNameError(pub String);

/// The engine's own, on which two versions of an app cannot run side by side or cannot be reached.
const OF_THE_ENGINE: [&str; 4] = ["host", "none", "bridge", "default"];

impl NetworkName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for NetworkName {
    type Err = NetworkNameError;

    fn from_str(text: &str) -> Result<Self, NetworkNameError> {
        if crate::volume::is_docker_name(text) && !OF_THE_ENGINE.contains(&text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NetworkNameError(text.to_owned()))
        }
    }
}
