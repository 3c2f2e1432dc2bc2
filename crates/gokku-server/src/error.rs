//! What can go wrong on the server: what was tried, what went wrong, what to do next.
//!
//! A folder says in a type of its own what can go wrong in it, and of which [`Kind`] that is; here they come together for
//! whoever asked. [`Error::source`](std::error::Error::source) goes down to what the system, the engine or git said.

use gokku_proxy::control::client::Error as SwitchError;

use crate::kind::Kind;
use crate::{app, command, daemon, engine, fs, os, plan, queue, space, transition, worker};

/// Why something was not done, in words with what to do next; never a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file was not read or written.
    #[error(transparent)]
    Fs(#[from] fs::Error),
    /// A program was not started.
    #[error(transparent)]
    Os(#[from] os::Error),
    /// Something of an app was not read, made or changed.
    #[error(transparent)]
    App(#[from] app::Error),
    /// An app is not had, or nothing can be written of its transition.
    #[error(transparent)]
    Queue(#[from] queue::Error),
    /// The Docker Engine, or the traffic switch, did not do it.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// A release cannot be built, or run.
    #[error(transparent)]
    Plan(#[from] plan::Error),
    /// A step was not done, or a transition not ended.
    #[error(transparent)]
    Transition(#[from] transition::Error),
    /// Something was not pruned.
    #[error(transparent)]
    Space(#[from] space::Error),
    /// A request was refused.
    #[error(transparent)]
    Worker(#[from] worker::Error),
    /// The daemon does not serve.
    #[error(transparent)]
    Daemon(#[from] daemon::Error),
    /// A command did not do what was asked.
    #[error(transparent)]
    Command(#[from] command::Error),
}

impl Error {
    /// Returns what kind of thing went wrong.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Fs(error) => error.kind(),
            Self::Os(error) => error.kind(),
            Self::App(error) => error.kind(),
            Self::Queue(error) => error.kind(),
            Self::Engine(error) => error.kind(),
            Self::Plan(error) => error.kind(),
            Self::Transition(error) => error.kind(),
            Self::Space(error) => error.kind(),
            Self::Worker(error) => error.kind(),
            Self::Daemon(error) => error.kind(),
            Self::Command(error) => error.kind(),
        }
    }
}

impl From<gokku_core::containers::Error> for Error {
    fn from(error: gokku_core::containers::Error) -> Self {
        Self::Engine(error.into())
    }
}

impl From<gokku_docker::Error> for Error {
    fn from(error: gokku_docker::Error) -> Self {
        gokku_core::containers::Error::from(error).into()
    }
}

impl From<SwitchError> for Error {
    fn from(error: SwitchError) -> Self {
        Self::Engine(error.into())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use gokku_core::text::causes::chain;

    use super::*;

    /// What the system said can be had behind the words, however often more was said.
    #[test]
    fn a_full_disk_is_found_behind_the_words() {
        let full = fs::Error::file(Path::new("/x"), io::ErrorKind::StorageFull.into());
        let error = transition::Error::OfProcess {
            process: gokku_core::ProcessKey::first_web(),
            source: Box::new(queue::Error::from(full).into()),
        };
        let error = Error::from(worker::Error::from(error));
        assert_eq!(error.kind(), Kind::Failed);
        assert_eq!(
            error.to_string(),
            "web-1: /x: no storage space. The disk is full: make room and try again; nothing was lost"
        );
        let of_system: Vec<_> = chain(&error)
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .collect();
        assert_eq!(of_system.len(), 1);
        assert_eq!(of_system[0].kind(), io::ErrorKind::StorageFull);
    }
}
