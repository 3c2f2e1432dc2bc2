//! The steps a transition is made of. Each can be performed again after it was cut off anywhere.

use crate::app::ids::ContainerId;
use crate::app::process_key::ProcessKey;
use crate::app::release_id::ReleaseId;

use super::failure::FailureKind;

/// One thing to do. Lists of containers are in order and never empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Put the commit's code in its release directory.
    Export,
    /// Build the release's image.
    Build,
    /// Pull the release's image.
    Pull,
    /// Run the migration in a one-off container of the new image.
    Migrate,
    /// Make the container of one process, in the green slot, not started.
    Create {
        /// Which process.
        process: ProcessKey,
    },
    /// Start containers.
    Start {
        /// Which.
        containers: Vec<ContainerId>,
    },
    /// Wait until containers pass their health check, or one exits, or their time is over.
    AwaitHealth {
        /// Which.
        containers: Vec<ContainerId>,
    },
    /// Let requests wait at the route.
    Hold,
    /// Lock the push's refs in git and have it check that they can be moved.
    PrepareRefs,
    /// Give the route these targets and let go of waiting requests, in one atomic step.
    Switch {
        /// The containers that get the traffic.
        targets: Vec<ContainerId>,
    },
    /// Point `current` at a release. Pointing at the goal's release records it as good first.
    SetCurrent {
        /// The release; none when there was none.
        release: Option<ReleaseId>,
    },
    /// Move the push's refs, all of them.
    CommitRefs,
    /// Unlock the push's refs, or move them back to where they were.
    RestoreRefs,
    /// Wait until the requests in flight on containers are finished, up to their limit.
    Drain {
        /// Which.
        containers: Vec<ContainerId>,
    },
    /// Stop containers: SIGTERM, then after the grace SIGKILL.
    Stop {
        /// Which.
        containers: Vec<ContainerId>,
    },
    /// Remove containers, running or not.
    Remove {
        /// Which.
        containers: Vec<ContainerId>,
    },
    /// Give a container the name of the blue slot.
    Rename {
        /// Which.
        container: ContainerId,
        /// The process it runs, which is part of its name.
        process: ProcessKey,
    },
    /// Take all targets from the route and let go of waiting requests.
    Unroute,
    /// Let waiting requests go to the route's targets.
    Release,
    /// Record the goal's release as failed and remove its code and image.
    Discard,
    /// Find out what can be known about a failure and note it in the journal.
    NoteFailure {
        /// What was seen.
        kind: FailureKind,
    },
}

impl Step {
    /// The name of every step, in the order in which a transition can first come to it.
    pub const NAMES: [&'static str; 21] = [
        "extract",
        "build",
        "pull",
        "migrate",
        "create",
        "hold",
        "start",
        "health",
        "prepare-refs",
        "switch",
        "current",
        "commit-refs",
        "release",
        "unroute",
        "drain",
        "stop",
        "remove",
        "rename",
        "restore-refs",
        "diagnose",
        "discard",
    ];

    /// The step's name in logs, tables and `--json`: one of [`Step::NAMES`].
    pub fn name(&self) -> &'static str {
        let place = match self {
            Self::Export => 0,
            Self::Build => 1,
            Self::Pull => 2,
            Self::Migrate => 3,
            Self::Create { .. } => 4,
            Self::Hold => 5,
            Self::Start { .. } => 6,
            Self::AwaitHealth { .. } => 7,
            Self::PrepareRefs => 8,
            Self::Switch { .. } => 9,
            Self::SetCurrent { .. } => 10,
            Self::CommitRefs => 11,
            Self::Release => 12,
            Self::Unroute => 13,
            Self::Drain { .. } => 14,
            Self::Stop { .. } => 15,
            Self::Remove { .. } => 16,
            Self::Rename { .. } => 17,
            Self::RestoreRefs => 18,
            Self::NoteFailure { .. } => 19,
            Self::Discard => 20,
        };
        Self::NAMES[place]
    }
}
