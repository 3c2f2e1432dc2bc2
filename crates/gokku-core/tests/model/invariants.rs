//! What must hold, in the order of the design's list.

use gokku_core::transition::{
    Activation, FailureKind, Goal, Journal, Mode, Previous, RecordState, Refs, State, Step,
};
use gokku_core::{ContainerId, ProcessKey, Slot};

use crate::world::{End, World};

type Held = Result<(), String>;

fn mode(world: &World) -> Option<Mode> {
    match world.goal() {
        Goal::Activate(activation) => Some(activation.mode),
        Goal::Stop | Goal::Destroy => None,
    }
}

/// What may not even be tried.
pub(crate) fn step_allowed(world: &World, step: &Step) -> Held {
    let switched = world.written.switched(&world.observed);
    let failed = world.live.as_ref().is_some_and(|live| live.failure.is_some());
    if let Step::Switch { targets } = step {
        if targets.is_empty() {
            return Err("the traffic switch refuses a switch to nothing".to_owned());
        }
        if world.releases_of(targets.iter()).len() > 1 {
            return Err("P46: traffic to two releases, whose domains may differ".to_owned());
        }
        for target in targets {
            let has_it = world.observed.route.targets.contains(target);
            if !world.proven.contains(target) && !world.is_previous(target) && !has_it {
                return Err(format!(
                    "invariant 1: traffic to {target}, which has not passed its health check"
                ));
            }
        }
    }
    if let (Goal::Activate(activation), Step::Switch { .. }) = (world.goal(), step)
        && !activation.refs.is_empty()
        && !switched
        && !failed
        && world.observed.refs == Refs::Unmoved
    {
        return Err("P53: traffic to what git has not promised to store".to_owned());
    }
    if matches!(step, Step::Migrate) && world.migrations > 0 {
        return Err("invariant 6: the migration would run twice".to_owned());
    }
    let touched: &[ContainerId] = match step {
        Step::Stop { containers } | Step::Remove { containers } | Step::Drain { containers } => containers,
        _ => &[],
    };
    if touched.iter().any(|id| world.written.kept.contains(id)) {
        return Err("scale: a container that stays is touched".to_owned());
    }
    let touches_previous = touched
        .iter()
        .any(|id| world.is_previous(id) && !(matches!(step, Step::Stop { .. }) && world.is_exclusive(id)));
    if mode(world) == Some(Mode::ZeroDowntime) && !switched {
        if touches_previous {
            return Err("invariant 2 (P02): the active release is touched before the switch".to_owned());
        }
        if *step == Step::Hold || (*step == Step::Unroute && !failed) {
            return Err("invariant 2: the route loses its target".to_owned());
        }
    }
    Ok(())
}

fn live_target(world: &World) -> bool {
    let route = &world.observed.route;
    !route.held
        && world.observed.containers.iter().any(|container| {
            // What answers no requests is no loss to them.
            container.process.is_web()
                && container.state == State::Running
                && route.targets.contains(&container.id)
        })
}

/// What a step that went well may not have done.
pub(crate) fn step_harmless(before: &World, step: &Step, after: &World) -> Held {
    // Where there is to be nothing that answers, or was nothing, the switch is what takes it away, there or back.
    let routed = after.releases_of(after.observed.route.targets.iter());
    if routed.iter().any(|release| Some(*release) != after.domains) {
        return Err("P46: the domains of one release lead to another".to_owned());
    }
    let answers = |activation: &Activation| activation.processes.iter().any(ProcessKey::is_web);
    let wants_none = matches!(before.goal(), Goal::Activate(activation) if !answers(activation));
    let had_none = before.written.previous_without_web;
    let is_wanted = (wants_none || had_none) && matches!(step, Step::Switch { .. });
    if mode(before) == Some(Mode::ZeroDowntime) && live_target(before) && !live_target(after) && !is_wanted {
        return Err("invariant 2: the route had a live target and has none".to_owned());
    }
    if let (Goal::Activate(activation), Step::Start { .. }) = (before.goal(), step) {
        let runs = |new: bool| {
            after.observed.containers.iter().any(|container| {
                container.state == State::Running
                    && after.is_exclusive(&container.id)
                    && (container.transition == activation.id) == new
                    && (new || after.is_previous(&container.id))
            })
        };
        if runs(true) && runs(false) {
            return Err("overlap: two of what must run alone run at once".to_owned());
        }
    }
    // More of the same release is not another one.
    let is_other = before.written.kept.is_empty();
    if mode(before) == Some(Mode::StopFirst) && is_other && matches!(step, Step::Start { .. }) {
        let Goal::Activate(activation) = before.goal() else {
            return Ok(());
        };
        let runs = |new: bool| {
            after.observed.containers.iter().any(|container| {
                container.state == State::Running
                    && (container.transition == activation.id) == new
                    && (new || after.is_previous(&container.id))
            })
        };
        if runs(true) && runs(false) {
            return Err("P08: two releases run at once".to_owned());
        }
    }
    Ok(())
}

