//! What an app is held for, while nobody else may change it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::operation::OperationName;

/// What somebody has an app for; a word in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Purpose {
    /// It was asked for.
    Operation(OperationName),
    /// A push of what runs already: only the refs move.
    Push,
    /// The daemon ends a transition that was cut off, or mends something.
    Recovery,
    /// What the app no longer keeps is removed.
    Prune,
    /// The daemon is replaced.
    SwitchRestart,
    /// What a gokku of another version calls so.
    Other(String),
}

impl Purpose {
    fn as_str(&self) -> &str {
        match self {
            Self::Operation(name) => name.as_str(),
            Self::Push => "push",
            Self::Recovery => "recovery",
            Self::Prune => "prune",
            Self::SwitchRestart => "restart of the traffic switch",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for Purpose {
    fn from(word: String) -> Self {
        let operations = OperationName::ALL.into_iter().map(Self::Operation);
        operations
            .chain([Self::Push, Self::Recovery, Self::Prune, Self::SwitchRestart])
            .find(|known| known.as_str() == word)
            .unwrap_or(Self::Other(word))
    }
}

impl From<Purpose> for String {
    fn from(purpose: Purpose) -> Self {
        purpose.to_string()
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_word_in_the_file() {
        for (word, purpose) in [
            ("deploy", Purpose::Operation(OperationName::Deploy)),
            ("push", Purpose::Push),
            ("recovery", Purpose::Recovery),
            ("prune", Purpose::Prune),
            ("restart of the traffic switch", Purpose::SwitchRestart),
            ("something newer", Purpose::Other("something newer".to_owned())),
        ] {
            assert_eq!(Purpose::from(word.to_owned()), purpose);
            assert_eq!(String::from(purpose), word);
        }
    }
}
