//! A process of a release: its type and number, `web-1`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most characters a process type may have.
pub const MAX_TYPE: usize = 63;

/// A process type, `web`, `worker` or `sidekiq-high`: `[A-Za-z0-9_][A-Za-z0-9_-]{0,62}`, what Heroku takes in a `Procfile`.
///
/// `web` in lower case alone is the one that gets traffic. How its containers are called is in [`Slot`](crate::Slot).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProcessType(String);

/// A text is no process type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a process type: it is letters, digits, - and _, at most {MAX_TYPE} in all, and does not begin with -"
)]
pub struct ProcessTypeError(String);

/// The type and number of one of a release's containers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProcessKey {
    kind: ProcessType,
    /// Counts from 1.
    number: u16,
}

/// Why a text is not a process key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProcessKeyError {
    /// No `-NUMBER` at its end, or a number that is not 1 to 65535.
    #[error("{0:?} is not a process: it is a type and a number, like web-1")]
    Shape(String),
    /// The type is none.
    #[error(transparent)]
    Kind(#[from] ProcessTypeError),
}

impl ProcessType {
    /// Returns `web`, the type that gets traffic.
    pub fn web() -> Self {
        Self("web".to_owned())
    }

    /// Returns whether traffic goes to it.
    pub fn is_web(&self) -> bool {
        self.0 == "web"
    }

    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns its processes, numbered from 1.
    pub fn numbered(&self, count: u16) -> impl Iterator<Item = ProcessKey> + '_ {
        (1..=count).map(|number| ProcessKey {
            kind: self.clone(),
            number,
        })
    }
}

impl FromStr for ProcessType {
    type Err = ProcessTypeError;

    fn from_str(text: &str) -> Result<Self, ProcessTypeError> {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let length = 1..=MAX_TYPE;
        if length.contains(&text.len()) && text.chars().all(good) && !text.starts_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(ProcessTypeError(text.to_owned()))
        }
    }
}

impl ProcessKey {
    /// Returns `web-1`, the process that an app has when nothing else is said.
    pub fn first_web() -> Self {
        Self {
            kind: ProcessType::web(),
            number: 1,
        }
    }

    /// Returns its type.
    pub fn kind(&self) -> &ProcessType {
        &self.kind
    }

    /// Returns its number, from 1.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Returns which of those there are it means, as somebody has typed it: `worker-2` is the second of `worker`, or
    /// where there is none, the first of a type of that name.
    pub fn resolve_in<'a>(&'a self, there: &'a BTreeSet<Self>) -> &'a Self {
        let named = || {
            let kind = self.to_string().parse().ok()?;
            there.get(&Self { kind, number: 1 })
        };
        if there.contains(self) {
            self
        } else {
            named().unwrap_or(self)
        }
    }

    /// Returns whether this is `web-1`.
    pub fn is_first_web(&self) -> bool {
        self.is_web() && self.number == 1
    }

    /// Returns whether traffic goes to it.
    pub fn is_web(&self) -> bool {
        self.kind.is_web()
    }
}

/// Returns which of a release's processes its route points at: those of web, which get its traffic. Where there is
/// none, all of them: they answer no requests, and the route says nevertheless which release is the active one.
pub fn routed<'a>(processes: impl IntoIterator<Item = &'a ProcessKey>) -> impl Fn(&ProcessKey) -> bool {
    let all = !processes.into_iter().any(ProcessKey::is_web);
    move |process| all || process.is_web()
}

impl fmt::Display for ProcessType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
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
        let key = Self {
            number: number
                .parse()
                .ok()
                .filter(|number| *number > 0)
                .ok_or_else(shape)?,
            kind: kind.parse()?,
        };
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(shape())
        }
    }
}

impl TryFrom<String> for ProcessType {
    type Error = ProcessTypeError;

    fn try_from(text: String) -> Result<Self, ProcessTypeError> {
        text.parse()
    }
}

impl From<ProcessType> for String {
    fn from(kind: ProcessType) -> Self {
        kind.0
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
