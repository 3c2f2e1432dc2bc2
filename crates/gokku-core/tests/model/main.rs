//! Visits every reachable state of a transition and checks what must hold in it.
//!
//! [`world`] is what a transition acts on, and what may befall it; [`explore`] visits every state that steps,
//! faults and crashes lead to; [`invariants`] says what must hold; here are the situations to begin from, and
//! the proof that a broken rule is found.
#![expect(
    clippy::print_stdout,
    reason = "how many states were visited is part of the result"
)]

mod explore;
mod invariants;
mod world;

use std::collections::BTreeSet;

use gokku_core::app::process_key::routed;
use gokku_core::push::rules::RefUpdate;
use gokku_core::transition::{
    Activation, Cause, Decision, Goal, Journal, Mode, Observed, RecordState, Refs, State, Step, next,
};
use gokku_core::{ProcessKey, ReleaseId, Slot};

use explore::{Report, explore};
use world::{World, container};

const OLD: i64 = 1_000;
const NEW: i64 = 2_000;

/// What there is before the transition begins.
#[derive(Clone, Copy, Debug)]
enum Before {
    /// The first deploy.
    Nothing,
    /// One active release.
    Active,
    /// A release whose containers were stopped by `gokku stop`.
    Stopped,
    /// An active release whose container has crashed.
    Crashed,
    /// An active release that never got its name, beside a leftover that has it.
    Unnamed,
    /// An active release and a leftover candidate of a transition nobody knows of.
    Leftover,
    /// An active release that the route has lost.
    Unrouted,
    /// The route points at a container that is gone.
    Gone,
}

const BEFORE: [Before; 8] = [
    Before::Nothing,
    Before::Active,
    Before::Stopped,
    Before::Crashed,
    Before::Unnamed,
    Before::Leftover,
    Before::Unrouted,
    Before::Gone,
];

fn observed(before: Before, cause: Cause, processes: &BTreeSet<ProcessKey>) -> Observed {
    let old = ReleaseId::at(OLD);
    let mut observed = Observed::default();
    let (slot, state) = match before {
        Before::Nothing | Before::Gone => (None, State::Exited),
        Before::Active | Before::Leftover | Before::Unrouted => (Some(Slot::Blue), State::Running),
        Before::Unnamed => (Some(Slot::Green), State::Running),
        Before::Stopped | Before::Crashed => (Some(Slot::Blue), State::Exited),
    };
    let is_routed = routed(processes);
    for process in processes {
        if slot.is_some() {
            let made = container("old", process, slot, old, old, state);
            if is_routed(process) && !matches!(before, Before::Stopped | Before::Unrouted) {
                observed.route.targets.insert(made.id.clone());
            }
            observed.containers.push(made);
        }
        if matches!(before, Before::Gone) && is_routed(process) {
            observed
                .route
                .targets
                .insert(container("old", process, slot, old, old, state).id);
        }
        if matches!(before, Before::Leftover) {
            let stray = ReleaseId::at(OLD + 1);
            observed.containers.push(container(
                "stray",
                process,
                Some(Slot::Green),
                stray,
                stray,
                State::Running,
            ));
        }
        if matches!(before, Before::Unnamed) {
            let stray = ReleaseId::at(OLD - 1);
            observed.containers.push(container(
                "stray",
                process,
                Some(Slot::Blue),
                stray,
                stray,
                State::Exited,
            ));
        }
    }
    observed.current = (!matches!(before, Before::Nothing)).then_some(old);
    if cause == Cause::Deploy {
        observed.record = RecordState::Unfinished;
    } else {
        (observed.tree, observed.image, observed.record) = (true, true, RecordState::Good);
    }
    observed
}

fn activation(cause: Cause, mode: Mode, migrate: bool, processes: &BTreeSet<ProcessKey>) -> Goal {
    let release = match cause {
        Cause::Deploy => ReleaseId::at(NEW),
        Cause::Rollback => ReleaseId::at(OLD - 500),
        Cause::Restart | Cause::Config | Cause::Start | Cause::Scale => ReleaseId::at(OLD),
    };
    Goal::Activate(Activation {
        id: ReleaseId::at(NEW),
        release,
        cause,
        mode,
        migrate,
        // Where an image comes from decides nothing else.
        pulls: migrate,
        processes: processes.clone(),
        exclusive: processes
            .iter()
            .map(ProcessKey::kind)
            .filter(|kind| kind.as_str() == "clock")
            .cloned()
            .collect(),
        // `gokku deploy` makes a release, too, and has no push.
        refs: if cause == Cause::Deploy && !migrate {
            pushed()
        } else {
            Vec::new()
        },
    })
}

