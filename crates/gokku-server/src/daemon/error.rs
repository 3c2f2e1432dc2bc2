//! What can go wrong with the process that serves.

use std::io;
use std::process::ExitStatus;

use gokku_proxy::control::client::Error as SwitchError;

use crate::kind::Kind;
use crate::{app, engine, fs, os, queue};

/// Why the daemon does not serve, or was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file was not read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// The new one was not started, or the old one not waited for.
    #[error(transparent)]
    Os(#[from] os::Error),
    /// The apps cannot be listed.
    #[error(transparent)]
    App(#[from] app::Error),
    /// An app is not had.
    #[error(transparent)]
    Queue(#[from] queue::Error),
    /// The traffic switch does not answer.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The traffic switch does not start.
    #[error(transparent)]
    Switch(#[from] gokku_proxy::server::proxy::StartError),
    /// The keeper could not begin, or go on.
    #[error("the traffic switch is not kept running: {0}. `gokku proxy restart` gives it a new keeper")]
    Keeper(#[source] io::Error),
    /// A service manager runs the old one.
    #[error(
        "the traffic switch, process {0}, is run by a service manager, which would start another one: `sudo systemctl reload gokku` replaces it"
    )]
    OfServiceManager(u32),
    /// The new one ended.
    #[error("the new traffic switch was not started, it ended: {status}. The old one goes on. {last}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// The last line of its log.
        last: String,
    },
    /// The new one does not serve in time.
    #[error("the new traffic switch was not started, it does not serve. The old one goes on. {last}")]
    DoesNotServe {
        /// The last line of its log.
        last: String,
    },
}

impl Error {
    /// Returns what kind of thing went wrong.
    pub fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            Self::Os(error) => error.kind(),
            Self::App(error) => error.kind(),
            Self::Queue(error) => error.kind(),
            Self::Engine(error) => error.kind(),
            Self::OfServiceManager(_) => Kind::Input,
            Self::Switch(_) | Self::Keeper(_) | Self::Ended { .. } | Self::DoesNotServe { .. } => {
                Kind::Failed
            }
        }
    }
}

impl From<SwitchError> for Error {
    fn from(error: SwitchError) -> Self {
        Self::Engine(error.into())
    }
}
