//! What can go wrong with the machine's processes and users.

use std::io;
use std::path::{Path, PathBuf};

use crate::fs;
use crate::kind::Kind;

/// Why a program was not started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be, or could not be given what it is to do.
    #[error(transparent)]
    Program(#[from] fs::Error),
    /// Whoever asks may not act as the user whose the server is.
    #[error(
        "{} belongs to {user}, and {by} may not act as {user}: be let in by an administrator (sudo usermod -aG {group} {by}, then log in again), or run it with sudo",
        root.display()
    )]
    NotOwner {
        /// The server's folder.
        root: PathBuf,
        /// Whose it is.
        user: String,
        /// The group that is let in.
        group: String,
        /// Who asks.
        by: String,
    },
    /// Work that was waited for on a thread of its own did not come to its end.
    #[error(transparent)]
    Thread(#[from] tokio::task::JoinError),
}

impl Error {
    /// Returns what kind of thing went wrong.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Program(_) | Self::NotOwner { .. } | Self::Thread(_) => Kind::Failed,
        }
    }

    /// Returns the error for a program, or a file that it is given, with which something went wrong.
    pub(crate) fn program(path: &Path, source: io::Error) -> Self {
        Self::Program(fs::Error::file(path, source))
    }
}
