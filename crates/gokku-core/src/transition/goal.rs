//! What a transition is to bring about.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::observed::{Container, Observed, State};
use crate::app::branch_name::BranchName;
use crate::app::ids::ContainerId;
use crate::app::mode::Mode;
use crate::app::process_key::{ProcessKey, ProcessType, routed};
use crate::app::release_id::ReleaseId;
use crate::app::slot::Slot;
use crate::push::rules::RefUpdate;

/// What is wanted of an app.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "want", rename_all = "kebab-case")]
pub enum Goal {
    /// One release gets the traffic, in containers of this transition.
    Activate(Activation),
    /// The app gets no traffic and nothing of it runs; its containers stay, stopped.
    Stop,
    /// The app gets no traffic and has no containers.
    Destroy,
}

/// Which release is to get the traffic, and how.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Activation {
    /// The transition's own id: tells its containers from those that were there before. For a deploy it is
    /// the release's id.
    pub id: ReleaseId,
    /// The release that is to get the traffic.
    pub release: ReleaseId,
    /// What asked for it.
    pub cause: Cause,
    /// Which of the two orders of steps.
    pub mode: Mode,
    /// Whether the app has a migration to run first; only a [`Cause::Deploy`] runs it.
    pub migrate: bool,
    /// Whether the release's image is pulled and not built.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pulls: bool,
    /// The containers that make up the release.
    pub processes: BTreeSet<ProcessKey>,
    /// The types of which an old one stops before a new one starts, in either order of steps.
    #[serde(rename = "alone", default, skip_serializing_if = "BTreeSet::is_empty")]
    pub exclusive: BTreeSet<ProcessType>,
    /// What git stores with the release, in one transaction: the pushed deploy branch first, then what came with it.
    /// Empty where nothing was pushed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<RefUpdate>,
}

/// What asked for an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// A push, or `gokku deploy`: a new release.
    Deploy,
    /// `gokku rollback`: a release that was good before.
    Rollback,
    /// `gokku restart`: the active release in new containers.
    Restart,
    /// `gokku config`: the active release with a changed env.
    Config,
    /// `gokku start`: the release that was stopped.
    Start,
    /// `gokku ps scale`: the active release in another number of containers.
    Scale,
}

impl Goal {
    /// Returns the branch that was pushed, which moves with the release; none where nothing was pushed.
    pub fn pushed_branch(&self) -> Option<BranchName> {
        match self {
            Self::Activate(activation) => activation.refs.first().and_then(RefUpdate::branch),
            Self::Stop | Self::Destroy => None,
        }
    }

    /// The active containers that stay as they are, at the beginning: where only their number is to change, and all of
    /// them are as they should be. None where everything is made anew.
    pub(super) fn keeps(&self, observed: &Observed) -> BTreeSet<ContainerId> {
        let Self::Activate(activation) = self else {
            return BTreeSet::new();
        };
        let targets = &observed.route.targets;
        if activation.cause != Cause::Scale || targets.is_empty() || observed.route.held {
            return BTreeSet::new();
        }
        let is_active = |one: &&Container| one.state == State::Running && one.slot == Some(Slot::Blue);
        let active: Vec<&Container> = observed.containers.iter().filter(is_active).collect();
        let is_routed = routed(active.iter().map(|one| &one.process));
        let is_good = |one: &Container| {
            let routed = targets.contains(&one.id) == is_routed(&one.process);
            routed && one.same_env && one.release == activation.release
        };
        let all_there = targets.iter().all(|id| active.iter().any(|one| one.id == *id));
        if !all_there || !active.iter().all(|one| is_good(one)) {
            return BTreeSet::new();
        }
        let stays = active
            .iter()
            .filter(|one| activation.processes.contains(&one.process));
        stays.map(|one| one.id.clone()).collect()
    }
}

impl Activation {
    /// Returns whether this transition makes a new release, which is discarded when it fails.
    pub fn makes_release(&self) -> bool {
        self.cause == Cause::Deploy
    }

    /// Returns whether the route is to point at a process's container: see [`routed`].
    pub fn is_routed(&self, process: &ProcessKey) -> bool {
        routed(&self.processes)(process)
    }
}
