//! Stopping: SIGTERM, the grace, SIGKILL.

use std::time::{Duration, Instant};

use gokku_core::containers::ContainerState;
use gokku_docker::Engine;

use crate::support::{Lab, Middle, Reply, answer, docker, soon};

/// P05, P27: an app that handles SIGTERM finishes what it has at hand, and its exit code is its own.
#[tokio::test]
async fn p27_an_app_that_handles_sigterm_ends_in_its_own_time() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let id = lab.start(&lab.spec(&image, &["polite", "ready"])).await;
    lab.said(&id, "ready").await;
    soon("the stop", lab.engine.stop(&id, Duration::from_secs(50)))
        .await
        .unwrap();
    let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
    assert_eq!(
        facts.state,
        ContainerState::Exited,
        "a stop that is over is an end"
    );
    assert_eq!(facts.details.unwrap().exit_code, 0, "not killed");
    let lines = lab.engine.last_lines(&id, 10).await.unwrap();
    assert_eq!(lines, ["ready", "finishing", "finished"]);
}

/// P05: one that does not hear SIGTERM gets its grace, and then SIGKILL.
#[tokio::test]
async fn p05_an_app_that_ignores_sigterm_is_killed_after_its_grace_and_not_before() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let id = lab.start(&lab.spec(&image, &["deaf", "ready"])).await;
    lab.said(&id, "ready").await;
    let began = Instant::now();
    soon("the stop", lab.engine.stop(&id, Duration::from_secs(2)))
        .await
        .unwrap();
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
    assert_eq!(facts.state, ContainerState::Exited);
    assert_eq!(facts.details.unwrap().exit_code, 137);
}

/// With the engine's init before it, one that does not handle SIGTERM ends by it at once, and one that does has its own exit
/// code, as has one that ends by itself.
#[tokio::test]
async fn p27_with_an_init_sigterm_reaches_a_program_that_does_not_handle_it() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    for (words, code) in [
        (&["deaf", "ready"][..], 143),
        (&["polite", "ready"], 0),
        (&["exit", "7"], 7),
    ] {
        let spec = gokku_core::containers::ContainerSpec {
            init: true,
            ..lab.spec(&image, words)
        };
        let id = lab.start(&spec).await;
        if words[1] == "ready" {
            lab.said(&id, "ready").await;
            soon("the stop", lab.engine.stop(&id, Duration::from_secs(50)))
                .await
                .unwrap();
        }
        assert_eq!(soon("its end", lab.engine.wait_exit(&id)).await.unwrap(), code);
        let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
        let details = facts.details.unwrap();
        assert!(details.init);
        assert_eq!(details.exit_code, code, "{words:?}");
        assert_eq!(details.words[1..], *words);
    }
}

/// An engine that does not find its init would refuse the start with words about a program that nobody has heard of: it is
/// asked first, and the container is made without.
#[tokio::test]
async fn an_engine_without_an_init_runs_containers_without_one() {
    let lab = Lab::new().await;
    assert!(lab.engine.has_init().await.unwrap());
    let image = lab.image().await;
    for (binary, has_init) in [("docker-init-not-there", false), ("/usr/bin/docker-init", true)] {
        let real = lab.socket.clone();
        let json = format!(r#"{{"InitBinary":"{binary}","InitCommit":{{"ID":"N/A"}}}}"#);
        let middle = Middle::new(move |line| {
            if line.contains("/info ") {
                answer("200 OK", &json)
            } else {
                Reply::PassOn(real.clone())
            }
        });
        let engine = Engine::connect(&middle.socket()).await.unwrap();
        assert_eq!(engine.has_init().await.unwrap(), has_init, "{binary}");
        let spec = gokku_core::containers::ContainerSpec {
            init: true,
            ..lab.spec(&image, &["exit", "0"])
        };
        let id = engine.create(&spec).await.unwrap();
        let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
        assert_eq!(facts.details.unwrap().init, has_init, "{binary}");
    }
}

/// The grace of the stop counts, not the one the container was made with: `STOP_TIMEOUT` may have changed since.
#[tokio::test]
async fn p05_a_stop_has_its_own_grace() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let spec = gokku_core::containers::ContainerSpec {
        stop_timeout: Duration::from_secs(3600),
        ..lab.spec(&image, &["deaf", "ready"])
    };
    let id = lab.start(&spec).await;
    lab.said(&id, "ready").await;
    soon("the stop", lab.engine.stop(&id, Duration::ZERO))
        .await
        .unwrap();
    let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
    assert_eq!(facts.details.unwrap().exit_code, 137);
}

