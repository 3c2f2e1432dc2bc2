//! Each fault on each call that each operation makes to the engine. That the worker is killed there is `every_wait`'s.

use crate::engine::fake::fault::Fault;
use crate::simulation::operation::Operation;
use crate::simulation::stage::{Cut, Shape, Stage, Tally};

async fn every_call_and_fault(shape: Shape) {
    let mut tally = Tally::default();
    for operation in Operation::ALL {
        let mut stage = Stage::new(shape, operation).await;
        for (number, call) in stage.calls(operation).await.into_iter().enumerate() {
            let faults = Fault::of(call).iter().copied();
            for fault in faults.filter(|fault| !matches!(fault, Fault::CallerDies { .. })) {
                stage
                    .attempt(operation, vec![(number, fault)], Cut::Never, &[])
                    .await;
                let about = || format!("{operation:?}, {shape:?}: {number} {call}, {fault:?}");
                tally.count(&stage, operation.expected_after_fault(), about).await;
            }
        }
    }
    tally.end(&format!("{shape:?}: calls that go wrong"), 500);
}

#[tokio::test(start_paused = true)]
async fn with_zero_downtime() {
    every_call_and_fault(Shape::ALL[0]).await;
}

#[tokio::test(start_paused = true)]
async fn with_stop_first() {
    every_call_and_fault(Shape::ALL[1]).await;
}
