//! A Docker Engine that takes connections and answers nothing, or all but one call: P51.

use std::thread;
use std::time::{Duration, Instant};

use gokku_tests::{App, Hanging, Output, PATIENCE, Server, WorkingCopy, await_event, logs, wait_until};

/// Within how long a command says that the engine does not answer: 10 s, and what a busy machine takes to start programs.
const SOON: Duration = Duration::from_secs(14);

fn hanging() -> (Hanging, Server) {
    let hanging = Hanging::in_front_of_the_machines();
    let mut server = Server::new();
    // What looks at containers from outside goes on to ask the engine itself.
    server.set_env("DOCKER_HOST", hanging.host().to_str().unwrap());
    (hanging, server)
}

/// Does it, and gives how long that took.
fn timed(act: impl FnOnce() -> Output) -> (Output, Duration) {
    let began = Instant::now();
    (act(), began.elapsed())
}

/// What a command said of an engine that hangs, with the exit code that it ends with.
fn says_so(output: &Output, took: Duration, code: i32) {
    assert_eq!(output.code, Some(code), "{output}");
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(said.contains("the Docker Engine did not answer `"), "{output}");
    assert!(took < SOON, "after {took:?}: {output}");
}

/// Every command says so within 10 seconds, with exit code 5; what needs no engine works, and what runs goes on.
#[test]
fn p51_commands_say_within_ten_seconds_that_the_engine_does_not_answer() {
    let (hanging, server) = hanging();
    let apps: Vec<(App<'_>, WorkingCopy<'_>)> = (0..3)
        .map(|_| {
            let app = server.create("api");
            let dev = app.working_copy();
            (app, dev)
        })
        .collect();
    thread::scope(|scope| {
        for (_, dev) in &apps {
            scope.spawn(|| dev.release("v1").ok());
        }
    });
    let [(api, _), (pushed, dev), (deployed, _)] = apps.as_slice() else {
        panic!("three apps");
    };
    dev.write_app("v2", &[]);
    dev.commit("v2");
    hanging.hang_all();
    thread::scope(|scope| {
        for words in [
            &["status"][..],
            &["status", "--json"],
            &["ps", "list"],
            &["logs"],
            &["logs", "-f"],
            &["restart"],
            &["run", "x"],
            &["exec", "x"],
        ] {
            scope.spawn(move || {
                let (output, took) = timed(|| api.gokku(words));
                says_so(&output, took, 5);
                if words == ["status"] {
                    // What is known without the engine is there all the same.
                    let output = output.clone();
                    output.says("release").says("routed").says("trouble");
                }
                if words == ["status", "--json"] {
                    let facts: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
                    assert_eq!(facts["traffic"], "routed", "{facts}");
                    assert_eq!(facts["port"], api.port(), "{facts}");
                }
            });
        }
        scope.spawn(|| {
            let (output, took) = timed(|| server.gokku(["status"]));
            says_so(&output, took, 5);
            output.says(api.name()).says("routed");
        });
        scope.spawn(|| {
            let (output, took) = timed(|| server.gokku(["doctor"]));
            says_so(&output, took, 1);
            output
                .says("MISSING  Docker Engine: ")
                .says("mend it: systemctl restart docker");
        });
        scope.spawn(|| {
            let (output, took) = timed(|| deployed.gokku(["deploy"]));
            says_so(&output, took, 5);
        });
        scope.spawn(|| {
            let (output, took) = timed(|| dev.start_push().wait());
            says_so(&output, took, 1);
        });
        for words in [&["config", "list"][..], &["releases"], &["events", "-n", "1"]] {
            scope.spawn(move || {
                let (output, took) = timed(|| api.gokku(words));
                output.ok();
                assert!(took < SOON / 2, "{words:?}: {took:?}");
            });
        }
        scope.spawn(|| {
            let (output, took) = timed(|| server.gokku(["apps", "list"]));
            output.ok().says(api.name());
            assert!(took < SOON / 2, "{took:?}");
        });
    });
    for (app, _) in &apps {
        assert_eq!(app.version(), "v1");
    }
    hanging.go_on();
    dev.push().ok();
    assert_eq!(pushed.version(), "v2");
    api.gokku(["status"]).ok();
}

