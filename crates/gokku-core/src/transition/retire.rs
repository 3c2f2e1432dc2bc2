//! Taking an app down: no traffic, then nothing running.

use super::Decision;
use super::journal::Journal;
use super::observed::Observed;
use super::step::Step;
use super::view::{busy, ids, running};
use crate::app::slot::Slot;

/// What becomes of the stopped containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The active ones stay, so that their logs can be read.
    Keep,
    /// None stays.
    Remove,
}

pub(super) fn next(journal: &Journal, observed: &Observed, then: Then) -> Decision {
    if !observed.route.targets.is_empty() || observed.route.held {
        return Decision::step(Step::Unroute, "no more requests");
    }
    let busy = busy(observed.containers.iter());
    if !journal.drained && !busy.is_empty() {
        return Decision::step(Step::Drain { containers: busy }, "the last requests are answered");
    }
    let running = running(observed.containers.iter());
    if !running.is_empty() {
        return Decision::step(
            Step::Stop { containers: running },
            "the app has no traffic any more",
        );
    }
    let leaving = ids(observed
        .containers
        .iter()
        .filter(|container| then == Then::Remove || container.slot != Some(Slot::Blue)));
    if !leaving.is_empty() {
        return Decision::step(Step::Remove { containers: leaving }, "nothing of it stays");
    }
    Decision::Done
}