fn pushed() -> Vec<RefUpdate> {
    let line = format!("{} {} refs/heads/main", "1".repeat(40), "2".repeat(40));
    vec![line.parse().expect("a line of git's")]
}

fn processes(names: &[&str]) -> BTreeSet<ProcessKey> {
    names
        .iter()
        .map(|name| name.parse().expect("a process"))
        .collect()
}

fn start(goal: &Goal, observed: Observed) -> World {
    let journal = Journal::begin(ReleaseId::at(NEW), goal.clone(), &observed);
    World::begin(journal, observed)
}

/// Every state from every beginning, with `faults` faults in any place.
fn visit(mode: Mode, processes: &BTreeSet<ProcessKey>, faults: u8, policy: explore::Policy) -> Report {
    let mut begin = Vec::new();
    for before in BEFORE {
        for cause in [Cause::Deploy, Cause::Rollback, Cause::Restart] {
            if matches!(before, Before::Nothing) && cause != Cause::Deploy {
                continue;
            }
            for migrate in [false, true] {
                if migrate && cause != Cause::Deploy {
                    continue;
                }
                let goal = activation(cause, mode, migrate, processes);
                begin.push(start(&goal, observed(before, cause, processes)));
            }
        }
    }
    explore(begin, faults, policy)
}

fn sound(name: &str, report: &Report) {
    println!("{name}: {} states visited, {} ends", report.states, report.ends);
    assert!(report.broken.is_empty(), "{name}: {}", report.broken.join("\n"));
    assert!(
        report.states > 1_000,
        "{name}: only {} states: the checker is not looking",
        report.states
    );
}

#[test]
fn every_state_with_zero_downtime() {
    sound(
        "ZERO_DOWNTIME=true",
        &visit(Mode::ZeroDowntime, &processes(&["web-1"]), 2, next),
    );
}

#[test]
fn every_state_with_stop_first() {
    sound(
        "ZERO_DOWNTIME=false",
        &visit(Mode::StopFirst, &processes(&["web-1"]), 2, next),
    );
}

#[test]
fn every_state_of_several_processes() {
    let several = processes(&["web-1", "web-2", "worker-1"]);
    sound(
        "several, ZERO_DOWNTIME=true",
        &visit(Mode::ZeroDowntime, &several, 1, next),
    );
    sound(
        "several, ZERO_DOWNTIME=false",
        &visit(Mode::StopFirst, &several, 1, next),
    );
}

#[test]
fn every_state_of_a_process_that_runs_alone() {
    let several = processes(&["clock-1", "web-1", "worker-1"]);
    for mode in [Mode::ZeroDowntime, Mode::StopFirst] {
        sound(&format!("alone, {mode:?}"), &visit(mode, &several, 1, next));
    }
    let few = processes(&["clock-1", "web-1"]);
    sound("alone, two faults", &visit(Mode::ZeroDowntime, &few, 2, next));
}

/// Where nothing answers requests, the route points at everything.
#[test]
fn every_state_without_web() {
    for mode in [Mode::ZeroDowntime, Mode::StopFirst] {
        let one = processes(&["worker-1"]);
        sound(&format!("a worker, {mode:?}"), &visit(mode, &one, 2, next));
        let several = processes(&["clock-1", "worker-1"]);
        sound(&format!("no web, {mode:?}"), &visit(mode, &several, 1, next));
    }
}

/// Another number of containers of what is active: from each of these sets to each other one.
fn scales(mode: Mode, faults: u8, policy: explore::Policy) -> Report {
    let sets = [
        processes(&["web-1"]),
        processes(&["web-1", "web-2", "worker-1"]),
        processes(&["clock-1", "web-1", "worker-1"]),
        processes(&["web-1", "worker-1", "worker-2"]),
        processes(&["clock-1", "worker-1"]),
    ];
    let mut begin = Vec::new();
    for (from, to) in sets.iter().flat_map(|from| sets.iter().map(move |to| (from, to))) {
        let goal = activation(Cause::Scale, mode, false, to);
        for before in [Before::Active, Before::Leftover] {
            begin.push(start(&goal, observed(before, Cause::Scale, from)));
        }
    }
    let all_new = begin.iter().filter(|world| world.written.kept.is_empty());
    assert_eq!(
        all_new.count(),
        4,
        "something stays, but between web-1 alone and no web"
    );
    explore(begin, faults, policy)
}

/// Only what is more is made, and only what is less goes.
#[test]
fn every_state_of_a_scale() {
    for (mode, faults) in [(Mode::ZeroDowntime, 2), (Mode::StopFirst, 1)] {
        sound(&format!("scale, {mode:?}"), &scales(mode, faults, next));
    }
}

