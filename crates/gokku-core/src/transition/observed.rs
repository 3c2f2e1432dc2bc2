//! What is true now, as far as a transition cares.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::app::ids::ContainerId;
use crate::app::process_key::ProcessKey;
use crate::app::release_id::ReleaseId;
use crate::app::slot::Slot;

/// What the driver sees when it looks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Observed {
    /// Whether the goal's release has its code extracted.
    pub tree: bool,
    /// Whether the goal's release has its image.
    pub image: bool,
    /// The goal's release's record.
    pub record: RecordState,
    /// The app's containers, known by their labels; not its one-off ones.
    pub containers: Vec<Container>,
    /// Where the app's traffic goes.
    pub route: Route,
    /// The release that `current` points at.
    pub current: Option<ReleaseId>,
    /// How far the push's refs are.
    pub refs: Refs,
}

/// How far the refs of a push are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Refs {
    /// As they were before the push; also where nothing was pushed.
    #[default]
    Unmoved,
    /// As they were, and locked: git has promised that they can be moved.
    Prepared,
    /// Where the push wants them.
    Moved,
}

/// What the goal's release's record says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RecordState {
    /// There is none.
    #[default]
    Missing,
    /// Its deploy has not ended.
    Unfinished,
    /// It got the traffic.
    Good,
    /// It failed.
    Failed,
}

/// One of the app's containers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Container {
    /// The engine's id.
    pub id: ContainerId,
    /// Which of the release's processes it runs.
    pub process: ProcessKey,
    /// The slot its exact name puts it in; none when a person renamed it.
    pub slot: Option<Slot>,
    /// The transition that made it.
    pub transition: ReleaseId,
    /// The release it runs.
    pub release: ReleaseId,
    /// Whether it runs.
    pub state: State,
    /// Whether it was made with the app's env as it is now.
    pub same_env: bool,
    /// Whether it passed its health check since it was last started.
    pub healthy: bool,
    /// How many requests the traffic switch has in flight on it.
    pub in_flight: u64,
}

/// Whether a container runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Made, never started.
    Created,
    /// Running.
    Running,
    /// Started once, not running now.
    Exited,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Exited => "exited",
        })
    }
}

/// Where the app's traffic goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Route {
    /// The containers that get it; empty when requests are refused.
    pub targets: BTreeSet<ContainerId>,
    /// Whether requests wait at the route.
    pub held: bool,
}
