//! What can go wrong with the machine's processes and users.

use std::io;
use std::path::{Path, PathBuf};

use crate::fs;

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
}

impl Error {
    /// Returns the error for a program, or a file that it is given, with which something went wrong.
    pub(super) fn program(path: &Path, source: io::Error) -> Self {
        Self::Program(fs::Error::file(path, source))
    }
}
