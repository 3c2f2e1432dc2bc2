//! The name of a key that others are let in with.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most characters it may have.
pub const MAX_LEN: usize = 40;

/// Who the daemon is in the record of what changed; no key may be taken for it.
const DAEMON: &str = "gokku";

/// A key's name: `[a-z0-9]([a-z0-9._-]{0,38}[a-z0-9])?`, and not `gokku`. It stands in the record of what changed and in
/// a command line, and can be used in either without further checks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyName(String);

/// Why a key's name was refused. The text says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyNameError {
    /// It is not of that shape.
    #[error(
        "{0:?} is no name for a key: lower-case letters, digits, dots, dashes and underscores, at most {MAX_LEN}; a letter or digit first and last"
    )]
    Shape(String),
    /// It is the daemon's.
    #[error("{DAEMON:?} is what the server calls itself: choose another name for the key")]
    Daemon,
}

impl KeyName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = KeyNameError;

    fn from_str(name: &str) -> Result<Self, KeyNameError> {
        let outer = |letter: char| matches!(letter, 'a'..='z' | '0'..='9');
        let inner = |letter: char| outer(letter) || matches!(letter, '.' | '_' | '-');
        let shaped = name.starts_with(outer)
            && name.ends_with(outer)
            && name.chars().all(inner)
            && name.len() <= MAX_LEN;
        match name {
            DAEMON => Err(KeyNameError::Daemon),
            _ if shaped => Ok(Self(name.to_owned())),
            _ => Err(KeyNameError::Shape(name.to_owned())),
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for KeyName {
    type Error = KeyNameError;

    fn try_from(name: String) -> Result<Self, KeyNameError> {
        name.parse()
    }
}

impl From<KeyName> for String {
    fn from(name: KeyName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keys() {
        let longest = "a".repeat(MAX_LEN);
        for good in ["ada", "a", "7", "ada.l", "ci_1", "ada-laptop", longest.as_str()] {
            assert_eq!(good.parse::<KeyName>().map(String::from).as_deref(), Ok(good));
        }
        let long = "a".repeat(MAX_LEN + 1);
        for bad in [
            "", "-a", "a-", ".", "..", "Ada", "a b", "a\n", "a'b", "é", "--app", "gokku", &long,
        ] {
            let error = bad.parse::<KeyName>().expect_err(bad);
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}
