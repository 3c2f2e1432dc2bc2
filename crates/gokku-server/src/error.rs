//! What can go wrong on the server: what was tried, what went wrong, what to do next.

use std::fmt;
use std::path::Path;

use gokku_core::logs::event::Refusal;

/// What kind of thing went wrong; the command line's exit code follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was tried and failed.
    Failed,
    /// What was given cannot be.
    Input,
    /// There is no such app, release or key.
    Missing,
    /// Another transition of the app is under way.
    Busy,
    /// The Docker Engine or the traffic switch is not there.
    Unavailable,
}

/// Why something was not done.
#[derive(Debug)]
pub struct Error {
    /// What kind of thing.
    pub kind: Kind,
    /// In words, with what to do next; never a secret.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl Error {
    /// An error of a kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// It was tried and failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// What was given cannot be.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Kind::Input, message)
    }

    /// There is no such thing.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(Kind::Missing, message)
    }

    /// A file could not be read or written.
    pub fn file(path: &Path, error: &std::io::Error) -> Self {
        let hint = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                ". The disk is full: make room and try again; nothing was lost"
            }
            std::io::ErrorKind::PermissionDenied => ". Run it as root, or as the owner of that folder",
            _ => "",
        };
        Self::failed(format!("{}: {error}{hint}", path.display()))
    }

    /// The same, as an event says it.
    pub fn refusal(&self) -> Refusal {
        match self.kind {
            Kind::Failed => Refusal::Failed,
            Kind::Input => Refusal::Input,
            Kind::Missing => Refusal::Missing,
            Kind::Busy => Refusal::Busy,
            Kind::Unavailable => Refusal::Unavailable,
        }
    }
}

impl From<gokku_core::containers::Error> for Error {
    fn from(error: gokku_core::containers::Error) -> Self {
        use gokku_core::containers::Error as Theirs;
        let kind = match &error {
            Theirs::Silent(_) | Theirs::Unavailable(_) => Kind::Unavailable,
            Theirs::NotFound(_) | Theirs::Conflict(_) | Theirs::Denied(_) | Theirs::Failed(_) => Kind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<gokku_docker::Error> for Error {
    fn from(error: gokku_docker::Error) -> Self {
        Self::from(gokku_core::containers::Error::from(error))
    }
}

impl From<gokku_proxy::control::client::Error> for Error {
    fn from(error: gokku_proxy::control::client::Error) -> Self {
        use gokku_proxy::control::client::Error as Theirs;
        let kind = match &error {
            Theirs::NotRunning(_) | Theirs::Forbidden(_) | Theirs::Broken { .. } => Kind::Unavailable,
            Theirs::Refused(_) => Kind::Failed,
        };
        // Whoever may be told whose a port is, is told where it is asked for.
        let words = match error {
            Theirs::Refused(refused) => refused.without_names(|_| false).to_string(),
            other => other.to_string(),
        };
        Self::new(kind, words)
    }
}

impl From<gokku_git::Error> for Error {
    fn from(error: gokku_git::Error) -> Self {
        use gokku_git::Error as Theirs;
        let kind = match &error {
            Theirs::LeadsOut(_) | Theirs::LeadsNowhere(_) | Theirs::TooMuch { .. } => Kind::Input,
            _ => Kind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}
