//! Which releases stay and which may go.

use std::collections::BTreeSet;

use crate::release::{Outcome, Record};
use crate::release_id::ReleaseId;

/// The release that a rollback without an id goes to: the newest good one that is older than `active`.
pub fn rollback_target(records: &[Record], active: ReleaseId) -> Option<ReleaseId> {
    records
        .iter()
        .filter(|record| record.can_return() && record.id < active)
        .map(|record| record.id)
        .max()
}

/// The good releases that are no longer kept: all but the newest `keep`, the active one and the one that
/// a rollback goes to. Oldest first.
pub fn beyond_keeping(records: &[Record], active: Option<ReleaseId>, keep: usize) -> Vec<ReleaseId> {
    let good: BTreeSet<ReleaseId> = records
        .iter()
        .filter(|record| record.outcome == Outcome::Good)
        .map(|record| record.id)
        .collect();
    let target = active.and_then(|active| rollback_target(records, active));
    let newest: BTreeSet<ReleaseId> = good.iter().rev().take(keep).copied().collect();
    good.into_iter()
        .filter(|id| !newest.contains(id) && Some(*id) != active && Some(*id) != target)
        .collect()
}

/// The records that are no longer kept: all but the newest `keep`, and never one of a release that can be gone back to
/// or whose deploy has not ended. Oldest first.
pub fn forgettable(records: &[Record], keep: usize) -> Vec<ReleaseId> {
    let all: BTreeSet<ReleaseId> = records.iter().map(|record| record.id).collect();
    let newest: BTreeSet<ReleaseId> = all.iter().rev().take(keep).copied().collect();
    let over = |record: &&Record| matches!(record.outcome, Outcome::Failed | Outcome::Pruned);
    let mut old: Vec<ReleaseId> = records
        .iter()
        .filter(over)
        .map(|record| record.id)
        .filter(|id| !newest.contains(id))
        .collect();
    old.sort_unstable();
    old
}
