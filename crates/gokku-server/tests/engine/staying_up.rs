//! How a process is proven that answers nobody, while the engine does not answer either.

use std::time::Duration;

use gokku_core::config::processes::ProcessSpec;
use gokku_core::containers::ContainerSpec;
use gokku_server::engine::health::await_good;
use gokku_server::engine::runtime::Runtime;
use tokio::time::{Instant, timeout};

use crate::engine::fake::Fake;
use crate::engine::fake::fault::Fault;

const PATIENCE: Duration = Duration::from_secs(20);

/// What becomes of a container that runs, whose engine goes wrong so when it is asked whether it still does; and how often it
/// was asked.
async fn proven(faults: &[Fault]) -> (Result<(), String>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let engine = Fake::new(folder.path().to_owned());
    let pulled = "registry.test/app:1".parse().unwrap();
    engine.pull(&pulled, None, &mut |_| {}).await.unwrap();
    let spec = ContainerSpec {
        name: "api-green-worker-1".to_owned(),
        image: pulled.to_string(),
        network: "none".to_owned(),
        ..ContainerSpec::default()
    };
    let id = engine.create(&spec).await.unwrap();
    engine.start(&id).await.unwrap();
    let process = ProcessSpec {
        command: None,
        count: 1,
        overlap: true,
        stay_up: Duration::from_millis(1),
        check: None,
    };
    // The first call asks when it was started, the second one waits for its end.
    engine.go_wrong(
        faults
            .iter()
            .enumerate()
            .map(|(number, fault)| (number + 2, *fault)),
    );
    let limit = Duration::from_secs(1);
    let asking = await_good(&engine, &id, &process, limit, Instant::now());
    let good = timeout(PATIENCE, asking).await.expect("an end");
    let asked = engine
        .go_right()
        .iter()
        .filter(|call| **call == "container")
        .count();
    (good, asked)
}

#[tokio::test(start_paused = true)]
async fn it_is_asked_again_where_the_engine_does_not_answer() {
    assert_eq!(proven(&[]).await, (Ok(()), 2));
    for fault in [Fault::Fails, Fault::Hangs, Fault::Lost, Fault::Late { calls: 2 }] {
        assert_eq!(proven(&[fault, fault]).await, (Ok(()), 4), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_ended_meanwhile_has_not_stayed_up() {
    let (good, _) = proven(&[Fault::Restarts]).await;
    let words = good.unwrap_err();
    assert!(words.ends_with(", and had to stay up for 0 s"), "{words}");
}
