//! What can go wrong on the way to an app, and with what is written of a transition.

use std::io;
use std::path::Path;

use gokku_core::AppName;

use crate::fs;
use crate::kind::Kind;
use crate::queue::lock::{Held, Holder};

/// Why an app is not had, or nothing could be written of its transition.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of it could not be read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// There is no such app.
    #[error("there is no app {0}")]
    NoApp(AppName),
    /// Somebody else has it.
    #[error(
        "{app} is busy with {}: wait for it (`gokku deploy --attach -a {app}` follows it), or end it with `gokku deploy --abort -a {app}`",
        held.as_ref().map_or_else(|| "something".to_owned(), ToString::to_string)
    )]
    Busy {
        /// The app.
        app: AppName,
        /// Who has it, where that can be read.
        held: Option<Box<Held>>,
    },
    /// The process that holds it could not be asked to end.
    #[error(
        "the {holder} could not be asked to stop: signal to process {}: {source}. Ask as the user who runs it",
        holder.pid
    )]
    NotAsked {
        /// Who that is.
        holder: Box<Holder>,
        /// Why.
        source: rustix::io::Errno,
    },
    /// git does not say what a branch is.
    #[error(transparent)]
    Git(#[from] gokku_git::Error),
}

impl Error {
    /// Returns what kind of thing went wrong.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NoApp(_) => Kind::Missing,
            Self::Busy { .. } => Kind::Busy,
            Self::File(_) | Self::NotAsked { .. } | Self::Git(_) => Kind::Failed,
        }
    }

    /// Returns the error for a file that the system did not read or write.
    pub(super) fn file(path: &Path, source: io::Error) -> Self {
        Self::File(fs::Error::file(path, source))
    }
}
