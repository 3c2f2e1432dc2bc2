//! Pushes that are cut off, come twice, or meet one another.

use gokku_tests::{PATIENCE, Server, wait_until};

/// A lost connection does not stop a deploy: it goes on in a session of its own, and moves the branch. When the same commit
/// is pushed again, there is nothing left to push.
#[test]
fn a_lost_connection_does_not_stop_a_deploy() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    dev.release("v1").ok();
    dev.write_app("v2", &["slow-start-ms=2000"]);
    let commit = dev.commit("v2");
    let push = dev.start_push();
    push.wait_for("-----> Waiting until");
    let worker = server.workers();
    // The client and what it has started: all of the push's own process group dies, as with a lost ssh connection.
    drop(push);
    server.kill_hooks();
    assert_eq!(server.workers(), worker, "the deploy goes on");
    wait_until("v2", PATIENCE, || {
        api.get("/version").ok().filter(|answer| answer.text() == "v2")
    });
    wait_until("the end", PATIENCE, || server.workers().is_empty().then_some(()));
    let before = api.containers();
    assert_eq!(before.len(), 1);
    assert_eq!(api.git(["rev-parse", "main"]).ok().line(), commit);
    dev.push().ok().says("up-to-date");
    assert_eq!(api.containers(), before);
    let releases = api.gokku(["releases", "--json"]).ok().json();
    assert_eq!(releases.as_array().unwrap().len(), 2);
}

/// A second push waits for the first; a third takes the second's place. What is last pushed is what runs.
#[test]
fn a_newer_push_waits_and_replaces_older_waiting_ones() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    let dev = api.working_copy();
    dev.release("v1").ok();
    dev.write_app("v2", &["slow-start-ms=4000"]);
    dev.commit("v2");
    let first = dev.start_push();
    first.wait_for("-----> Waiting until");
    dev.write_app("v3", &[]);
    dev.commit("v3");
    let second = dev.start_push();
    second.wait_for("Waiting for");
    dev.write_app("v4", &[]);
    dev.commit("v4");
    let third = dev.start_push();
    third.wait_for("Waiting for");
    let second = second.wait();
    assert_ne!(second.code, Some(0), "{second}");
    assert!(second.stderr.contains("A newer push, "), "{second}");
    first.wait().ok();
    // The branch has moved since the third push began, to a commit it contains: git would not take it any more.
    let third = third.wait();
    assert_ne!(third.code, Some(0), "{third}");
    assert!(third.stderr.contains("main has moved to"), "{third}");
    assert_eq!(api.version(), "v2");
    dev.push().ok();
    assert_eq!(api.version(), "v4");
    assert_eq!(api.container_names(), [api.blue()]);
}

/// A worker that is killed before the switch: the deploy is given up, and blue never noticed.
#[test]
fn a_killed_deploy_is_undone_by_the_daemon() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    let dev = api.working_copy();
    dev.release("v1").ok();
    let before = api.containers();
    dev.write_app("v2", &["slow-start-ms=60000"]);
    dev.commit("v2");
    let push = dev.start_push();
    push.wait_for("-----> Waiting until");
    server.kill_worker();
    let push = push.wait();
    assert_ne!(push.code, Some(0), "{push}");
    assert!(push.stderr.contains("is gone"), "{push}");
    wait_until("that it is undone", PATIENCE, || {
        (api.containers() == before).then_some(())
    });
    assert_eq!(api.version(), "v1");
    wait_until("that it is told", PATIENCE, || {
        let releases = api.gokku(["releases", "--json"]).ok().json();
        (releases[0]["state"] == "failed").then_some(())
    });
    dev.release("v3").ok();
    assert_eq!(api.version(), "v3");
}

/// One that is killed after the switch is finished: green becomes blue, the old one goes.
#[test]
fn a_deploy_killed_after_the_switch_is_finished_by_the_daemon() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["config", "set", "ZERO_DOWNTIME=true", "STOP_TIMEOUT=5"])
        .ok();
    let dev = api.working_copy();
    // It takes its whole grace to stop: time to be killed in.
    dev.release_with("v1", &["ignore-sigterm"]).ok();
    dev.write_app("v2", &[]);
    dev.commit("v2");
    let push = dev.start_push();
    push.wait_for("-----> Stopping");
    server.kill_worker();
    push.wait().ok();
    assert_eq!(api.version(), "v2");
    wait_until("that it is finished", PATIENCE, || {
        (api.container_names() == [api.blue()]).then_some(())
    });
    wait_until("that it is told", PATIENCE, || {
        let status = api.gokku(["status", "--json"]).ok().json();
        (status["last"]["outcome"] == "succeeded").then_some(())
    });
    assert_eq!(api.version(), "v2");
    dev.push().ok().says("up-to-date");
}

/// A traffic switch that dies in the middle of a deploy is started again, with its routes, and the deploy goes on.
#[test]
fn a_traffic_switch_killed_during_a_deploy_is_started_again() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    let dev = api.working_copy();
    dev.release("v1").ok();
    dev.write_app("v2", &["slow-start-ms=1500"]);
    dev.commit("v2");
    let push = dev.start_push();
    push.wait_for("-----> Waiting until");
    server.kill_daemon();
    push.wait().ok();
    assert_eq!(api.version(), "v2");
    assert_eq!(api.container_names(), [api.blue()]);
}

/// A push that is killed while it waits for another one leaves nothing either: the daemon removes its code.
#[test]
fn a_killed_waiting_push_leaves_nothing() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    let dev = api.working_copy();
    dev.release("v1").ok();
    dev.write_app("v2", &["slow-start-ms=4000"]);
    dev.commit("v2");
    let first = dev.start_push();
    first.wait_for("-----> Waiting until");
    let deploying = server.workers();
    dev.write_app("v3", &[]);
    dev.commit("v3");
    let second = dev.start_push();
    second.wait_for("Waiting for");
    let incoming = api.path("incoming");
    let names = || -> Vec<_> {
        let entries = std::fs::read_dir(&incoming).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let [code] = &names()[..] else {
        panic!("{:?}", names())
    };
    let long_ago = ["--date", "2 minutes ago", "--no-create"];
    let touch = || gokku_tests::Output::of(server.command("touch").args(long_ago).arg(code));
    touch().ok();
    for worker in server.workers().iter().filter(|pid| !deploying.contains(pid)) {
        gokku_tests::Output::of(server.command("kill").args(["-s", "KILL", &worker.to_string()])).ok();
    }
    assert_ne!(second.wait().code, Some(0));
    first.wait().ok();
    wait_until("that its code is gone", PATIENCE, || {
        names().is_empty().then_some(())
    });
    assert_eq!(api.version(), "v2");
    dev.push().ok();
    assert_eq!(api.version(), "v3");
}
