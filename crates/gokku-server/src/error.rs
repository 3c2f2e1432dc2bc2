//! What can go wrong on the server: what was tried, what went wrong, what to do next.
//!
//! A folder says in a type of its own what can go wrong in it; here they come together, with what that means for whoever
//! asked. [`Error::source`](std::error::Error::source) goes down to what the system, the engine or git said.

use std::io;
use std::path::Path;

use gokku_core::logs::event::Refusal;
use gokku_proxy::control::client::Error as SwitchError;

use crate::{fs, os, queue};

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

/// Why something was not done, in words with what to do next; never a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file was not read or written.
    #[error(transparent)]
    Fs(#[from] fs::Error),
    /// A program was not started.
    #[error(transparent)]
    Os(#[from] os::Error),
    /// An app is not had, or nothing can be written of its transition.
    #[error(transparent)]
    Queue(#[from] queue::Error),
    /// The Docker Engine did not do it.
    #[error(transparent)]
    Engine(#[from] gokku_core::containers::Error),
    /// The traffic switch did not do it.
    #[error(transparent)]
    Switch(SwitchError),
    /// git did not do it.
    #[error(transparent)]
    Git(#[from] gokku_git::Error),
    /// What is said of it where it happened.
    #[error("{message}")]
    Said {
        /// What kind of thing.
        kind: Kind,
        /// In words.
        message: String,
    },
    /// It follows from another error, which says all of it.
    #[error("{source}")]
    Because {
        /// What kind of thing.
        kind: Kind,
        /// The other.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// One of the others, with more to be said.
    #[error("{source}{more}")]
    With {
        /// The other.
        source: Box<Error>,
        /// What stands behind its words.
        more: String,
    },
}

impl Error {
    /// Returns an error of a kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self::Said {
            kind,
            message: message.into(),
        }
    }

    /// Returns the error for what was tried and failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// Returns the error for what was given and cannot be.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Kind::Input, message)
    }

    /// Returns the error for what is not there.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(Kind::Missing, message)
    }

    /// Returns the error for a file that the system did not read or write.
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::Fs(fs::Error::file(path, source))
    }

    /// Returns the error for what failed for a reason that says all of it.
    pub(crate) fn failed_by(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Because {
            kind: Kind::Failed,
            source: Box::new(source),
        }
    }

    /// Returns the error for what was given and cannot be, for a reason that says all of it.
    pub(crate) fn refused_by(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Because {
            kind: Kind::Input,
            source: Box::new(source),
        }
    }

    /// Returns the same with more behind its words.
    #[must_use]
    pub fn with(self, more: impl Into<String>) -> Self {
        Self::With {
            source: Box::new(self),
            more: more.into(),
        }
    }

    /// Returns what kind of thing went wrong.
    pub fn kind(&self) -> Kind {
        use gokku_core::containers::Error as Engine;
        use gokku_git::Error as Git;

        let input = |is_input: bool| if is_input { Kind::Input } else { Kind::Failed };
        match self {
            Self::Fs(error) => input(error.is_input()),
            Self::Os(_) => Kind::Failed,
            Self::Queue(error) => match error {
                queue::Error::NoApp(_) => Kind::Missing,
                queue::Error::Busy { .. } => Kind::Busy,
                queue::Error::File(_) | queue::Error::NotAsked { .. } | queue::Error::Git(_) => Kind::Failed,
            },
            Self::Engine(error) => match error {
                Engine::Silent(_) | Engine::Unavailable(_) => Kind::Unavailable,
                Engine::NotFound(_) | Engine::Conflict(_) | Engine::Denied(_) | Engine::Failed(_) => {
                    Kind::Failed
                }
            },
            Self::Switch(error) => match error {
                SwitchError::NotRunning(_) | SwitchError::Forbidden(_) | SwitchError::Broken { .. } => {
                    Kind::Unavailable
                }
                SwitchError::Refused(_) => Kind::Failed,
            },
            Self::Git(error) => input(matches!(
                error,
                Git::LeadsOut(_) | Git::LeadsNowhere(_) | Git::TooMuch { .. }
            )),
            Self::Said { kind, .. } | Self::Because { kind, .. } => *kind,
            Self::With { source, .. } => source.kind(),
        }
    }

    /// Returns the same as an event says it.
    pub fn refusal(&self) -> Refusal {
        match self.kind() {
            Kind::Failed => Refusal::Failed,
            Kind::Input => Refusal::Input,
            Kind::Missing => Refusal::Missing,
            Kind::Busy => Refusal::Busy,
            Kind::Unavailable => Refusal::Unavailable,
        }
    }
}

impl From<gokku_docker::Error> for Error {
    fn from(error: gokku_docker::Error) -> Self {
        Self::Engine(error.into())
    }
}

impl From<SwitchError> for Error {
    fn from(error: SwitchError) -> Self {
        Self::Switch(match error {
            // Whoever may be told whose a port is, is told where it is asked for.
            SwitchError::Refused(refused) => refused.without_names(|_| false).into(),
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    /// What the system said can be had behind the words, however often more was said.
    #[test]
    fn a_full_disk_is_found_behind_the_words() {
        let full = fs::Error::file(Path::new("/x"), io::ErrorKind::StorageFull.into());
        let error = Error::from(queue::Error::from(full)).with(". Nothing was stored");
        assert_eq!(error.kind(), Kind::Failed);
        assert_eq!(
            error.to_string(),
            "/x: no storage space. The disk is full: make room and try again; nothing was lost. Nothing was stored"
        );
        let causes = std::iter::successors(error.source(), |cause| (**cause).source());
        let of_system: Vec<_> = causes
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .collect();
        assert_eq!(of_system.len(), 1);
        assert_eq!(of_system[0].kind(), io::ErrorKind::StorageFull);
    }
}