/// What must be true when a transition has ended.
pub(crate) fn end_sound(world: &World, end: End) -> Held {
    if matches!(world.goal(), Goal::Activate(_)) && world.domains != world.observed.current {
        return Err("P46: the domains are not those of the active release".to_owned());
    }
    match (world.goal(), end) {
        (Goal::Activate(_), End::Done) => done_sound(world),
        (Goal::Activate(_), End::GaveUp(kind)) => gave_up_sound(world, kind),
        (goal, End::Done) => retired_sound(world, *goal == Goal::Destroy),
        (_, End::GaveUp(_)) => Err("taking an app down is never given up".to_owned()),
    }
}

fn done_sound(world: &World) -> Held {
    let Goal::Activate(activation) = world.goal() else {
        return Ok(());
    };
    let observed = &world.observed;
    let wrong = |what: &str| Err(format!("invariant 4: {what}"));
    if observed.containers.len() != activation.processes.len() {
        return wrong("not exactly one container for each process");
    }
    for container in &observed.containers {
        let is_kept = world.written.kept.contains(&container.id);
        let is_new = container.transition == activation.id;
        if is_kept == is_new || container.slot != Some(Slot::Blue) {
            return wrong("a container that is not the new blue one");
        }
        if container.state != State::Running && !world.befallen {
            return wrong("the container does not run");
        }
        if activation.is_routed(&container.process) != observed.route.targets.contains(&container.id) {
            return wrong("the route does not point at those that are to have the traffic");
        }
    }
    let stays = |id: &ContainerId| observed.containers.iter().any(|container| container.id == *id);
    if !world.befallen && !world.written.kept.iter().all(stays) {
        return wrong("a container that was to stay is gone");
    }
    if observed.route.held || observed.route.targets.len() > activation.processes.len() {
        return wrong("the route is held or points elsewhere");
    }
    if observed.current != Some(activation.release) || observed.record != RecordState::Good {
        return wrong("the release is not recorded as the active one");
    }
    if !activation.refs.is_empty() && observed.refs != Refs::Moved {
        return Err("P53: the commit that runs is not the branch".to_owned());
    }
    Ok(())
}

fn gave_up_sound(world: &World, kind: FailureKind) -> Held {
    let Goal::Activate(activation) = world.goal() else {
        return Ok(());
    };
    let observed = &world.observed;
    let wrong = |what: &str| Err(format!("invariant 3: {what}"));
    if observed.refs != Refs::Unmoved {
        return Err("P53: the branch is not the commit that runs".to_owned());
    }
    if observed
        .containers
        .iter()
        .any(|container| container.transition == activation.id)
    {
        return wrong("a new container is left");
    }
    if observed.route.held {
        return wrong("requests still wait");
    }
    if observed.current != world.written.previous_release {
        return wrong("current does not point at the former release");
    }
    if activation.makes_release()
        && (observed.tree || observed.image || observed.record != RecordState::Failed)
    {
        return wrong("the failed release is not discarded");
    }
    let still_there = |id: &ContainerId| observed.containers.iter().any(|container| container.id == *id);
    for id in &observed.route.targets {
        if !world.is_previous(id) {
            return wrong("the route points at something else than the former release");
        }
    }
    let cut_off = world.written.migration == gokku_core::transition::Migration::Started
        && world.live.as_ref().is_some_and(|live| live.resumed);
    if cut_off && kind != FailureKind::MigrationCutOff && kind != FailureKind::Migration {
        return Err(format!(
            "invariant 6: a migration was cut off and the reason given is {kind:?}"
        ));
    }
    let told = world.live.as_ref().map(Journal::previous_now);
    if world.previous_stirred && told == Some(Previous::Untouched) {
        return wrong("the former release is told to be untouched, and is not");
    }
    if !world.previous_stirred && !world.stumbled && !world.befallen && told != Some(Previous::Untouched) {
        return wrong("the former release is told to have been stopped, and was not");
    }
    if world.befallen || world.live.as_ref().is_none_or(|live| live.previous_failed) {
        return Ok(());
    }
    let was_routed = world.begun_routed();
    for id in &world.written.previous {
        if !still_there(id) && !world.begun_gone(id) {
            return wrong("the former release is gone");
        }
    }
    if mode(world) == Some(Mode::ZeroDowntime) && world.previous_touched {
        return wrong("the former release was touched");
    }
    if !was_routed.is_subset(&observed.route.targets) && !was_routed.iter().any(|id| world.begun_gone(id)) {
        return wrong("the former release lost its traffic");
    }
    for container in &observed.containers {
        if world.is_previous(&container.id)
            && world.begun_running(&container.id)
            && container.state != State::Running
        {
            return wrong("the former release does not run");
        }
    }
    Ok(())
}

fn retired_sound(world: &World, removed: bool) -> Held {
    let observed = &world.observed;
    if !observed.route.targets.is_empty() || observed.route.held {
        return Err("a retired app still has a route's target".to_owned());
    }
    if observed
        .containers
        .iter()
        .any(|container| container.state == State::Running)
    {
        return Err("a retired app still runs".to_owned());
    }
    if removed && !observed.containers.is_empty() {
        return Err("a destroyed app still has containers".to_owned());
    }
    Ok(())
}
