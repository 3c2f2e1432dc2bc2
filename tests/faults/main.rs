//! Every step, every fault: the process that runs a transition, the traffic switch, or both are killed at each step, the
//! Docker Engine is restarted or hangs, also on a single call, the disk is full or broken, and nobody helps.
//!
//! - `operation`: what is under way when it happens
//! - `moment`: when it happens; `fault`: what
//! - `outcome`: what must be true within 10 seconds, by the daemon alone
//!
//! The steps are the core's own list, so that a new one is covered without anyone remembering. All of it takes
//! minutes (`cargo xtask faults`, or parts of the names in the table behind it, as `restart*disk`, where a
//! `$` ends the name; several, with a `|` between them); with the other tests runs a part that is the same every time, or
//! another one by `GOKKU_FAULTS_SEED`.
#![allow(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::print_stdout, reason = "the table is the result")]

mod fault;
mod moment;
mod operation;
mod outcome;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use gokku_core::transition::StepName;
use gokku_tests::{Chance, Engine, Hanging, Server};

use fault::{Fault, Own, Place};
use moment::Moment;
use operation::{Operation, Stage};

/// How large a disk that can be filled is, in bytes: several releases of the test app, with their history.
const DISK: u64 = 256 << 20;

/// How many of an operation's faults run with the other tests.
const PART: usize = 1;

/// The operations whose faults are tried: all, or with the other tests each in one of the two orders of steps; with an odd seed, in
/// the other one.
fn operations(seed: u64, zero_downtime: bool) -> impl Iterator<Item = Operation> {
    let all = std::env::var("GOKKU_FAULTS").is_ok();
    let first = (seed + u64::from(zero_downtime)) % 2;
    let is_tried = move |place: &usize| all || *place as u64 % 2 == first;
    let tried = (0..Operation::ALL.len()).filter(is_tried);
    tried.map(|place| Operation::ALL[place])
}

/// Chooses what is tried with the other tests. Fixed: what a run tries must not depend on when it runs.
fn seed() -> u64 {
    let given = std::env::var("GOKKU_FAULTS_SEED").ok();
    given.map_or(1, |given| given.parse().expect("GOKKU_FAULTS_SEED is a number"))
}

/// The faults of an operation that are to be tried: a step it came to when nothing went wrong, when, and what. `hangs`: with
/// the other tests, whether one of an engine that hangs is among them.
fn faults(about: &str, steps: &[String], hangs: bool, chance: &mut Chance) -> Vec<(String, Moment, Fault)> {
    let mut all: Vec<(String, Moment, Fault)> = Vec::new();
    for step in StepName::ALL
        .map(StepName::as_str)
        .iter()
        .filter(|name| steps.iter().any(|step| step == *name))
    {
        for moment in Moment::of(step) {
            all.extend(Fault::OF_STEPS.map(|fault| ((*step).to_owned(), moment, fault)));
        }
    }
    all.retain(|(step, moment, fault)| !fault.is_once_a_step() || moment.is_chief(step));
    let first = steps.first().cloned().unwrap_or_default();
    all.extend(Fault::of_operation(steps).map(|fault| (first.clone(), Moment::Before, fault)));
    match std::env::var("GOKKU_FAULTS") {
        Ok(which) if which == "all" => return all,
        Ok(which) => {
            all.retain(|(step, moment, fault)| {
                let name = name(about, step, *moment, *fault);
                let has = |part: &str| match part.strip_suffix('$') {
                    Some(end) => name.ends_with(end),
                    None => name.contains(part),
                };
                let has_all = |parts: &str| parts.split('*').all(has);
                which.split('|').any(has_all)
            });
            return all;
        }
        Err(_) => {}
    }
    // The other tests have no time for more: what most often befalls a server, and a little of what takes long.
    let (mut silences, mut kills) = (all.clone(), all);
    kills.retain(|(_, _, fault)| *fault == Fault::Worker);
    silences.retain(|(_, _, fault)| fault.is_silence());
    let mut chosen = few(kills, PART, chance);
    chosen.extend(few(silences, usize::from(hangs), chance));
    chosen
}

/// So many of them, by chance.
fn few<T>(mut all: Vec<T>, count: usize, chance: &mut Chance) -> Vec<T> {
    while all.len() > count {
        all.remove(chance.below(all.len()));
    }
    all
}

/// What a fault is called in the table.
fn name(about: &str, step: &str, moment: Moment, fault: Fault) -> String {
    format!("{about}: {step} {moment}, {fault}")
}

/// What an operation is called in the table.
fn about(operation: Operation, zero_downtime: bool) -> String {
    let mode = if zero_downtime {
        "zero downtime"
    } else {
        "stop first"
    };
    format!("{operation}, {mode}")
}

