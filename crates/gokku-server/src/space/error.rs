//! What can go wrong when room is made.

use gokku_core::release::disk::Short;
use gokku_core::text::size::Size;

use crate::kind::Kind;
use crate::{app, fs, queue, transition};

/// Why something was not pruned, or a build has no room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file was not read or removed.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// Something of an app was not read.
    #[error(transparent)]
    App(#[from] app::Error),
    /// An app is not had.
    #[error(transparent)]
    Queue(#[from] queue::Error),
    /// The Docker Engine did not do it.
    #[error(transparent)]
    Engine(#[from] gokku_core::containers::Error),
    /// A transition that was cut off was not ended.
    #[error(transparent)]
    Transition(#[from] transition::Error),
    /// A build has no room.
    #[error(
        "there is not enough room to build: {short} ([disk] reserve in config.toml). Nothing was built, and what runs goes on. \
         What gokku may remove was removed before that ({freed}). Make room and try again: `gokku doctor` shows what gokku uses, \
         a smaller keep_images in gokku.yml and then `gokku prune` leave fewer releases, `docker system df` shows what else the \
         engine keeps, `docker builder prune` empties its build cache"
    )]
    NoRoom {
        /// What is missing where.
        short: Short,
        /// What pruning has given.
        freed: Size,
    },
}

impl Error {
    /// Returns what kind of thing went wrong.
    pub fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            Self::App(error) => error.kind(),
            Self::Queue(error) => error.kind(),
            Self::Engine(error) => error.into(),
            Self::Transition(error) => error.kind(),
            Self::NoRoom { .. } => Kind::Failed,
        }
    }
}

impl From<gokku_docker::Error> for Error {
    fn from(error: gokku_docker::Error) -> Self {
        Self::Engine(error.into())
    }
}
