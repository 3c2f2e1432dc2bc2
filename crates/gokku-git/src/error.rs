//! What can go wrong with git.

use std::path::PathBuf;

/// Why git did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no git.
    #[error("git could not be run: {0}. Install it: apt-get install git")]
    Missing(#[source] std::io::Error),
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
    /// A link leads out of the commit.
    #[error("{0} is a link that leads out of the repository, or lies behind one: commit the file itself")]
    LeadsOut(String),
    /// A link leads to nothing.
    #[error(
        "{0} is a link to a file that is not in the repository: commit that file, too, or the file itself"
    )]
    LeadsNowhere(String),
    /// A file is larger than what is read of one.
    #[error("{path}: {source}")]
    TooMuch {
        /// Which.
        path: String,
        /// How much is read.
        source: gokku_core::text::read_limits::TooMuch,
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
