//! Several faults, as chance has them: on calls of the worker, on calls of the daemon that ends what was cut off, and both may
//! be killed anywhere. A schedule is known by its seed.

use gokku_tests::Chance;

use crate::engine::fake::fault::Fault;
use crate::simulation::operation::Operation;
use crate::simulation::stage::{Cut, Shape, Stage, Tally};

/// How many are tried of each operation.
const OF_ONE: u64 = 70;
const OF_SEVERAL: u64 = 25;

/// Returns the seeds of schedules: so many, or as many as `GOKKU_SCHEDULES` says, where one wants to try more than every run does.
pub(super) fn seeds(count: u64) -> std::ops::Range<u64> {
    let more = std::env::var("GOKKU_SCHEDULES").ok();
    0..more.and_then(|more| more.parse().ok()).unwrap_or(count)
}

/// Up to three faults on as many calls.
fn faults(chance: &mut Chance, calls: usize) -> Vec<(usize, Fault)> {
    let count = chance.below(3) + 1;
    (0..count)
        .map(|_| (chance.below(calls), chance.one_of(&Fault::ALL)))
        .collect()
}

async fn schedules(shape: Shape) {
    let mut tally = Tally::default();
    let seeds = seeds(if shape.several { OF_SEVERAL } else { OF_ONE });
    for operation in Operation::ALL {
        let mut stage = Stage::new(shape, operation).await;
        let calls = stage.calls(operation).await.len();
        for seed in seeds.clone() {
            let mut chance = Chance::new(seed);
            let (first, daemon) = (faults(&mut chance, calls + 10), faults(&mut chance, 20));
            let cut = match chance.below(4) {
                0 => Cut::After(chance.below(3 * calls) + 1),
                _ => Cut::Never,
            };
            stage.attempt(operation, first.clone(), cut, &daemon).await;
            let about =
                || format!("{operation:?}, {shape:?}, seed {seed}: {first:?}, {cut:?}, then {daemon:?}");
            tally.count(&stage, operation.expected_after_fault(), about).await;
        }
    }
    let least = Operation::ALL.len() * seeds.count();
    tally.end(&format!("{shape:?}: schedules"), least);
}

#[tokio::test(start_paused = true)]
async fn with_zero_downtime() {
    schedules(Shape::ALL[0]).await;
}

#[tokio::test(start_paused = true)]
async fn with_stop_first() {
    schedules(Shape::ALL[1]).await;
}

#[tokio::test(start_paused = true)]
async fn of_several_processes_with_zero_downtime() {
    schedules(Shape::ALL[2]).await;
}

#[tokio::test(start_paused = true)]
async fn of_several_processes_with_stop_first() {
    schedules(Shape::ALL[3]).await;
}
