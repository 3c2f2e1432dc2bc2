//! What can go wrong with a file.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gokku_core::text::decode::NotText;

use crate::kind::Kind;

/// Why a file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system did not do it.
    #[error("{}: {source}{}", path.display(), hint(source))]
    File {
        /// The file, or the folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no text.
    #[error("{}:{source}", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// Where it ceases to be one.
        source: NotText,
    },
    /// It is no TOML, or says something that nobody knows. The parser's error is not kept: it shows the whole line, which
    /// may have a secret.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Its line, which counts from 1.
        line: usize,
        /// The character of that line.
        column: usize,
        /// What the parser says of it.
        message: String,
    },
    /// A value that TOML cannot say.
    #[error("{}: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: toml::ser::Error,
    },
    /// There is nothing in it any more.
    #[error("{} has lost its content, as after a power cut or on a disk that fails; `gokku doctor` says what to do", path.display())]
    Torn {
        /// The file.
        path: PathBuf,
    },
    /// Another gokku has written it.
    #[error("{} is of version {found}, and this gokku knows {newest}: the one that wrote it reads it", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that is known.
        newest: u32,
    },
    /// A file of a release's code cannot be read.
    #[error("{name}: {source}")]
    Code {
        /// Its name in the code.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A link in a release's code leads out of it, or to nothing.
    #[error(transparent)]
    Link(gokku_git::Error),
    /// A file system was not brought to its disk.
    #[error("{}: what was written cannot be brought to its disk: {source}. See the kernel's log, dmesg, and try again", folder.display())]
    Unsynced {
        /// A folder on it.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A disk takes too long.
    #[error(
        "the disk has not taken what was written within {} s: what else writes so much, or is it failing? See the kernel's log, dmesg, and try again",
        limit.as_secs()
    )]
    Slow {
        /// How long it was waited for.
        limit: Duration,
    },
    /// Another process has a lock for too long.
    #[error(
        "another gokku has had {} for more than {} s: `fuser -v {}` shows which; try again when it is done",
        path.display(), limit.as_secs(), path.display()
    )]
    Locked {
        /// The lock.
        path: PathBuf,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The thread that waits for the disk is gone.
    #[error("what brings files to the disk has died")]
    WriterDied,
}

impl Error {
    /// Returns the error for a file that the system did not read or write.
    pub fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }

    /// Returns what kind of thing went wrong.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Code { .. } | Self::Link(_) => Kind::Input,
            Self::Locked { .. } => Kind::Busy,
            _ => Kind::Failed,
        }
    }
}

/// What to do about it.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            ". The disk is full: make room and try again; nothing was lost"
        }
        ErrorKind::PermissionDenied => ". Run it as root, or as the owner of that folder",
        _ => "",
    }
}