/// Which faults of an operation are tried, given the steps it takes.
type Choice<'a> = &'a mut dyn FnMut(&str, &[String]) -> Vec<(String, Moment, Fault)>;

/// Runs an operation's faults and gives a row for each; the errors are told when all have run.
fn run(
    server: &Server,
    own: Own<'_>,
    operation: Operation,
    zero_downtime: bool,
    choose: Choice<'_>,
) -> Vec<(String, Result<String, String>)> {
    let stage = Stage::new(server, own, operation, zero_downtime);
    let about = about(operation, zero_downtime);
    let steps = stage.steps();
    let mut rows = Vec::new();
    for (step, moment, fault) in choose(&about, &steps) {
        let name = name(&about, &step, moment, fault);
        let tried = catch_unwind(AssertUnwindSafe(|| stage.try_fault(&step, moment, fault)));
        let tried = tried.unwrap_or_else(|panic| {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            Err(words
                .or(panic.downcast_ref::<&str>().copied())
                .unwrap_or("a panic")
                .to_owned())
        });
        println!("{name:60} {}", tried.as_deref().unwrap_or("BROKEN"));
        if let Err(why) = &tried {
            println!("{why}");
        }
        rows.push((name, tried));
    }
    rows
}

fn all_of(zero_downtime: bool) {
    let seed = seed();
    let mut chance = Chance::new(seed);
    println!("seed {seed} (GOKKU_FAULTS_SEED)");
    let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    let mut wrong = Vec::new();
    let steps = StepName::ALL.map(|name| name.to_string());
    for (place, operation) in operations(seed, zero_downtime).enumerate() {
        // With the other tests one of each mode has an engine that hangs.
        let hangs = place == 0;
        // Whatever its steps are, none of its faults is meant.
        if faults(
            &about(operation, zero_downtime),
            &steps,
            hangs,
            &mut chance.clone(),
        )
        .is_empty()
        {
            continue;
        }
        // The steps are the same everywhere, so that one choice does for all places.
        let mut chosen: Option<Vec<(String, Moment, Fault)>> = None;
        let mut rows = Vec::new();
        for place in [Place::Machine, Place::OwnEngine, Place::SmallDisk, Place::Hanging] {
            let is_here = |(_, _, fault): &(String, Moment, Fault)| {
                // An engine of its own has a loopback of its own, which the registry is not on.
                let reaches = operation != Operation::DeployImage || place != Place::OwnEngine;
                reaches && fault.place() == place
            };
            if chosen.as_ref().is_some_and(|chosen| !chosen.iter().any(is_here)) {
                continue;
            }
            let mut choose = |about: &str, steps: &[String]| {
                let all = chosen.get_or_insert_with(|| faults(about, steps, hangs, &mut chance));
                all.iter().filter(|one| is_here(one)).cloned().collect()
            };
            let engine = (place == Place::OwnEngine).then(|| RefCell::new(Engine::start_new()));
            let hanging = (place == Place::Hanging).then(|| Arc::new(Hanging::in_front_of_the_machines()));
            let mut server = match &engine {
                Some(engine) => Server::on(&engine.borrow()),
                None if place == Place::SmallDisk => Server::on_disk_of(DISK),
                None => Server::new(),
            };
            if let Some(hanging) = &hanging {
                // Who looks from outside goes on to ask the engine itself.
                server.set_env("DOCKER_HOST", hanging.host().to_str().unwrap());
            }
            let own = Own {
                engine: engine.as_ref(),
                hanging: hanging.as_ref(),
            };
            rows.extend(run(&server, own, operation, zero_downtime, &mut choose));
        }
        for (name, tried) in rows {
            let outcome = tried.as_deref().unwrap_or("BROKEN").to_owned();
            let fault = name.rsplit(", ").next().unwrap_or_default().to_owned();
            *counts.entry(fault).or_default().entry(outcome).or_default() += 1;
            if let Err(why) = tried {
                wrong.push(format!("{name}: {why}"));
            }
        }
    }
    println!("| fault | tried | came to |\n|---|---:|---|");
    for (fault, outcomes) in &counts {
        let total: usize = outcomes.values().sum();
        let shown: Vec<String> = outcomes
            .iter()
            .map(|(outcome, count)| format!("{outcome} {count}"))
            .collect();
        println!("| {fault} | {total} | {} |", shown.join(", "));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_killed_transition_comes_to_a_good_end_with_zero_downtime() {
    all_of(true);
}

#[test]
fn a_killed_transition_comes_to_a_good_end_with_stop_first() {
    all_of(false);
}
