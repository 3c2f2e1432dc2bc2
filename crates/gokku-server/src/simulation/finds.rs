//! The simulation looks: what is not as it should be is found, and so is each rule that is broken on purpose.

use gokku_proxy::control::api::Clear;

use crate::engine::fake::fault::Fault;
use crate::engine::runtime::Runtime;
use crate::simulation::operation::Operation;
use crate::simulation::outcome::Expected;
use crate::simulation::stage::{Broken, Cut, Shape, Stage};

#[tokio::test(start_paused = true)]
async fn what_is_not_as_it_should_be_is_found() {
    let mut stage = Stage::new(Shape::ALL[0], Operation::Deploy).await;
    stage.reset().await;
    stage.look(Expected::One).await.expect("as it should be");
    let running = stage.containers().remove(0);
    let (id, name) = (running.id, running.name);
    stage.fake.rename(&id, "another-name").await.expect("renamed");
    stage.look(Expected::One).await.expect_err("another name");
    stage.fake.rename(&id, &name).await.expect("renamed");
    stage.look(Expected::One).await.expect("as it should be");
    stage.fake.restart();
    stage.look(Expected::One).await.expect_err("it does not run");
    stage.settle().await;
    stage.look(Expected::One).await.expect("as it should be");
    stage
        .server
        .switch
        .clear(&stage.app, &Clear::default())
        .await
        .expect("cleared");
    stage.look(Expected::One).await.expect_err("no traffic");
    stage.reset().await;
    stage
        .fake
        .stop(&id, std::time::Duration::ZERO)
        .await
        .expect("stopped");
    stage.settle().await;
    let why = stage
        .look(Expected::One)
        .await
        .expect_err("it was stopped while it had traffic");
    assert!(why.starts_with("on the way: Stop of "), "{why}");
}

/// The first try of a deploy with a bad end whose worker is killed at a call, or whose engine is restarted there.
async fn found(broken: Option<Broken>) -> Option<String> {
    for operation in [Operation::SickDeploy, Operation::Deploy] {
        let mut stage = Stage::new(Shape::ALL[0], operation).await;
        stage.broken = broken;
        for number in 0..20 {
            for fault in [Fault::CallerDies { done: true }, Fault::Restarts] {
                stage
                    .attempt(operation, vec![(number, fault)], Cut::Never, &[])
                    .await;
                if let Err(why) = stage.look(operation.expected_after_fault()).await {
                    return Some(why);
                }
            }
        }
    }
    None
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_is_broken_is_found() {
    assert_eq!(found(None).await, None);
    for broken in [Broken::Recovers, Broken::AsksForHealth, Broken::Repairs] {
        let found = found(Some(broken)).await;
        println!("{broken:?}: {}", found.expect("it is found"));
    }
}
