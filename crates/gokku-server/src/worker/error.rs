//! What can go wrong with a request, from the push or the command to its end.

use std::fmt;

use gokku_core::access::host_ports::NotToTake;
use gokku_core::app::branch_name::BranchName;
use gokku_core::config::processes::ProcessesError;
use gokku_core::config::settings::PORT;
use gokku_core::push::ref_name::NotStored;
use gokku_core::push::rules::Refusal;
use gokku_core::{AppName, CommitId, ReleaseId};
use gokku_git::{OLDEST_GIT, Obstacle};
use gokku_proxy::control::api::Refused;
use gokku_proxy::control::client::Error as SwitchError;

use crate::kind::Kind;
use crate::plan::release_plan::GOKKU_YML;
use crate::{app, engine, fs, os, plan, queue, space, transition};

/// Why a request was refused, or did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file was not read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// A program was not started, or work that was waited for did not come to its end.
    #[error(transparent)]
    Os(#[from] os::Error),
    /// Something of the app was not read or changed.
    #[error(transparent)]
    App(#[from] app::Error),
    /// The app is not had, or nothing can be written of the transition.
    #[error(transparent)]
    Queue(#[from] queue::Error),
    /// The Docker Engine, or the traffic switch, did not do it.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// A release cannot be built, or run.
    #[error(transparent)]
    Plan(#[from] plan::Error),
    /// A transition was not begun, or one that was cut off not ended.
    #[error(transparent)]
    Transition(#[from] transition::Error),
    /// There is no room.
    #[error(transparent)]
    Space(#[from] space::Error),
    /// git did not do it.
    #[error(transparent)]
    Git(#[from] gokku_git::Error),
    /// The rules of pushes refuse it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A ref of a push is none that is kept.
    #[error(transparent)]
    NotStored(#[from] NotStored),
    /// The repository's own update hook refuses a ref.
    #[error(
        "{0} is not moved, and nothing is deployed: the update hook of the repository on the server refuses it"
    )]
    UpdateHook(String),
    /// The server's git is older than what is needed.
    #[error(
        "the server's git is too old: {}.{} is the oldest whose pushes can be deployed. Upgrade it there: apt-get install git",
        OLDEST_GIT.0,
        OLDEST_GIT.1
    )]
    OldGit,
    /// The repository had not gokku's hooks when the push began.
    #[error(
        "the repository of {0} was not set up for this version of gokku, and is now: push again. Nothing was deployed"
    )]
    JustSetUp(AppName),
    /// Something in a commit keeps it from being deployed.
    #[error("{} cannot be deployed: {obstacle}", commit.short())]
    Obstacle {
        /// The commit.
        commit: CommitId,
        /// What is in the way.
        obstacle: Obstacle,
    },
    /// A commit's files cannot be had, and the repository has lost something.
    #[error(
        "{source}. The repository of {app} has files without content, as after a power cut: `gokku doctor` tells which, and what to do"
    )]
    NotWhole {
        /// The app.
        app: AppName,
        /// What git says.
        source: gokku_git::Error,
    },
    /// The branch is behind what runs.
    #[error(
        "{} is what runs, and {branch} is at {}, which it does not build on: its push was cut off before git had it. Push it again first; deploying {branch} now would deploy something older",
        runs.short(),
        head.short()
    )]
    BehindWhatRuns {
        /// The commit that runs.
        runs: CommitId,
        /// The branch that deploys.
        branch: BranchName,
        /// Its commit.
        head: CommitId,
    },
    /// A scale names what is not there, or leaves nothing.
    #[error(transparent)]
    Scale(#[from] ProcessesError),
    /// There is no release that a rollback could go to by itself.
    #[error("{app} has no good release before {active}; {choice}")]
    NoneBefore {
        /// The app.
        app: AppName,
        /// Its active release.
        active: ReleaseId,
        /// Those that can be had.
        choice: Choice,
    },
    /// A rollback cannot go to the release that was named.
    #[error("{app} cannot go back to {release}: {problem}; {choice}")]
    CannotReturn {
        /// The app.
        app: AppName,
        /// The release.
        release: ReleaseId,
        /// Why.
        problem: NoReturn,
        /// Those that can be had.
        choice: Choice,
    },
    /// The app may not have its host port.
    #[error("{at}: {source}")]
    PortNotToTake {
        /// Where the port is said.
        at: PortFrom,
        /// Why.
        source: NotToTake,
    },
    /// A variable would say a host port that the app may not have.
    #[error("{PORT}: {0}")]
    PortNotToSet(#[source] NotToTake),
    /// The traffic switch cannot give the app its host port.
    #[error(transparent)]
    PortNotHad(Refused),
    /// A request cannot be handed to a worker.
    #[error(transparent)]
    Unwritable(serde_json::Error),
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
            Self::Plan(error) => error.kind(),
            Self::Transition(error) => error.kind(),
            Self::Space(error) => error.kind(),
            Self::Git(error) | Self::NotWhole { source: error, .. } => error.into(),
            Self::NoneBefore { .. } | Self::CannotReturn { .. } => Kind::Missing,
            Self::Refused(_)
            | Self::NotStored(_)
            | Self::UpdateHook(_)
            | Self::Obstacle { .. }
            | Self::Scale(_)
            | Self::PortNotToTake { .. }
            | Self::PortNotToSet(_) => Kind::Input,
            Self::OldGit
            | Self::JustSetUp(_)
            | Self::BehindWhatRuns { .. }
            | Self::PortNotHad(_)
            | Self::Unwritable(_) => Kind::Failed,
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

/// The releases that a rollback can go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice(pub(super) Vec<ReleaseId>);

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("there is no release to go back to");
        }
        let all: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        write!(f, "these can be had: {}", all.join(", "))
    }
}

/// Why a rollback cannot go to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoReturn {
    /// There is none of that id.
    Unknown,
    /// It failed.
    Failed,
    /// It was pruned.
    Pruned,
    /// It was cut off.
    Unfinished,
    /// It has the traffic.
    Active,
}

impl fmt::Display for NoReturn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "there is no such release",
            Self::Failed => "it failed and has nothing to run",
            Self::Pruned => "it was pruned and has nothing to run",
            Self::Unfinished => "it was never finished",
            Self::Active => "it is the active one already",
        })
    }
}

/// Where an app's host port is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortFrom {
    /// `ports:` in its `gokku.yml`.
    Yml,
    /// `PORT` in its environment.
    Setting,
}

impl fmt::Display for PortFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yml => write!(f, "{GOKKU_YML}: ports"),
            Self::Setting => f.write_str(PORT),
        }
    }
}
