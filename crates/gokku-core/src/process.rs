//! A process of a release: its type and number, `web-1`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::{EnvironmentName, NameError};

/// The type and number of one of a release's containers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProcessKey {
    /// `web` gets traffic; the characters of a name.
    kind: String,
    /// Counts from 1.
    number: u16,
}

/// Why a text is not a process key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProcessKeyError {
    /// No `-NUMBER` at its end, or a number that is not 1 to 65535.
    #[error("{0:?} is not a process: it is a type and a number, like web-1")]
    Shape(String),
    /// The type is not a name.
    #[error(transparent)]
    Kind(#[from] NameError),
}

impl ProcessKey {
    /// `web-1`, the process that every app has.
    pub fn first_web() -> Self {
        Self {
            kind: "web".to_owned(),
            number: 1,
        }
    }

    /// Whether this is `web-1`.
    pub fn is_first_web(&self) -> bool {
        self.kind == "web" && self.number == 1
    }

    /// Whether traffic goes to it.
    pub fn is_web(&self) -> bool {
        self.kind == "web"
    }
}

impl fmt::Display for ProcessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.kind, self.number)
    }
}

impl FromStr for ProcessKey {
    type Err = ProcessKeyError;

    fn from_str(text: &str) -> Result<Self, ProcessKeyError> {
        let shape = || ProcessKeyError::Shape(text.to_owned());
        let (kind, number) = text.rsplit_once('-').ok_or_else(shape)?;
        let kind: EnvironmentName = kind.parse()?;
        let number: u16 = number.parse().map_err(|_| shape())?;
        if number == 0 {
            return Err(shape());
        }
        let key = Self {
            kind: kind.into(),
            number,
        };
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(shape())
        }
    }
}

impl TryFrom<String> for ProcessKey {
    type Error = ProcessKeyError;

    fn try_from(text: String) -> Result<Self, ProcessKeyError> {
        text.parse()
    }
}

impl From<ProcessKey> for String {
    fn from(key: ProcessKey) -> Self {
        key.to_string()
    }
}
