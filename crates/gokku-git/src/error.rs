//! What can go wrong with git.

use std::path::PathBuf;

/// Why git did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no git.
    #[error("git could not be run: {0}. Install it: apt-get install git")]
    Missing(std::io::Error),
    /// git ran and failed.
    #[error("git {command}: {message}")]
    Failed {
        /// The command's first words.
        command: String,
        /// git's last words.
        message: String,
    },
    /// A file around it could not be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// git answered what it does not answer.
    #[error("git {command} answered {answer:?}, which was not expected")]
    Answer {
        /// The command's first words.
        command: String,
        /// What it said.
        answer: String,
    },
}
