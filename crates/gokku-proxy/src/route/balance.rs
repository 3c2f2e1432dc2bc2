//! Chooses which of several targets gets the next request.

use std::cmp::Ordering;
use std::sync::Arc;

use gokku_core::ContainerId;

use crate::route::target::Target;

/// Picks the target with the fewest requests in flight for its weight, of those that are up and pass their health check.
/// Those with equally few take turns by weight: each has as many turns in a round as its weight. `refused` are those that
/// have refused this request: they come after the unhealthy ones. Where none is better all are as good: the last one is
/// never taken out.
pub(crate) fn pick<'a>(
    targets: &'a [Arc<Target>],
    turn: u64,
    refused: &[ContainerId],
) -> Option<&'a Arc<Target>> {
    if let [only] = targets {
        return Some(only);
    }
    let candidates: Vec<Candidate<'a>> = targets
        .iter()
        .map(|target| Candidate::new(target, refused))
        .collect();
    let best = candidates.iter().min_by(|one, other| one.compare(other))?;
    let as_good = || {
        candidates
            .iter()
            .filter(|candidate| candidate.compare(best) == Ordering::Equal)
    };
    let round: u64 = as_good().map(|candidate| candidate.weight).sum();
    let mut offset = turn.checked_rem(round)?;
    for candidate in as_good() {
        if offset < candidate.weight {
            return Some(candidate.target);
        }
        offset -= candidate.weight;
    }
    None
}

/// A target as it is at the moment of choosing.
struct Candidate<'a> {
    target: &'a Arc<Target>,
    /// How much speaks against it, whatever its load.
    penalty: u8,
    in_flight: u64,
    weight: u64,
}

impl<'a> Candidate<'a> {
    fn new(target: &'a Arc<Target>, refused: &[ContainerId]) -> Self {
        let facts = target.facts();
        Self {
            penalty: u8::from(!target.health().is_in())
                + 2 * u8::from(refused.contains(&facts.container))
                + 4 * u8::from(target.is_down()),
            in_flight: target.in_flight(),
            weight: u64::from(facts.weight.max(1)),
            target,
        }
    }

    /// Compares by penalty, then by load for the weight; the better one is less.
    fn compare(&self, other: &Self) -> Ordering {
        let load = |mine: &Self, theirs: &Self| u128::from(mine.in_flight) * u128::from(theirs.weight);
        self.penalty
            .cmp(&other.penalty)
            .then_with(|| load(self, other).cmp(&load(other, self)))
    }
}
