//! The worker is killed wherever it waits for anything: for the engine, for the traffic switch, for the disk.

use crate::simulation::operation::Operation;
use crate::simulation::stage::{Cut, KILLED, Shape, Stage, Tally};

async fn every_wait(shape: Shape) {
    let mut tally = Tally::default();
    for operation in Operation::ALL {
        let mut stage = Stage::new(shape, operation).await;
        for polls in 1.. {
            let told = stage.attempt(operation, Vec::new(), Cut::After(polls), &[]).await;
            let about = || format!("{operation:?}, {shape:?}: killed at wait {polls}");
            tally.count(&stage, operation.expected_after_fault(), about).await;
            if told != KILLED {
                assert!(polls > 10, "{operation:?}: {polls}");
                break;
            }
        }
    }
    tally.end(&format!("{shape:?}: waits at which the worker is killed"), 500);
}

#[tokio::test(start_paused = true)]
async fn with_zero_downtime() {
    every_wait(Shape::ALL[0]).await;
}

#[tokio::test(start_paused = true)]
async fn with_stop_first() {
    every_wait(Shape::ALL[1]).await;
}