/// Where what is active is not what the new ones would be, or not as it should be, all are made anew.
#[test]
fn a_scale_keeps_what_is_good_and_of_the_same_env() {
    let one = processes(&["web-1"]);
    let goal = activation(
        Cause::Scale,
        Mode::ZeroDowntime,
        false,
        &processes(&["web-1", "web-2"]),
    );
    let kept = |observed: &Observed| {
        Journal::begin(ReleaseId::at(NEW), goal.clone(), observed)
            .kept
            .len()
    };
    for before in BEFORE {
        let keeps = matches!(before, Before::Active | Before::Leftover);
        let seen = observed(before, Cause::Scale, &one);
        assert_eq!(kept(&seen), usize::from(keeps), "{before:?}");
    }
    let active = observed(Before::Active, Cause::Scale, &one);
    let mut other_env = active.clone();
    other_env.containers[0].same_env = false;
    let mut held = active.clone();
    held.route.held = true;
    let mut other_release = active.clone();
    other_release.containers[0].release = ReleaseId::at(OLD - 1);
    assert_eq!([other_env, held, other_release].map(|seen| kept(&seen)), [0; 3]);
    let restart = activation(Cause::Restart, Mode::ZeroDowntime, false, &one);
    assert!(
        Journal::begin(ReleaseId::at(NEW), restart, &active)
            .kept
            .is_empty()
    );
}

/// What was active has other processes than what is to be.
#[test]
fn every_state_between_other_sets_of_processes() {
    let sets = [
        processes(&["web-1"]),
        processes(&["clock-1", "web-1", "web-2"]),
        processes(&["web-1", "worker-1"]),
        processes(&["clock-1", "worker-1"]),
    ];
    for mode in [Mode::ZeroDowntime, Mode::StopFirst] {
        for (from, to) in sets.iter().flat_map(|from| sets.iter().map(move |to| (from, to))) {
            if from == to {
                continue;
            }
            let begin = BEFORE
                .iter()
                .filter(|before| !matches!(before, Before::Nothing))
                .flat_map(|before| {
                    [Cause::Deploy, Cause::Rollback, Cause::Scale].map(|cause| {
                        let goal = activation(cause, mode, false, to);
                        start(&goal, observed(*before, cause, from))
                    })
                });
            let report = explore(begin.collect(), 1, next);
            sound(&format!("{mode:?}, {from:?} to {to:?}"), &report);
        }
    }
}

#[test]
fn every_state_of_stop_and_destroy() {
    for goal in [Goal::Stop, Goal::Destroy] {
        let one = processes(&["web-1"]);
        let begin = BEFORE.map(|before| start(&goal, observed(before, Cause::Restart, &one)));
        let report = explore(begin.to_vec(), 2, next);
        println!("{goal:?}: {} states visited, {} ends", report.states, report.ends);
        assert!(report.broken.is_empty(), "{goal:?}: {}", report.broken.join("\n"));
    }
}

// What follows breaks one rule each; the checker must say which promise that breaks.

fn caught(policy: explore::Policy, mode: Mode, promise: &str) {
    caught_with(&["web-1"], policy, mode, promise);
}

fn caught_with(names: &[&str], policy: explore::Policy, mode: Mode, promise: &str) {
    let report = visit(mode, &processes(names), 1, policy);
    assert!(
        report.broken.iter().any(|broken| broken.contains(promise)),
        "a broken rule was not found; wanted {promise:?}, got {:?}",
        report.broken
    );
}

fn without_health(goal: &Goal, journal: &Journal, observed: &Observed) -> Decision {
    match next(goal, journal, observed) {
        Decision::Do {
            step: Step::AwaitHealth { containers },
            why,
        } if journal.failure.is_none() => Decision::Do {
            step: Step::Switch { targets: containers },
            why,
        },
        other => other,
    }
}

fn stops_old_too_early(goal: &Goal, journal: &Journal, observed: &Observed) -> Decision {
    match next(goal, journal, observed) {
        Decision::Do {
            step: Step::AwaitHealth { .. },
            why,
        } if !journal.previous.is_empty() => {
            let containers = journal.previous.iter().cloned().collect();
            Decision::Do {
                step: Step::Stop { containers },
                why,
            }
        }
        other => other,
    }
}

/// Leaves the previous release a share of the traffic.
fn shares_the_traffic(goal: &Goal, journal: &Journal, observed: &Observed) -> Decision {
    match next(goal, journal, observed) {
        Decision::Do {
            step: Step::Switch { mut targets },
            why,
        } if journal.failure.is_none() => {
            targets.extend(journal.previous.iter().cloned());
            Decision::Do {
                step: Step::Switch { targets },
                why,
            }
        }
        other => other,
    }
}

