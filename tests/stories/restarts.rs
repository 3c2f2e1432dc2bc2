//! A container that exits, a daemon that was killed, a machine that was restarted: P30, P31.

use std::time::{Duration, Instant};

use gokku_tests::{App, PATIENCE, Server, WorkingCopy, docker, wait_until};

fn with_policy<'a>(api: &App<'a>, policy: &str) -> WorkingCopy<'a> {
    let dev = api.working_copy_with(&format!("    deployment:\n{policy}"));
    dev.release("v1").ok();
    dev
}

fn crash(api: &App<'_>, code: u8) {
    // It ends without an answer; the switch says so.
    let _ = api.get(&format!("/exit?code={code}"));
}

fn state(api: &App<'_>) -> String {
    api.containers()[0].state.clone()
}

/// P30, P31: `always` is the default, after 5 seconds; the same container, with its new address.
#[test]
fn p31_by_default_a_crashed_app_comes_back_after_5_seconds() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let before = api.containers();
    crash(&api, 1);
    let crashed = Instant::now();
    wait_until("its end", PATIENCE, || (state(&api) == "exited").then_some(()));
    api.await_version("v1");
    assert!(
        crashed.elapsed() >= Duration::from_secs(4),
        "{:?}",
        crashed.elapsed()
    );
    assert_eq!(api.containers()[0].id, before[0].id);
    // `always` means also when it ended well.
    crash(&api, 0);
    wait_until("its end", PATIENCE, || (state(&api) == "exited").then_some(()));
    api.await_version("v1");
    // And a deploy finds nothing odd.
    dev.release("v2").ok();
    assert_eq!(api.version(), "v2");
}

/// P30, P31: `on-failure`, without delay: not when it ended well.
#[test]
fn p30_on_failure_restarts_failures_only() {
    let server = Server::new();
    let api = server.create("api");
    with_policy(&api, "      restart_policy: on-failure\n      restart_delay: 0\n");
    crash(&api, 3);
    api.await_version("v1");
    crash(&api, 0);
    wait_until("its end", PATIENCE, || (state(&api) == "exited").then_some(()));
    // Another app of the same server crashes and comes back: by then this one would have, too.
    let other = server.create("other");
    with_policy(&other, "      restart_delay: 0\n");
    crash(&other, 1);
    other.await_version("v1");
    assert_eq!(state(&api), "exited");
    // What is asked for meanwhile is told plainly.
    let answer = api.get("/version").unwrap();
    assert_eq!((answer.status, answer.version()), (502, None));
    api.gokku(["restart"]).ok();
    assert_eq!(api.version(), "v1");
}

/// P30: `no`.
#[test]
fn p30_no_means_no() {
    let server = Server::new();
    let api = server.create("api");
    with_policy(&api, "      restart_policy: no\n      restart_delay: 0\n");
    let other = server.create("other");
    with_policy(&other, "      restart_delay: 1\n");
    crash(&api, 1);
    crash(&other, 1);
    wait_until("the other's end", PATIENCE, || {
        (state(&other) == "exited").then_some(())
    });
    other.await_version("v1");
    assert_eq!(state(&api), "exited");
}

/// P30: who stops a container by hand means it; who starts it is believed, too.
#[test]
fn p30_a_container_stopped_by_hand_stays_down() {
    let server = Server::new();
    let api = server.create("api");
    with_policy(&api, "      restart_delay: 0\n");
    let other = server.create("other");
    with_policy(&other, "      restart_delay: 0\n");
    docker(["stop", &api.blue()]).ok();
    crash(&other, 1);
    other.await_version("v1");
    assert_eq!(state(&api), "exited");
    api.gokku(["status"]).ok().says("does not run");
    docker(["start", &api.blue()]).ok();
    api.await_version("v1");
    // Or with gokku's own command, which gives it a new container.
    docker(["stop", &api.blue()]).ok();
    api.gokku(["start"]).ok();
    api.await_version("v1");
    api.gokku(["start"]).ok().complains("runs already");
}

/// P30: after a restart of the machine the daemon brings back what had traffic, and nothing else. Here all is
/// killed as a power cut would; a real engine that goes and comes is in `machine`.
#[test]
fn p30_what_had_traffic_comes_back_with_the_daemon() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let stopped = server.create("stopped");
    stopped.working_copy().release("v1").ok();
    stopped.gokku(["stop"]).ok();

    server.kill_daemon();
    docker(["kill", &api.blue()]).ok();
    let daemon = server.start_gokku(["proxy", "run"]);
    api.await_version("v1");
    assert_eq!(state(&stopped), "exited", "it was stopped before");
    // The same routes, and the same way to deploy.
    dev.release("v2").ok();
    assert_eq!(api.version(), "v2");
    daemon.signal("TERM");
    daemon.wait().ok();
    // Without a daemon: the next deploy starts one.
    assert!(api.get("/version").is_err());
    dev.release("v3").ok();
    assert_eq!(api.version(), "v3");
}

/// A daemon that is killed comes back with the same routes, although nobody started the apps again.
#[test]
fn a_killed_daemon_comes_back_with_the_same_routes() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let before = api.containers();
    server.kill_daemon();
    api.gokku(["status"]).ok().says("traffic switch");
    let _daemon = server.start_gokku(["proxy", "run"]);
    api.await_version("v1");
    assert_eq!(api.containers(), before);
}
