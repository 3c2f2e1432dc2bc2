//! The way forward: from the pushed commit to the one container that has the traffic.
//!
//! Before the switch, everything that goes wrong is a failure and [`super::undo`] takes over. After it, the
//! transition is finished, whatever it takes, as long as the new containers are alive.

use super::failure::FailureKind;
use super::journal::Migration;
use super::observed::{Container, RecordState, Refs, State};
use super::step::Step;
use super::view::{View, busy, ids, running};
use super::{Decision, undo};
use crate::app::mode::Mode;
use crate::app::slot::Slot;

pub(super) fn next(view: &View<'_>) -> Decision {
    match &view.journal.failure {
        Some(failure) if view.switched() => {
            // A switch whose answer was lost was made all the same; and where nothing is left to go back to,
            // the only way is forward.
            let made = failure.kind == FailureKind::Switch && !view.dead();
            if made || !view.can_go_back() {
                after_switch(view)
            } else {
                undo::next(view)
            }
        }
        Some(_) => undo::next(view),
        None if view.switched() => after_switch(view),
        None => before_switch(view),
    }
}

/// What was seen that makes the goal unreachable before the switch.
fn trouble(view: &View<'_>) -> Option<(FailureKind, &'static str)> {
    let journal = view.journal;
    if journal.resumed && journal.migration == Migration::Started {
        return Some((
            FailureKind::MigrationCutOff,
            "a migration was begun and its end was not seen",
        ));
    }
    if journal.resumed {
        return Some((
            FailureKind::Interrupted,
            "an interrupted transition that has not switched is given up",
        ));
    }
    if journal
        .created
        .iter()
        .any(|process| !view.candidates().any(|made| made.process == *process))
    {
        return Some((FailureKind::Removed, "a new container that was made is gone"));
    }
    if view
        .candidates()
        .any(|container| container.state == State::Exited)
    {
        return Some((FailureKind::Exited, "a new container has exited"));
    }
    None
}

fn before_switch(view: &View<'_>) -> Decision {
    let (activation, journal, observed) = (view.activation, view.journal, view.observed);
    if let Some((kind, why)) = trouble(view) {
        return Decision::step(Step::NoteFailure { kind }, why);
    }

    if let Some(decision) = clear_green(view) {
        return decision;
    }
    if !observed.image {
        if !observed.tree {
            return Decision::step(Step::Export, "the release has no code yet");
        }
        let step = if activation.pulls { Step::Pull } else { Step::Build };
        return Decision::step(step, "the release has no image yet");
    }
    if activation.migrate && journal.migration == Migration::NotStarted {
        return Decision::step(Step::Migrate, "the migration comes before the new release starts");
    }
    if let Some(process) = view.missing() {
        return Decision::step(
            Step::Create {
                process: process.clone(),
            },
            "the candidate has no container yet",
        );
    }
    if activation.mode == Mode::StopFirst
        && !view.keeps()
        && let Some(decision) = make_way(view)
    {
        return decision;
    }
    if let Some(decision) = prove(view, false) {
        return decision;
    }
    // Last, and only when all else is good: for these something of the old release stops before the switch.
    if let Some(decision) = make_way_for_alone(view).or_else(|| prove(view, true)) {
        return decision;
    }
    if let Some(decision) = prove_kept(view) {
        return decision;
    }
    if !activation.refs.is_empty() && observed.refs == Refs::Unmoved {
        return Decision::step(
            Step::PrepareRefs,
            "what git would refuse must not get the traffic",
        );
    }
    Decision::step(
        Step::Switch {
            targets: view.leading(),
        },
        "the candidate is healthy",
    )
}

/// Starts the candidate's containers and waits until they are healthy: those of types that run alone, or the others.
fn prove(view: &View<'_>, alone: bool) -> Option<Decision> {
    let wanted = || {
        view.candidates()
            .filter(move |container| view.is_alone(container) == alone)
    };
    let unstarted = ids(wanted().filter(|container| container.state == State::Created));
    if !unstarted.is_empty() {
        return Some(Decision::step(
            Step::Start {
                containers: unstarted,
            },
            "the candidate is not running yet",
        ));
    }
    let unproven = ids(wanted().filter(|container| !container.healthy));
    (!unproven.is_empty()).then(|| {
        Decision::step(
            Step::AwaitHealth { containers: unproven },
            "no traffic before the candidate is proven healthy",
        )
    })
}

/// Before those that have the traffic leave, one of those that stay is seen to be healthy, also one that has died meanwhile.
fn prove_kept(view: &View<'_>) -> Option<Decision> {
    let why = "what is to have the traffic alone is asked first";
    let left = view.left_alone();
    let (up, down): (Vec<_>, Vec<_>) = left.into_iter().partition(|one| one.state == State::Running);
    if !up.is_empty() {
        let containers = ids(up.into_iter());
        return Some(Decision::step(Step::AwaitHealth { containers }, why));
    }
    let containers = ids(down.into_iter());
    (!containers.is_empty()).then(|| Decision::step(Step::Start { containers }, why))
}

/// Stops the old containers of types that run alone, where a new one is about to start.
fn make_way_for_alone(view: &View<'_>) -> Option<Decision> {
    let starts = view
        .candidates()
        .any(|container| view.is_alone(container) && container.state != State::Running);
    let running = running(view.old().filter(|old| view.is_alone(old)));
    (starts && !running.is_empty()).then(|| {
        Decision::step(
            Step::Stop { containers: running },
            "two of it must not run at once",
        )
    })
}