/// `ZERO_DOWNTIME=false`, and the old container does not stop: whoever asks for the end gets the old release back within
/// seconds, with the requests that wait. When the engine stops it all the same later, the release comes back by itself.
#[test]
fn p51_an_abort_ends_a_stop_that_hangs() {
    let (hanging, server) = hanging();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=false", "STOP_TIMEOUT=60"])
        .ok();
    dev.release("v1").ok();
    let before = api.containers();
    hanging.hang("POST /containers/*/stop");
    dev.write_app("v2", &[]);
    dev.commit("v2");
    let told = logs(&api);
    let push = dev.start_push();
    await_event(&api, &told, "the stop", |line| {
        line.pointer("/event/step-started/step")
            .is_some_and(|step| step == "stop")
    });
    wait_until("the stop's request", PATIENCE, || {
        hanging
            .asked()
            .iter()
            .any(|one| one.ends_with("/stop"))
            .then_some(())
    });
    // It waits for a release that runs.
    let address = api.address();
    let waiting = thread::spawn(move || gokku_tests::get(address, "/version"));
    let (abort, took) = timed(|| api.gokku(["deploy", "--abort"]));
    abort.ok();
    assert!(took < SOON, "{took:?}");
    let push = push.wait();
    assert_ne!(push.code, Some(0), "{push}");
    assert!(push.stderr.contains("it was aborted"), "{push}");
    assert_eq!(waiting.join().unwrap().unwrap().text(), "v1");
    assert_eq!(api.version(), "v1");
    assert_eq!(api.containers(), before);
    // It comes to it now.
    hanging.go_on();
    wait_until("a container that runs again", PATIENCE, || {
        let containers = api.containers();
        let [one] = containers.as_slice() else { return None };
        (one.id != before[0].id && one.state == "running" && one.name == api.blue()).then_some(())
    });
    wait_until("that it serves", PATIENCE, || {
        api.get("/version").ok().filter(|answer| answer.text() == "v1")
    });
    wait_until("that all is well", PATIENCE, || {
        let status = api.gokku(["status", "--json"]).ok().json();
        (status["trouble"] == serde_json::json!([]) && status["health"] == "healthy").then_some(())
    });
    dev.push().ok();
    assert_eq!(api.version(), "v2");
}

/// The same when nobody asks for the end: it is given up when the stop has had its time, and the requests that wait are
/// answered. With `ZERO_DOWNTIME=true` nobody notices: the old container is stopped later.
#[test]
fn p51_a_stop_that_hangs_has_an_end() {
    let (hanging, server) = hanging();
    let (first, beside) = (server.create("api"), server.create("api"));
    thread::scope(|scope| {
        for (app, mode) in [(&first, "ZERO_DOWNTIME=false"), (&beside, "ZERO_DOWNTIME=true")] {
            let hanging = &hanging;
            scope.spawn(move || {
                let dev = app.working_copy();
                app.gokku(["config", "set", mode, "STOP_TIMEOUT=1"]).ok();
                dev.release("v1").ok();
                let before = app.containers();
                hanging.hang(&format!("POST /containers/{}/stop", before[0].id));
                dev.write_app("v2", &[]);
                dev.commit("v2");
                let told = logs(app);
                let push = dev.start_push();
                await_event(app, &told, "the stop", |line| {
                    line.pointer("/event/step-started/step")
                        .is_some_and(|step| step == "stop")
                });
                let first = mode == "ZERO_DOWNTIME=false";
                let runs = if first { "v1" } else { "v2" };
                assert_eq!(app.version(), runs, "a request that waits is answered");
                let push = push.wait();
                let said = if first {
                    assert_ne!(push.code, Some(0), "{push}");
                    assert_eq!(app.containers(), before);
                    "the Docker Engine did not answer `stop` within 31 s"
                } else {
                    "is not at an end: stop: stop the container: the Docker Engine did not answer `stop`"
                };
                assert!(push.stderr.contains(said), "{push}");
                assert_eq!(app.version(), runs);
            });
        }
    });
    hanging.go_on();
    for app in [&first, &beside] {
        wait_until("that all is well", PATIENCE, || {
            let status = app.gokku(["status", "--json"]).ok().json();
            let is_well = status["trouble"] == serde_json::json!([]) && status["health"] == "healthy";
            (is_well && app.container_names() == [app.blue()]).then_some(())
        });
    }
    assert_eq!(
        (first.version(), beside.version()),
        ("v1".to_owned(), "v2".to_owned())
    );
}

/// All of it hangs while requests wait: whoever asks for the end gets the old release back, and the daemon ends the rest
/// when it can.
#[test]
fn p51_an_abort_lets_requests_go_while_nothing_can_be_seen() {
    let (hanging, server) = hanging();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=false"]).ok();
    dev.release("v1").ok();
    hanging.hang("POST /containers/*/stop");
    dev.write_app("v2", &[]);
    dev.commit("v2");
    let push = dev.start_push();
    wait_until("the stop's request", PATIENCE, || {
        hanging
            .asked()
            .iter()
            .any(|one| one.ends_with("/stop"))
            .then_some(())
    });
    hanging.hang_all();
    let (abort, took) = timed(|| api.gokku(["deploy", "--abort"]));
    assert_eq!(abort.code, Some(1), "{abort}");
    assert!(took < 2 * SOON, "{took:?}");
    assert_ne!(push.wait().code, Some(0));
    assert_eq!(api.version(), "v1");
    hanging.go_on();
    wait_until("that the daemon has ended it", PATIENCE, || {
        (!api.path("journal.toml").exists()).then_some(())
    });
    wait_until("that all is well", PATIENCE, || {
        let status = api.gokku(["status", "--json"]).ok().json();
        (status["trouble"] == serde_json::json!([]) && status["health"] == "healthy").then_some(())
    });
    assert_eq!(api.version(), "v1");
    assert_eq!(api.container_names(), [api.blue()]);
}
