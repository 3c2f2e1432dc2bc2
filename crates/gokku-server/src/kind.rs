//! What kind of thing went wrong: each folder's error says it of itself, the command line's exit code follows from it.

use gokku_core::containers::Error as EngineError;
use gokku_core::logs::event::Refusal;
use gokku_git::Error as GitError;
use gokku_proxy::control::client::Error as SwitchError;

/// What kind of thing went wrong.
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

impl From<Kind> for Refusal {
    /// Returns the same as an event says it.
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Failed => Self::Failed,
            Kind::Input => Self::Input,
            Kind::Missing => Self::Missing,
            Kind::Busy => Self::Busy,
            Kind::Unavailable => Self::Unavailable,
        }
    }
}

impl From<&EngineError> for Kind {
    fn from(error: &EngineError) -> Self {
        match error {
            EngineError::Silent(_) | EngineError::Unavailable(_) => Self::Unavailable,
            EngineError::NotFound(_)
            | EngineError::Conflict(_)
            | EngineError::Denied(_)
            | EngineError::Failed(_) => Self::Failed,
        }
    }
}

impl From<&SwitchError> for Kind {
    fn from(error: &SwitchError) -> Self {
        match error {
            SwitchError::NotRunning(_)
            | SwitchError::Forbidden(_)
            | SwitchError::Silent { .. }
            | SwitchError::Broken { .. } => Self::Unavailable,
            SwitchError::Refused(_) => Self::Failed,
        }
    }
}

impl From<&GitError> for Kind {
    fn from(error: &GitError) -> Self {
        match error {
            GitError::LeadsOut(_) | GitError::LeadsNowhere(_) | GitError::TooMuch { .. } => Self::Input,
            _ => Self::Failed,
        }
    }
}
