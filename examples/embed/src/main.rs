//! Plans transitions with `gokku-core` alone, and prints every step and why: no Docker, no disk, no clock.
//!
//! The loop is the one that gokku's own driver runs: look, ask [`next`], do the one step, look again. Only the
//! world is made up, in `world.rs`.
//!
//! ```sh
//! cargo run --package embed
//! ```
#![allow(clippy::print_stdout, reason = "it is a program that prints")]

mod world;

use std::collections::BTreeSet;
use std::fmt::Write;

use gokku_core::transition::{Activation, Cause, Decision, Goal, Journal, Mode, next};
use gokku_core::{ProcessKey, ReleaseId};
use world::World;

fn main() {
    for (title, mode, healthy) in [
        ("A deploy with ZERO_DOWNTIME=true", Mode::ZeroDowntime, true),
        ("A deploy with ZERO_DOWNTIME=false", Mode::StopFirst, true),
        (
            "A deploy with ZERO_DOWNTIME=true that is never healthy",
            Mode::ZeroDowntime,
            false,
        ),
        (
            "A deploy with ZERO_DOWNTIME=false that is never healthy",
            Mode::StopFirst,
            false,
        ),
    ] {
        println!("{title}\n\n{}", plan(mode, healthy));
    }
}

/// Runs a deploy to its end in a made-up world; every step and why, a line each.
fn plan(mode: Mode, healthy: bool) -> String {
    // 2024-01-15T11:30:00Z and an hour later. A release's id is the second of its birth.
    let active = ReleaseId::at(1_705_318_200);
    let release = ReleaseId::at(1_705_321_800);
    let goal = Goal::Activate(Activation {
        id: release,
        release,
        cause: Cause::Deploy,
        mode,
        migrate: true,
        pulls: false,
        processes: BTreeSet::from([ProcessKey::first_web()]),
        exclusive: BTreeSet::new(),
        refs: Vec::new(),
    });
    let mut world = World::serving(active, release, healthy);
    // A driver writes the journal to disk before it acts and whenever `before` or `after` tell that it changed.
    let mut journal = Journal::begin(release, goal.clone(), &world.observed);
    let mut told = String::new();
    loop {
        let line = match next(&goal, &journal, &world.observed) {
            Decision::Do { step, why } => {
                journal.before(&step);
                let seen = world.observed.clone();
                let result = world.perform(&step);
                let failed = result
                    .as_ref()
                    .err()
                    .map_or(String::new(), |error| format!(" - {error}"));
                journal.after(&step, &seen, result);
                writeln!(told, "  {:9} {why}{failed}", step.name())
            }
            Decision::Done => {
                let _ = writeln!(told, "  done");
                return told;
            }
            Decision::GiveUp(failure) => {
                let _ = writeln!(told, "  given up: {failure}");
                return told;
            }
        };
        // Writing to a String cannot fail.
        debug_assert!(line.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_of_steps_come_to_their_end() {
        for mode in [Mode::ZeroDowntime, Mode::StopFirst] {
            let told = plan(mode, true);
            assert!(told.ends_with("  done\n"), "{told}");
        }
    }

    #[test]
    fn the_modes_differ_in_their_order() {
        let at = |told: &str, step: &str| {
            told.lines()
                .position(|line| line.split_whitespace().next() == Some(step))
                .unwrap_or_else(|| panic!("no {step} in\n{told}"))
        };
        let beside = plan(Mode::ZeroDowntime, true);
        assert!(at(&beside, "health") < at(&beside, "switch"));
        assert!(at(&beside, "switch") < at(&beside, "stop"));
        let stop_first = plan(Mode::StopFirst, true);
        assert!(at(&stop_first, "hold") < at(&stop_first, "stop"));
        assert!(at(&stop_first, "stop") < at(&stop_first, "start"));
    }

    #[test]
    fn what_is_never_healthy_is_given_up() {
        for mode in [Mode::ZeroDowntime, Mode::StopFirst] {
            let told = plan(mode, false);
            let end = "given up: the new release did not pass its health check";
            assert!(
                told.lines().last().is_some_and(|line| line.contains(end)),
                "{told}"
            );
        }
    }
}