fn reruns_migrations(goal: &Goal, journal: &Journal, observed: &Observed) -> Decision {
    let mut forgetful = journal.clone();
    if forgetful.migration == gokku_core::transition::Migration::Started {
        forgetful.migration = gokku_core::transition::Migration::NotStarted;
        forgetful.resumed = false;
    }
    next(goal, &forgetful, observed)
}

fn leaves_green(goal: &Goal, journal: &Journal, observed: &Observed) -> Decision {
    match next(goal, journal, observed) {
        Decision::Do {
            step: Step::Rename { .. },
            ..
        } => Decision::Done,
        other => other,
    }
}

/// Leaves the branch where it was.
fn leaves_the_branch(goal: &Goal, journal: &Journal, observed: &Observed) -> Decision {
    let Goal::Activate(activation) = goal else {
        return next(goal, journal, observed);
    };
    let unpushed = Activation {
        refs: Vec::new(),
        ..activation.clone()
    };
    next(&Goal::Activate(unpushed), journal, observed)
}

/// Gives the traffic back and leaves the branch where it went.
fn leaves_the_branch_ahead(goal: &Goal, journal: &Journal, observed: &Observed) -> Decision {
    let unmoved = Observed {
        refs: Refs::Unmoved,
        ..observed.clone()
    };
    match &journal.failure {
        Some(_) => next(goal, journal, &unmoved),
        None => next(goal, journal, observed),
    }
}

fn keeps_candidate(goal: &Goal, journal: &Journal, observed: &Observed) -> Decision {
    match (next(goal, journal, observed), &journal.failure) {
        (
            Decision::Do {
                step: Step::Remove { .. },
                ..
            },
            Some(failure),
        ) => Decision::GiveUp(failure.clone()),
        (other, _) => other,
    }
}

fn runs_both(goal: &Goal, journal: &Journal, observed: &Observed) -> Decision {
    match goal {
        Goal::Activate(activation) => {
            let side_by_side = Activation {
                mode: Mode::ZeroDowntime,
                ..activation.clone()
            };
            next(&Goal::Activate(side_by_side), journal, observed)
        }
        _ => next(goal, journal, observed),
    }
}

fn overlaps(goal: &Goal, journal: &Journal, observed: &Observed) -> Decision {
    let Goal::Activate(activation) = goal else {
        return next(goal, journal, observed);
    };
    let anyhow = Activation {
        exclusive: BTreeSet::new(),
        ..activation.clone()
    };
    next(&Goal::Activate(anyhow), journal, observed)
}

/// Takes those that stay for old ones.
fn keeps_nothing(goal: &Goal, journal: &Journal, observed: &Observed) -> Decision {
    let forgetful = Journal {
        kept: BTreeSet::new(),
        ..journal.clone()
    };
    next(goal, &forgetful, observed)
}

/// Lets what is less go before what is more is good.
fn shrinks_first(goal: &Goal, journal: &Journal, observed: &Observed) -> Decision {
    let hasty = Journal {
        decided: true,
        ..journal.clone()
    };
    next(goal, &hasty, observed)
}

fn drains_for_ever(goal: &Goal, journal: &Journal, observed: &Observed) -> Decision {
    match next(goal, journal, observed) {
        Decision::Do {
            step: Step::Stop { containers },
            why,
        } => Decision::Do {
            step: Step::Drain { containers },
            why,
        },
        other => other,
    }
}

#[test]
fn a_broken_rule_is_found() {
    caught(without_health, Mode::ZeroDowntime, "invariant 1");
    caught(stops_old_too_early, Mode::ZeroDowntime, "invariant 2");
    caught(keeps_candidate, Mode::ZeroDowntime, "invariant 3");
    caught(leaves_green, Mode::ZeroDowntime, "invariant 4");
    caught(leaves_the_branch, Mode::ZeroDowntime, "P53");
    caught(leaves_the_branch_ahead, Mode::ZeroDowntime, "P53");
    caught(drains_for_ever, Mode::StopFirst, "invariant 5");
    caught(reruns_migrations, Mode::ZeroDowntime, "invariant 6");
    caught(runs_both, Mode::StopFirst, "P08");
    caught(shares_the_traffic, Mode::ZeroDowntime, "P46");
    for (policy, promise) in [
        (
            keeps_nothing as explore::Policy,
            "a container that stays is touched",
        ),
        (shrinks_first, "invariant"),
    ] {
        let report = scales(Mode::ZeroDowntime, 1, policy);
        let found = report.broken.iter().any(|broken| broken.contains(promise));
        assert!(found, "wanted {promise:?}, got {:?}", report.broken);
    }
    caught_with(&["clock-1", "web-1"], overlaps, Mode::ZeroDowntime, "overlap");
}