#[tokio::test]
async fn stopping_what_does_not_run_is_no_error() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let id = lab
        .engine
        .create(&lab.spec(&image, &["exit", "4"]))
        .await
        .unwrap();
    lab.engine
        .stop(&id, Duration::from_secs(1))
        .await
        .expect("never started");
    lab.engine.start(&id).await.unwrap();
    soon("its end", lab.engine.wait_exit(&id)).await.unwrap();
    lab.engine
        .stop(&id, Duration::from_secs(1))
        .await
        .expect("exited");
    let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
    assert_eq!(facts.details.unwrap().exit_code, 4, "and nothing was sent");
}

/// Two stop it at once: `gokku stop` while a transition retires it.
#[tokio::test]
async fn stops_at_the_same_time_all_end() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let id = lab.start(&lab.spec(&image, &["polite", "ready"])).await;
    lab.said(&id, "ready").await;
    let grace = Duration::from_secs(50);
    let both = async { tokio::join!(lab.engine.stop(&id, grace), lab.engine.stop(&id, grace)) };
    let (one, other) = soon("both stops", both).await;
    one.unwrap();
    other.unwrap();
    let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
    assert_eq!(
        (facts.state, facts.details.unwrap().exit_code),
        (ContainerState::Exited, 0)
    );
}

/// Who no longer waits for a stop does not end it early: the app still has its grace.
#[tokio::test]
async fn p27_a_stop_that_nobody_waits_for_still_gives_the_grace() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let id = lab.start(&lab.spec(&image, &["polite", "ready"])).await;
    lab.said(&id, "ready").await;
    {
        let stopping = std::pin::pin!(lab.engine.stop(&id, Duration::from_secs(50)));
        tokio::select! {
            result = stopping => panic!("it takes longer: {result:?}"),
            () = lab.said(&id, "finishing") => {}
        }
    }
    assert_eq!(soon("its end", lab.engine.wait_exit(&id)).await.unwrap(), 0);
    assert!(lab.engine.last_lines(&id, 1).await.unwrap() == ["finished"]);
}

/// P27: any signal is the app's to handle.
#[tokio::test]
async fn p27_a_signal_arrives_and_the_container_goes_on() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let id = lab.start(&lab.spec(&image, &["chatty", "ready"])).await;
    lab.said(&id, "ready").await;
    lab.engine.kill(&id, "SIGTERM").await.unwrap();
    lab.said(&id, "signalled").await;
    let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
    assert_eq!(facts.state, ContainerState::Running);
    let error = lab.engine.kill(&id, "SIGNONSENSE").await.unwrap_err();
    assert!(error.to_string().contains("SIGNONSENSE"), "{error}");
    lab.engine.kill(&id, "SIGKILL").await.unwrap();
    assert_eq!(soon("its end", lab.engine.wait_exit(&id)).await.unwrap(), 137);
    // A signal to what does not run is a conflict, not a container that is not there.
    let error = lab.engine.kill(&id, "SIGTERM").await.unwrap_err();
    assert!(matches!(error, gokku_docker::Error::Conflict { .. }), "{error:?}");
}

/// P18, P24: by hand, `docker stop` gives the grace the container was made with.
#[tokio::test]
async fn p18_docker_stop_gives_the_grace_too() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let spec = gokku_core::containers::ContainerSpec {
        stop_timeout: Duration::from_secs(1),
        ..lab.spec(&image, &["deaf", "ready"])
    };
    let id = lab.start(&spec).await;
    lab.said(&id, "ready").await;
    let began = Instant::now();
    docker(&["stop", id.as_str()]);
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
    assert_eq!(facts.details.unwrap().exit_code, 137);
}