/// Frees the candidate's name: from leftovers, and from an active container that never got its name.
fn clear_green(view: &View<'_>) -> Option<Decision> {
    let former = &view.journal.former;
    let green: Vec<_> = view.old().filter(|old| old.slot == Some(Slot::Green)).collect();
    let strays = ids(green.iter().copied().filter(|old| !former.contains(&old.id)));
    if !strays.is_empty() {
        return Some(Decision::step(
            Step::Remove { containers: strays },
            "leftovers are in the green slot",
        ));
    }
    let active = green.first()?;
    let blue = view
        .old()
        .find(|old| old.slot == Some(Slot::Blue) && old.process == active.process);
    Some(match blue {
        Some(blue) => Decision::step(
            Step::Remove {
                containers: vec![blue.id.clone()],
            },
            "it has the name of the active one and is not",
        ),
        None => Decision::step(
            Step::Rename {
                container: active.id.clone(),
                process: active.process.clone(),
            },
            "the active one must not have the candidate's name",
        ),
    })
}

/// Stop first: the old containers leave before the new ones start.
fn make_way(view: &View<'_>) -> Option<Decision> {
    if !view.journal.former.is_empty() && !view.observed.route.held {
        return Some(Decision::step(
            Step::Hold,
            "requests wait while neither release runs",
        ));
    }
    retire_old(view, "the old release stops before the new one starts")
}

/// Lets the old containers' requests finish, then stops them.
fn retire_old(view: &View<'_>, why: &'static str) -> Option<Decision> {
    let busy = busy(view.old());
    if !view.journal.drained && !busy.is_empty() {
        return Some(Decision::step(
            Step::Drain { containers: busy },
            "the old release answers its last requests",
        ));
    }
    let running = running(view.old());
    (!running.is_empty()).then(|| Decision::step(Step::Stop { containers: running }, why))
}

/// Makes again what was removed after the switch. What has exited is for the daemon to start again, as the
/// app's restart policy says.
fn mend(view: &View<'_>) -> Option<Decision> {
    let why = "a new container was removed and there is nothing to go back to";
    if let Some(process) = view.missing() {
        return Some(Decision::step(
            Step::Create {
                process: process.clone(),
            },
            why,
        ));
    }
    let targets = &view.observed.route.targets;
    // One without traffic is like one that has it: it never was less alive than the release.
    let is_idle = |container: &Container| {
        let never = container.state == State::Created;
        never || (view.leads(container) && container.state == State::Exited)
    };
    let idle = ids(view
        .candidates()
        .filter(|container| is_idle(container) && !targets.contains(&container.id)));
    if !idle.is_empty() {
        if let Some(decision) = make_way_for_alone(view) {
            return Some(decision);
        }
        if view.activation.mode == Mode::StopFirst
            && let Some(decision) = retire_old(view, "the old release stops before the new one starts")
        {
            return Some(decision);
        }
        return Some(Decision::step(Step::Start { containers: idle }, why));
    }
    let unproven = ids(view.candidates().filter(|container| {
        !container.healthy && container.state == State::Running && !targets.contains(&container.id)
    }));
    let leading = view.leading();
    if leading.iter().all(|id| targets.contains(id)) && leading.len() == targets.len() {
        return None;
    }
    if let Some(decision) = prove_kept(view) {
        return Some(decision);
    }
    Some(if unproven.is_empty() {
        Decision::step(Step::Switch { targets: leading }, why)
    } else {
        Decision::step(Step::AwaitHealth { containers: unproven }, why)
    })
}

/// What the engine has made twice: a container that it was asked for and made when another one had been made in its place.
fn made_twice(view: &View<'_>) -> Option<Decision> {
    let is_first = |container: &&Container| {
        let targets = &view.observed.route.targets;
        let rank = |one: &Container| {
            (
                !targets.contains(&one.id),
                one.slot != Some(Slot::Blue),
                one.id.clone(),
            )
        };
        let mut same = view.candidates().filter(|one| one.process == container.process);
        same.all(|one| rank(one) >= rank(container))
    };
    let surplus = ids(view.candidates().filter(|container| !is_first(container)));
    (!surplus.is_empty())
        .then(|| Decision::step(Step::Remove { containers: surplus }, "there is one of it already"))
}

fn after_switch(view: &View<'_>) -> Decision {
    let (activation, observed) = (view.activation, view.observed);
    if let Some(decision) = made_twice(view) {
        return decision;
    }
    if view.dead() && view.can_go_back() {
        return Decision::step(
            Step::NoteFailure {
                kind: FailureKind::DiedAfterSwitch,
            },
            "the new release died while the former one is still there",
        );
    }
    if let Some(decision) = mend(view) {
        return decision;
    }
    if observed.current != Some(activation.release) || observed.record != RecordState::Good {
        return Decision::step(
            Step::SetCurrent {
                release: Some(activation.release),
            },
            "the new release has the traffic",
        );
    }
    // While there is something to go back to.
    if !activation.refs.is_empty() && observed.refs != Refs::Moved {
        return Decision::step(Step::CommitRefs, "the pushed commit is what runs");
    }
    if observed.route.held {
        return Decision::step(Step::Release, "nothing is left to wait for");
    }
    if let Some(decision) = retire_old(view, "the old release has no traffic any more") {
        return decision;
    }
    let old = ids(view.old());
    if !old.is_empty() {
        return Decision::step(Step::Remove { containers: old }, "the old release has stopped");
    }
    if let Some(container) = view
        .candidates()
        .find(|container| container.slot != Some(Slot::Blue))
    {
        return Decision::step(
            Step::Rename {
                container: container.id.clone(),
                process: container.process.clone(),
            },
            "the candidate is the active one now",
        );
    }
    Decision::Done
}
