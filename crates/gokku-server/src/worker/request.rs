//! What is asked for, handed to a worker that outlives whoever asked.

use std::collections::BTreeSet;
use std::process::Child;
use std::time::Duration;

use gokku_core::access::domain_grants::DomainGrants;
use gokku_core::app::branch_name::BranchName;
use gokku_core::config::image_ref::ImageRef;
use gokku_core::config::processes::Scale;
use gokku_core::push::rules::RefUpdate;
use gokku_core::transition::OperationName;
use gokku_core::{AppName, Asker, CommitId, ReleaseId, TreeId};
use serde::{Deserialize, Serialize};

use crate::os::detached;
use crate::queue::transition_log;
use crate::server::Server;
use crate::worker::Error;

/// One thing asked of an app.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The app.
    pub app: AppName,
    /// The transition's id, whose log is there already.
    pub id: ReleaseId,
    /// Who asks.
    pub by: String,
    /// Who answers for it.
    #[serde(default)]
    pub asker: Asker,
    /// The apps that whoever asks is limited to; none for whoever is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<BTreeSet<AppName>>,
    /// The domains that whoever asks may give to the app, where that is a key.
    #[serde(default, skip_serializing_if = "DomainGrants::is_empty")]
    pub domains: DomainGrants,
    /// What.
    #[serde(rename = "ask")]
    pub operation: Operation,
    /// Whether to wait while the app is busy, or to be refused.
    pub wait: bool,
}

/// What can be asked of an app.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// A new release of this commit, whose code lies in the app's `incoming` folder.
    Deploy {
        /// The commit.
        commit: CommitId,
        /// Its files, by git's id of them.
        tree: TreeId,
        /// The branch it was pushed to.
        branch: BranchName,
        /// The push; none for `gokku deploy`.
        push: Option<Push>,
        /// Whether it is built anew, whatever was built before.
        rebuild: bool,
        /// How long it took to take its files out of the repository, in milliseconds.
        #[serde(default)]
        took_out: u64,
    },
    /// A new release of this image, wherever the app's code is; what its `gokku.yml` says lies in the app's `incoming`
    /// folder.
    Image {
        /// The image.
        image: ImageRef,
        /// The commit whose `gokku.yml` counts; none for an app that has had no push.
        commit: Option<CommitId>,
    },
    /// A release that was good before; the previous one when none is named.
    Rollback {
        /// Which.
        release: Option<ReleaseId>,
    },
    /// The active release in a new container.
    Restart,
    /// The active release with the env as it is now.
    Config,
    /// The release that was stopped.
    Start,
    /// The active release in another number of containers.
    Scale {
        /// How many of which; others stay as they are.
        scale: Scale,
    },
    /// Nothing of it runs.
    Stop,
    /// Nothing of it is left.
    Destroy {
        /// Whether its volumes go, too.
        volumes: bool,
    },
}

impl Operation {
    /// Returns whether it makes a new release.
    pub fn deploys(&self) -> bool {
        matches!(self, Self::Deploy { .. } | Self::Image { .. })
    }

    /// Returns how long it took to take the code out of the repository, before there was a worker.
    pub fn took_out(&self) -> Duration {
        match self {
            Self::Deploy { took_out, .. } => Duration::from_millis(*took_out),
            _ => Duration::ZERO,
        }
    }

    /// Returns its name, which logs and messages have.
    pub fn name(&self) -> OperationName {
        match self {
            Self::Deploy { .. } | Self::Image { .. } => OperationName::Deploy,
            Self::Rollback { .. } => OperationName::Rollback,
            Self::Restart => OperationName::Restart,
            Self::Config => OperationName::Config,
            Self::Start => OperationName::Start,
            Self::Scale { .. } => OperationName::Scale,
            Self::Stop => OperationName::Stop,
            Self::Destroy { .. } => OperationName::Destroy,
        }
    }
}

/// A push that waits for its deploy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Push {
    /// What it wants of each ref: the deploy branch first.
    pub refs: Vec<RefUpdate>,
    /// git's process, where that moves the refs when the deploy went well; none where the deploy does.
    pub mover: Option<u32>,
}

impl Push {
    /// Returns what the transition moves itself.
    pub fn moved(&self) -> &[RefUpdate] {
        match self.mover {
            Some(_) => &[],
            None => &self.refs,
        }
    }
}

/// A request that a worker has.
#[derive(Debug)]
pub struct Submitted {
    /// The transition, whose log can be followed.
    pub id: ReleaseId,
    /// The worker.
    pub child: Child,
}

/// Hands a request to a worker of its own.
pub fn submit(server: &Server, app: &AppName, operation: Operation, wait: bool) -> Result<Submitted, Error> {
    let dir = server.app_dir(app);
    let id = transition_log::allocate(&dir)?;
    submit_as(server, app, id, operation, wait)
}

/// Submits it with an id that was allocated before.
pub fn submit_as(
    server: &Server,
    app: &AppName,
    id: ReleaseId,
    operation: Operation,
    wait: bool,
) -> Result<Submitted, Error> {
    let request = Request {
        app: app.clone(),
        id,
        by: server.by.clone(),
        asker: server.asker,
        only: server.access.apps().cloned(),
        domains: server.domains.clone(),
        operation,
        wait,
    };
    let input = serde_json::to_vec(&request).map_err(Error::Unwritable)?;
    let words = server.root.path().join("run/worker.log");
    let child = detached::spawn(
        &server.program,
        &["worker"],
        server.root.path(),
        &input,
        Some(&words),
    )?;
    Ok(Submitted { id, child })
}
