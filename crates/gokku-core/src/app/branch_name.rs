//! A branch's name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A branch's name, without `refs/heads/`; by the rules of git-check-ref-format(1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BranchName(String);

/// Why a text is not a branch's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a branch's name")]
pub struct BranchNameError(pub String);

impl BranchName {
    /// `main`.
    pub fn main() -> Self {
        Self("main".to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name with `refs/heads/` before it.
    pub fn full(&self) -> String {
        format!("refs/heads/{}", self.0)
    }
}

impl FromStr for BranchName {
    type Err = BranchNameError;

    fn from_str(name: &str) -> Result<Self, BranchNameError> {
        let odd = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
        let part_is_good = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.rsplit_once('.').is_none_or(|(_, end)| end != "lock")
        };
        let good = !name.contains(odd)
            && !name.contains("..")
            && !name.contains("@{")
            && name != "@"
            && !name.starts_with('-')
            && !name.ends_with('.')
            && name.split('/').all(part_is_good);
        if good {
            Ok(Self(name.to_owned()))
        } else {
            Err(BranchNameError(name.to_owned()))
        }
    }
}

impl fmt::Display for BranchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for BranchName {
    type Error = BranchNameError;

    fn try_from(name: String) -> Result<Self, BranchNameError> {
        name.parse()
    }
}

impl From<BranchName> for String {
    fn from(name: BranchName) -> Self {
        name.0
    }
}
