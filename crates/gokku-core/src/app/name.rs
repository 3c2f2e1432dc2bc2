//! Names of apps and environments, checked once at the edge.
//!
//! A name becomes part of container names, image names, paths and git remotes, so what may stand in it
//! is narrow, and a value of these types can be used in any of them without further checks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most characters an app's or environment's name may have.
pub const MAX_LEN: usize = 40;

/// An app's name: `[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?`, and none that ends in `-blue` or `-green`,
/// because `<app>-blue` and `<app>-green` are the names of its containers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AppName(String);

/// An environment's name, `production` by default; the same characters as an [`AppName`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnvironmentName(String);

/// Why a name was refused. The text says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a name is needed: lower-case letters, digits and dashes, at most {MAX_LEN}")]
    Empty,
    /// More than [`MAX_LEN`] characters.
    #[error("{0:?} is too long: a name has at most {MAX_LEN} characters")]
    TooLong(String),
    /// A character that no name may have.
    #[error("{name:?} has {found:?} in it: a name is lower-case letters, digits and dashes")]
    Character {
        /// What was given.
        name: String,
        /// The first character that is not allowed.
        found: char,
    },
    /// A dash at the start or the end.
    #[error("{0:?} starts or ends with a dash: a name starts and ends with a letter or digit")]
    EdgeDash(String),
    /// The name would be mistaken for a container's.
    #[error("{0:?} ends like a container's name: choose one that does not end in -blue or -green")]
    SlotSuffix(String),
}

fn check(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if let Some(found) = name.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        return Err(NameError::Character {
            name: name.to_owned(),
            found,
        });
    }
    if name.len() > MAX_LEN {
        return Err(NameError::TooLong(name.to_owned()));
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(NameError::EdgeDash(name.to_owned()));
    }
    Ok(())
}

impl FromStr for AppName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        check(name)?;
        if name.ends_with("-blue") || name.ends_with("-green") {
            return Err(NameError::SlotSuffix(name.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }
}

impl FromStr for EnvironmentName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        check(name)?;
        Ok(Self(name.to_owned()))
    }
}

impl Default for EnvironmentName {
    /// `production`.
    fn default() -> Self {
        Self("production".to_owned())
    }
}

macro_rules! text_of {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(name: String) -> Result<Self, NameError> {
                name.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

text_of!(AppName);
text_of!(EnvironmentName);
