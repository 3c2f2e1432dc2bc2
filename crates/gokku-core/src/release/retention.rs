//! Which releases stay and which may go.

use std::collections::BTreeSet;

use crate::app::release_id::ReleaseId;
use crate::release::record::{Outcome, Record};

/// The release that a rollback without an id goes to: the newest good one that is older than `active`.
pub fn rollback_target(records: &[Record], active: ReleaseId) -> Option<ReleaseId> {
    records
        .iter()
        .filter(|record| record.can_return() && record.id < active)
        .map(|record| record.id)
        .max()
}

/// How many records of an app are kept where nothing else is said.
pub const RECORDS: usize = 100;

/// How much of an app is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// How many releases keep their image, so that they can be gone back to.
    pub images: usize,
    /// How many keep their code and their record. Without, as many keep their code as their image, and [`RECORDS`] their
    /// record.
    pub releases: Option<usize>,
}

/// What there is of an app's releases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Those that have an image.
    pub images: BTreeSet<ReleaseId>,
    /// Those that have code.
    pub code: BTreeSet<ReleaseId>,
}

/// What is to go of an app's releases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Going {
    /// Those whose image goes: they cannot be gone back to any more.
    pub images: BTreeSet<ReleaseId>,
    /// Those whose code goes.
    pub code: BTreeSet<ReleaseId>,
    /// Those whose record goes.
    pub records: BTreeSet<ReleaseId>,
}

/// What of an app is no longer kept, while no transition of it is under way: all but the newest good releases, the active one
/// and the one that a rollback goes to; and what is left of releases that failed, were never finished or have no record.
pub fn going(records: &[Record], active: Option<ReleaseId>, keep: Keep, found: &Found) -> Going {
    let with = |wanted: fn(Outcome) -> bool| -> BTreeSet<ReleaseId> {
        let all = records.iter().filter(|record| wanted(record.outcome));
        all.map(|record| record.id).collect()
    };
    let newest = |of: &BTreeSet<ReleaseId>, count: usize| -> BTreeSet<ReleaseId> {
        of.iter().rev().take(count).copied().collect()
    };
    let releases = keep.releases.unwrap_or(keep.images);
    // An image without its code cannot be gone back to either.
    let mut images = newest(
        &with(|outcome| outcome == Outcome::Good),
        keep.images.min(releases),
    );
    images.extend(active);
    images.extend(active.and_then(|active| rollback_target(records, active)));
    let once_good = with(|outcome| matches!(outcome, Outcome::Good | Outcome::Pruned));
    let mut code = newest(&once_good, releases);
    code.extend(&images);
    let all = records.iter().map(|record| record.id).collect();
    let remembered = newest(&all, keep.releases.unwrap_or(RECORDS));
    let over = with(|outcome| matches!(outcome, Outcome::Failed | Outcome::Pruned));
    Going {
        images: found.images.difference(&images).copied().collect(),
        code: found.code.difference(&code).copied().collect(),
        records: over
            .into_iter()
            .filter(|id| !remembered.contains(id) && Some(*id) != active)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(outcomes: &[Outcome]) -> Vec<Record> {
        let record = |(at, outcome): (i64, &Outcome)| Record {
            outcome: *outcome,
            ..Record::begun(ReleaseId::at(at))
        };
        (1..).zip(outcomes).map(record).collect()
    }

    fn ids(of: &[i64]) -> BTreeSet<ReleaseId> {
        of.iter().map(|at| ReleaseId::at(*at)).collect()
    }

    fn everything(count: i64) -> Found {
        let all: Vec<i64> = (1..=count).collect();
        Found {
            images: ids(&all),
            code: ids(&all),
        }
    }

    #[test]
    fn p32_code_goes_with_the_image_unless_more_releases_are_kept() {
        let all = records(&[Outcome::Good; 6]);
        let active = Some(ReleaseId::at(6));
        let gone = |images, releases| going(&all, active, Keep { images, releases }, &everything(6));
        let default = gone(2, None);
        assert_eq!(default.images, ids(&[1, 2, 3, 4]));
        assert_eq!(default.code, default.images);
        assert!(default.records.is_empty());
        let more = gone(2, Some(4));
        assert_eq!((more.images, more.code), (ids(&[1, 2, 3, 4]), ids(&[1, 2])));
        let fewer = gone(5, Some(2));
        assert_eq!(
            (fewer.images, fewer.code),
            (ids(&[1, 2, 3, 4]), ids(&[1, 2, 3, 4]))
        );
    }

    #[test]
    fn what_is_left_of_other_releases_goes_and_old_records_with_it() {
        let all = records(&[
            Outcome::Pruned,
            Outcome::Failed,
            Outcome::Good,
            Outcome::Unfinished,
            Outcome::Good,
        ]);
        let keep = Keep {
            images: 5,
            releases: Some(3),
        };
        // Of 6 there is no record.
        let gone = going(&all, Some(ReleaseId::at(5)), keep, &everything(6));
        assert_eq!(gone.images, ids(&[1, 2, 4, 6]));
        assert_eq!(
            gone.code,
            ids(&[2, 4, 6]),
            "1 was good once, and three keep their code"
        );
        assert_eq!(gone.records, ids(&[1, 2]));
    }
}
