//! The steps a transition is made of. Each can be performed again after it was cut off anywhere.

use std::fmt;

use serde::{Deserialize, Serialize};

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
        /// The containers.
        containers: Vec<ContainerId>,
    },
    /// Wait until containers pass their health check, or one exits, or their time is over.
    AwaitHealth {
        /// The containers.
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
        /// The containers.
        containers: Vec<ContainerId>,
    },
    /// Stop containers: SIGTERM, then after the grace SIGKILL.
    Stop {
        /// The containers.
        containers: Vec<ContainerId>,
    },
    /// Remove containers, running or not.
    Remove {
        /// The containers.
        containers: Vec<ContainerId>,
    },
    /// Give a container the name of the blue slot.
    Rename {
        /// The container.
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

/// A step's name, as logs, tables and `--json` have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "each is the name of the step of which `Step` says what it does"
)]
pub enum StepName {
    Extract,
    Build,
    Pull,
    Migrate,
    Create,
    Hold,
    Start,
    Health,
    PrepareRefs,
    Switch,
    Current,
    CommitRefs,
    Release,
    Unroute,
    Drain,
    Stop,
    Remove,
    Rename,
    RestoreRefs,
    Diagnose,
    Discard,
}

impl StepName {
    /// The name of every step, in the order in which a transition can first come to it.
    pub const ALL: [Self; 21] = [
        Self::Extract,
        Self::Build,
        Self::Pull,
        Self::Migrate,
        Self::Create,
        Self::Hold,
        Self::Start,
        Self::Health,
        Self::PrepareRefs,
        Self::Switch,
        Self::Current,
        Self::CommitRefs,
        Self::Release,
        Self::Unroute,
        Self::Drain,
        Self::Stop,
        Self::Remove,
        Self::Rename,
        Self::RestoreRefs,
        Self::Diagnose,
        Self::Discard,
    ];

    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Extract => "extract",
            Self::Build => "build",
            Self::Pull => "pull",
            Self::Migrate => "migrate",
            Self::Create => "create",
            Self::Hold => "hold",
            Self::Start => "start",
            Self::Health => "health",
            Self::PrepareRefs => "prepare-refs",
            Self::Switch => "switch",
            Self::Current => "current",
            Self::CommitRefs => "commit-refs",
            Self::Release => "release",
            Self::Unroute => "unroute",
            Self::Drain => "drain",
            Self::Stop => "stop",
            Self::Remove => "remove",
            Self::Rename => "rename",
            Self::RestoreRefs => "restore-refs",
            Self::Diagnose => "diagnose",
            Self::Discard => "discard",
        }
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Step {
    /// Returns the step's name.
    pub fn name(&self) -> StepName {
        match self {
            Self::Export => StepName::Extract,
            Self::Build => StepName::Build,
            Self::Pull => StepName::Pull,
            Self::Migrate => StepName::Migrate,
            Self::Create { .. } => StepName::Create,
            Self::Hold => StepName::Hold,
            Self::Start { .. } => StepName::Start,
            Self::AwaitHealth { .. } => StepName::Health,
            Self::PrepareRefs => StepName::PrepareRefs,
            Self::Switch { .. } => StepName::Switch,
            Self::SetCurrent { .. } => StepName::Current,
            Self::CommitRefs => StepName::CommitRefs,
            Self::Release => StepName::Release,
            Self::Unroute => StepName::Unroute,
            Self::Drain { .. } => StepName::Drain,
            Self::Stop { .. } => StepName::Stop,
            Self::Remove { .. } => StepName::Remove,
            Self::Rename { .. } => StepName::Rename,
            Self::RestoreRefs => StepName::RestoreRefs,
            Self::NoteFailure { .. } => StepName::Diagnose,
            Self::Discard => StepName::Discard,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What logs and `--json` say is what `as_str` says, and every name is in the list once.
    #[test]
    fn a_name_is_written_as_it_is_said() {
        for name in StepName::ALL {
            assert_eq!(
                serde_json::to_string(&name).ok(),
                Some(format!("\"{}\"", name.as_str()))
            );
        }
        let all: std::collections::BTreeSet<_> = StepName::ALL.into_iter().collect();
        assert_eq!(all.len(), StepName::ALL.len());
    }
}
