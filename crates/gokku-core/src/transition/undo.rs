//! The way back: the former release has the traffic, and nothing of the new one is left.

use std::collections::BTreeSet;

use super::Decision;
use super::failure::{Failure, FailureKind};
use super::observed::{RecordState, Refs, State};
use super::step::Step;
use super::view::{View, ids, running};
use crate::app::mode::Mode;

pub(super) fn next(view: &View<'_>) -> Decision {
    let (activation, journal, observed) = (view.activation, view.journal, view.observed);
    let switched = view.switched();

    if activation.mode == Mode::StopFirst
        && switched
        && !observed.route.held
        && view.former().next().is_some()
    {
        return Decision::step(Step::Hold, "requests wait until the former release runs again");
    }
    // Never two at once, and what never had the traffic has nothing to finish.
    let at_once = activation.mode == Mode::StopFirst || !switched;
    let leaving = running(
        view.candidates()
            .filter(|container| at_once || view.is_alone(container)),
    );
    if !leaving.is_empty() {
        return Decision::step(Step::Stop { containers: leaving }, "the new release is given up");
    }
    if (switched || observed.route.held)
        && let Some(decision) = give_back(view)
    {
        return decision;
    }
    if let Some(decision) = restore_alone(view) {
        return decision;
    }
    if observed.refs != Refs::Unmoved {
        return Decision::step(
            Step::RestoreRefs,
            "a push that is refused leaves the branch where it was",
        );
    }
    if observed.current != journal.former_release {
        return Decision::step(
            Step::SetCurrent {
                release: journal.former_release,
            },
            "the former release is the active one again",
        );
    }
    let running = running(view.candidates());
    if !running.is_empty() {
        return Decision::step(Step::Stop { containers: running }, "the new release is given up");
    }
    let new = ids(view.candidates());
    if !new.is_empty() {
        return Decision::step(Step::Remove { containers: new }, "the new release is given up");
    }
    if activation.makes_release()
        && (observed.record != RecordState::Failed || observed.tree || observed.image)
    {
        return Decision::step(
            Step::Discard,
            "a failed release leaves nothing behind but its record",
        );
    }
    Decision::GiveUp(journal.failure.clone().unwrap_or(Failure {
        kind: FailureKind::Interrupted,
        detail: String::new(),
    }))
}

/// Starts again what had to stop although the former release kept the traffic.
fn restore_alone(view: &View<'_>) -> Option<Decision> {
    if view.journal.former_failed || !view.journal.displaced {
        return None;
    }
    let former = || view.former().filter(|container| view.is_alone(container));
    let stopped = ids(former().filter(|container| container.state != State::Running));
    if !stopped.is_empty() {
        return Some(Decision::step(
            Step::Start { containers: stopped },
            "it was stopped for the new release",
        ));
    }
    let unproven = ids(former().filter(|container| !container.healthy));
    (!unproven.is_empty()).then(|| {
        Decision::step(
            Step::AwaitHealth { containers: unproven },
            "it was stopped for the new release",
        )
    })
}

/// Gives the traffic back to what is left of the former containers.
fn give_back(view: &View<'_>) -> Option<Decision> {
    let (journal, observed) = (view.journal, view.observed);
    let former = ids(view.former());
    if former.is_empty() {
        return Some(Decision::step(
            Step::Unroute,
            "there is nothing to give the traffic back to",
        ));
    }
    if !journal.former_failed {
        let stopped = ids(view
            .former()
            .filter(|container| container.state != State::Running));
        if !stopped.is_empty() {
            return Some(Decision::step(
                Step::Start { containers: stopped },
                "the former release takes over again",
            ));
        }
        let unproven = ids(view.former().filter(|container| !container.healthy));
        if !unproven.is_empty() {
            return Some(Decision::step(
                Step::AwaitHealth { containers: unproven },
                "the former release takes over when it is healthy",
            ));
        }
    }
    let wanted: BTreeSet<_> = view
        .former()
        .filter(|container| journal.former_without_web || container.process.is_web())
        .map(|former| former.id.clone())
        .collect();
    if observed.route.targets != wanted {
        let targets = wanted.into_iter().collect();
        return Some(Decision::step(
            Step::Switch { targets },
            "the traffic goes back to the former release",
        ));
    }
    observed
        .route
        .held
        .then(|| Decision::step(Step::Release, "waiting requests go to the former release"))
}
