//! The traffic switch is replaced by a new one under load: P06. Nobody is refused, nobody is broken off.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use gokku_tests::{HeldRequest, Load, LoadPlan, PATIENCE, Server, Timeline, memory, wait_until};

#[test]
fn p06_the_switch_is_replaced_under_load() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    dev.release("v1").ok();
    let mut timeline = Timeline::new("v1");
    let load = Load::start(LoadPlan {
        slow_ms: 5000,
        ..LoadPlan::small(api.address())
    });
    let first = server.daemon().unwrap();
    let mut before = first;
    for _ in 0..3 {
        let held = HeldRequest::begin(&api, "/version");
        let restart = server.start_gokku(["proxy", "restart"]);
        restart.wait_for("answers its last requests");
        assert_eq!(held.finish().unwrap().status, 200);
        restart.wait().ok();
        let now = server.daemon().unwrap();
        assert_ne!(now, before);
        before = now;
    }
    // The new one does all that the first one did.
    timeline.change("v2", || dev.release("v2").ok());
    load.stop().assert_clean(&timeline);
    let _ = api.get("/exit?code=1");
    api.await_version("v2");
    assert!(!server.processes().contains(&first));
}

/// What a process has: open files, threads, and kilobytes of memory; see proc(5).
fn has(process: u32) -> (usize, usize, u64) {
    let count = |of: &str| {
        std::fs::read_dir(format!("/proc/{process}/{of}"))
            .unwrap()
            .count()
    };
    (count("fd"), count("task"), memory(process))
}

/// However often it is replaced and asked: there are one process and its keeper, and it has what the first one had, give or take what is under way.
#[test]
fn two_hundred_switches_and_ten_thousand_connections_leave_nothing() {
    let server = Server::new();
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    server.gokku(["proxy", "restart"]).ok();
    let first = has(server.daemon().unwrap());
    for _ in 0..200 {
        server.gokku(["proxy", "restart"]).ok();
    }
    for _ in 0..10_000 {
        assert_eq!(api.version(), "v1");
    }
    wait_until("the last but one to be gone", PATIENCE, || {
        (server.processes().len() == 2).then_some(())
    });
    let last = has(server.daemon().unwrap());
    assert!(last.0 <= first.0 + 10, "open files: {first:?}, {last:?}");
    assert!(last.1 <= first.1 + 10, "threads: {first:?}, {last:?}");
    assert!(last.2 <= first.2 + 10_000, "memory: {first:?}, {last:?}");
}

#[test]
fn a_deploy_is_waited_for_and_waits() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    dev.write_app("v2", &["slow-start-ms=1500"]);
    dev.commit("v2");
    let push = dev.start_push();
    wait_until("the deploy", PATIENCE, || {
        (!server.workers().is_empty()).then_some(())
    });
    let restart = server.start_gokku(["proxy", "restart"]);
    restart.wait_for("waiting for");
    push.wait().ok();
    restart.wait().ok();
    assert_eq!(api.version(), "v2");
    // None runs: then one is started.
    server.kill_daemon();
    server.gokku(["proxy", "restart"]).ok();
    wait_until("v2", PATIENCE, || {
        api.get("/version").ok().filter(|answer| answer.status == 200)
    });
}

/// A service manager is told who its main process is now; and nobody replaces its process behind its back.
#[test]
fn a_service_manager_is_told() {
    let mut server = Server::new();
    let place = server.home().join("notify.sock");
    let manager = UnixDatagram::bind(&place).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let told = || {
        loop {
            let mut message = [0; 1000];
            let length = manager.recv(&mut message).unwrap();
            let text = String::from_utf8_lossy(&message[..length]).into_owned();
            // What is to be kept is another matter: see `switch_killed`.
            if text.starts_with("READY=1") {
                return text;
            }
        }
    };
    let api = server.create("api").name().to_owned();
    let plain = server.command("gokku").get_envs().count();
    assert!(plain > 0);
    server.set_env("NOTIFY_SOCKET", place.to_str().unwrap());
    server.set_env("INVOCATION_ID", "0123456789abcdef");
    let daemon = server.start_gokku(["proxy", "run"]);
    assert_eq!(told(), format!("READY=1\nMAINPID={}\n", daemon.id()));
    server.gokku(["proxy", "restart"]).ok();
    let message = told();
    let process = server.daemon().unwrap();
    assert_eq!(message, format!("READY=1\nMAINPID={process}\n"));
    daemon.wait().ok();
    // From outside of the service.
    server.set_env("INVOCATION_ID", "another");
    server
        .gokku(["proxy", "restart"])
        .exits(2)
        .complains("systemctl reload gokku");
    assert_eq!(server.daemon(), Some(process));
    server.gokku(["apps", "list"]).ok().says(&api);
}
