//! What happens to a container.

use std::collections::BTreeMap;

use crate::ContainerId;

/// Something that happened to a container.
#[derive(Clone, Debug)]
pub struct ContainerEvent {
    /// The container.
    pub id: ContainerId,
    /// What.
    pub kind: EventKind,
    /// The container's labels.
    pub labels: BTreeMap<String, String>,
}

/// What can happen to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It was started.
    Started,
    /// It ended, with this exit code.
    Died(i64),
    /// Somebody has told it to end: it was stopped, or sent a signal that ends it.
    Killed,
    /// It was removed.
    Removed,
    /// Something else.
    Other,
}
