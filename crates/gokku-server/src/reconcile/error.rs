//! What can go wrong when what is is brought to what should be. It is told in the log and in the record; nobody is asked.

use std::io;

use crate::{engine, fs, os, queue, space, transition, worker};

/// Why something was not looked at or repaired.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file was not changed.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// Work that was waited for did not come to its end.
    #[error(transparent)]
    Os(#[from] os::Error),
    /// What killed transitions left was not removed.
    #[error(transparent)]
    Queue(#[from] queue::Error),
    /// The Docker Engine, or the traffic switch, did not do it.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// A transition was not ended.
    #[error(transparent)]
    Transition(#[from] transition::Error),
    /// What was half pruned was not removed.
    #[error(transparent)]
    Space(#[from] space::Error),
    /// No worker was started.
    #[error(transparent)]
    Worker(#[from] worker::Error),
    /// A worker was not waited for.
    #[error(transparent)]
    NotWaited(io::Error),
}

impl From<gokku_core::containers::Error> for Error {
    fn from(error: gokku_core::containers::Error) -> Self {
        Self::Engine(error.into())
    }
}
