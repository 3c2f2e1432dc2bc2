//! What can go wrong with the engine that runs containers, and with the traffic switch.

use std::path::PathBuf;

use gokku_proxy::control::client::Error as SwitchError;

use crate::kind::Kind;
use crate::os;

/// Why the engine, or the traffic switch, did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine did not.
    #[error(transparent)]
    Engine(#[from] gokku_core::containers::Error),
    /// The switch did not.
    #[error(transparent)]
    Switch(SwitchError),
    /// The daemon's program was not started.
    #[error(transparent)]
    Program(#[from] os::Error),
    /// The daemon was started, and does not answer.
    #[error(
        "the traffic switch could not be started: {}. `gokku proxy run` shows what is wrong, its log is {}",
        last.join("; "),
        log.display()
    )]
    NotStarted {
        /// The last lines of its log.
        last: Vec<String>,
        /// Its log.
        log: PathBuf,
    },
    /// The daemon does not follow the engine's events.
    #[error("the traffic switch does not see which containers run, so none is started: its log says why")]
    Unwatched,
}

impl Error {
    /// Returns what kind of thing went wrong.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Engine(error) => error.into(),
            Self::Switch(error) => error.into(),
            Self::Program(error) => error.kind(),
            Self::NotStarted { .. } | Self::Unwatched => Kind::Unavailable,
        }
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
