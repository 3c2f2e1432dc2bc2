//! The old version leaves when its last request is answered: P05, P27.

use std::thread;
use std::time::{Duration, Instant};

use gokku_tests::{HeldRequest, PATIENCE, Server, docker, get, wait_until};

use crate::told::last_steps;

/// P05, P27: a request that the old version has begun is answered by it, to its last byte, although the traffic
/// went to the new one meanwhile; then the old one gets SIGTERM, ends in its own way and is removed.
#[test]
fn p05_what_is_in_flight_is_finished_first() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    dev.release("v1").ok();
    let old = api.containers().remove(0);
    // Its head comes late, and its body later.
    let held = HeldRequest::begin(&api, "/slow?ms=0&body-ms=1000");
    wait_until("the request in flight", PATIENCE, || {
        let status = api.gokku(["status", "--json"]).ok().json();
        (status["in_flight"].as_u64() == Some(1)).then_some(())
    });
    let logs = gokku_tests::Running::start(server.command("docker").args(["logs", "--follow", &old.id]));
    dev.write_app("v2", &[]);
    dev.commit("v2");
    let push = dev.start_push();
    api.await_version("v2");
    let answer = held.finish().expect("an answer, whole");
    assert_eq!((answer.status, answer.version()), (200, Some("v1")));
    push.wait().ok();
    assert_eq!(api.version(), "v2");
    assert!(last_steps(&api).contains(&"drain".to_owned()));
    // It was told to stop and had its time: it said goodbye.
    logs.wait().says("version v1 stopped");
    assert_eq!(docker(["inspect", &old.id]).code, Some(1), "removed");
}

/// P05, P27: an app that ignores SIGTERM has its grace, and is then killed.
#[test]
fn p27_after_the_grace_comes_sigkill() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=true", "STOP_TIMEOUT=2"])
        .ok();
    dev.release_with("v1", &["ignore-sigterm"]).ok();
    let old = api.containers().remove(0);
    let began = Instant::now();
    dev.release("v2").ok();
    assert!(began.elapsed() >= Duration::from_secs(2), "it had its grace");
    assert_eq!(api.version(), "v2");
    assert_eq!(docker(["inspect", &old.id]).code, Some(1), "removed");
    assert_eq!(api.container_names(), [api.blue()]);
}

/// A request that never ends does not hold the old version for ever: there is a limit, and it is told.
#[test]
fn p05_the_drain_has_a_limit() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku([
        "config",
        "set",
        "ZERO_DOWNTIME=true",
        "DRAIN_TIMEOUT=1",
        "STOP_TIMEOUT=1",
    ])
    .ok();
    dev.release("v1").ok();
    let address = api.address();
    let endless = thread::spawn(move || get(address, "/slow?ms=3600000"));
    wait_until("the endless request in flight", PATIENCE, || {
        let status = api.gokku(["status", "--json"]).ok().json();
        (status["in_flight"].as_u64() == Some(1)).then_some(())
    });
    dev.release("v2").ok().says("DRAIN_TIMEOUT");
    assert_eq!(api.version(), "v2");
    assert_eq!(api.container_names(), [api.blue()]);
    let cut = endless.join().unwrap();
    assert!(
        cut.as_ref().map_or(true, |answer| answer.status == 502),
        "it was cut off: {cut:?}"
    );
}
