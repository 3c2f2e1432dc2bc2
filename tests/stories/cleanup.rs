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
    let push = dev.release("v2").ok();
    assert!(began.elapsed() >= Duration::from_secs(2), "it had its grace");
    push.says("did not end within STOP_TIMEOUT (2 s) and was killed (SIGKILL)")
        .says("Probably: its program ignores SIGTERM");
    assert_eq!(api.version(), "v2");
    assert_eq!(docker(["inspect", &old.id]).code, Some(1), "removed");
    assert_eq!(api.container_names(), [api.blue()]);
}

/// P27: a program that handles no signal ends by SIGTERM at once, because the engine's init is its container's first process.
/// Without that (`init: false`) it has to be killed, and that is told, with its likely cause, as an event.
#[test]
fn p27_a_program_that_handles_no_signal_ends_by_sigterm() {
    let server = Server::new();
    let api = server.create("api");
    let processes = "    processes:\n      worker: {command: /app wait, stay_up: 0}\n";
    let dev = api.working_copy_with(processes);
    api.gokku(["config", "set", "STOP_TIMEOUT=100"]).ok();
    dev.release("v1").ok();
    let worker = format!("{}-worker-1", api.blue());
    let init = |name: &str| {
        docker(["inspect", "--format", "{{.HostConfig.Init}}", name])
            .ok()
            .line()
            == "true"
    };
    assert!(init(&api.blue()) && init(&worker));
    api.gokku(["run", "--", "/app", "exit", "7"]).exits(7);
    let began = Instant::now();
    let restart = api.gokku(["restart"]).ok();
    assert!(began.elapsed() < Duration::from_secs(50), "{restart}");
    assert!(!restart.stderr.contains("SIGKILL"), "{restart}");

    dev.edit("gokku.yml", "    processes:", "    init: false\n    processes:");
    api.gokku(["config", "set", "--no-restart", "STOP_TIMEOUT=1"])
        .ok();
    dev.release("v2").ok();
    assert!(!init(&api.blue()) && !init(&worker));
    let restart = api.gokku(["restart", "--json"]).ok();
    let killed = serde_json::json!({"container": worker, "grace": 1, "because": "first-process"});
    let events = restart
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let mut found = events.filter_map(|event: serde_json::Value| event.pointer("/event/killed").cloned());
    assert_eq!((found.next(), found.next()), (Some(killed), None), "{restart}");
    api.gokku(["restart"])
        .ok()
        .complains("did not end within STOP_TIMEOUT (1 s)")
        .complains("does not handle SIGTERM");
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
