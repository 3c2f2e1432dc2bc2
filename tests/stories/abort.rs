//! `gokku deploy --abort`: in every step before the switch it ends the deploy and leaves what ran; after it, it says
//! that it is too late. P24.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use gokku_core::transition::StepName;
use gokku_tests::{
    App, Container, HeldRequest, Load, LoadPlan, Output, PATIENCE, Running, Server, Timeline, WorkingCopy,
    await_event, logs, wait_until,
};
use serde_json::Value;

use crate::agree::{assert_agrees, branch};
use crate::told::{last_log, last_steps};

/// A server where anna does everything.
fn annas() -> Server {
    let mut server = Server::new();
    server.set_env("USER", "anna");
    server
}

fn ready(server: &Server) -> (App<'_>, WorkingCopy<'_>) {
    let api = server.create("api");
    let dev = api.working_copy();
    (api, dev)
}

/// The step that begins is not over when the worker is stopped: what is asked meanwhile comes within it.
struct Stopped(u64);

impl Stopped {
    fn signal(&self, name: &str) {
        // It may have ended: then there is nothing to ask, and that is told.
        Output::of(Command::new("kill").args(["-s", name, &self.0.to_string()]));
    }

    /// Asks for the end while the worker stands still.
    fn abort(&self, server: &Server, api: &App<'_>) -> Running {
        let mut abort = server.start_gokku(api.named(["deploy", "--abort"]));
        wait_until("that the end is asked for", PATIENCE, || {
            (abort.stderr().contains("asked the") || abort.has_ended()).then_some(())
        });
        self.signal("CONT");
        abort
    }
}

/// Whether a line of the log says that this step has begun.
fn is_begin_of(line: &Value, step: &str) -> bool {
    line.pointer("/event/step-started/step").and_then(Value::as_str) == Some(step)
}

/// While this file is there, git takes its time for moving a branch.
fn holds_git(api: &App<'_>) -> PathBuf {
    api.repository().join("takes-its-time")
}

/// Has git's hook obey it.
fn let_git_be_held(api: &App<'_>) {
    let hook = api.repository().join("hooks/reference-transaction");
    let text = format!(
        "#!/bin/sh\n[ $1 = prepared ] || exit 0\nwhile [ -e '{}' ]; do sleep 0.02; done\n",
        holds_git(api).display()
    );
    fs::write(&hook, text).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Begins a push and stops its worker as soon as it has begun a step.
fn stop_at(api: &App<'_>, dev: &WorkingCopy<'_>, step: &str) -> (Running, Option<Stopped>) {
    let before = logs(api);
    let push = dev.start_push();
    if step == "prepare-refs" {
        // Too short to be met by itself. It is looked at before the build, too, and is not to last there.
        await_event(api, &before, "health", |line| is_begin_of(line, "health"));
        fs::write(holds_git(api), "").unwrap();
    }
    let stopped = await_event(api, &before, step, |line| is_begin_of(line, step)).map(Stopped);
    if let Some(stopped) = &stopped {
        stopped.signal("STOP");
    }
    (push, stopped)
}

/// Whether what was in flight, if anything, is answered.
fn is_answered(held: Option<HeldRequest>) -> bool {
    held.is_none_or(|held| held.finish().is_ok_and(|answer| answer.status == 200))
}

/// The steps that a deploy comes to, apart by the switch.
fn steps_of(api: &App<'_>, dev: &WorkingCopy<'_>, version: &str) -> (Vec<String>, Vec<String>) {
    dev.write_app(version, &["ignore-sigterm"]);
    dev.commit(version);
    let held = HeldRequest::begin(api, "/version");
    let before = logs(api);
    let push = dev.start_push();
    await_event(api, &before, "the drain", |line| is_begin_of(line, "drain"));
    assert_eq!(held.finish().unwrap().status, 200);
    push.wait().ok();
    let steps = last_steps(api);
    let at = steps.iter().position(|step| step == "switch").unwrap();
    (steps[..at].to_vec(), steps[at + 1..].to_vec())
}

/// Every step with `ZERO_DOWNTIME=true`.
#[test]
fn p24_abort_in_every_step_before_the_switch() {
    let steps = aborted_in_every_step(true);
    assert!(steps.contains(&"health".to_owned()), "{steps:?}");
}

/// Every step with `ZERO_DOWNTIME=false`, where each of the core's steps up to the switch is among them: the old release
/// is started again, and requests that wait are answered.
#[test]
fn p24_abort_in_every_step_before_the_switch_with_stop_first() {
    let steps = aborted_in_every_step(false);
    let until = StepName::ALL
        .iter()
        .position(|name| *name == StepName::Switch)
        .unwrap();
    for name in StepName::ALL[..until]
        .iter()
        .filter(|name| **name != StepName::Pull)
    {
        let name = name.as_str();
        assert!(
            steps.iter().any(|step| step == name),
            "{name} is not in {steps:?}"
        );
    }
}

fn aborted_in_every_step(zero_downtime: bool) -> Vec<String> {
    let server = annas();
    let (api, dev) = ready(&server);
    api.gokku([
        "config",
        "set",
        &format!("ZERO_DOWNTIME={zero_downtime}"),
        "HEALTH_CHECK_TIMEOUT=600",
        "STOP_TIMEOUT=1",
        "MIGRATION_COMMAND=/app migrate",
        "MIGRATE_SLEEP_MS=300",
    ])
    .ok();
    dev.release("v1").ok();
    let_git_be_held(&api);
    let (steps, _) = steps_of(&api, &dev, "v2");
    let good = branch(&api);
    let before = api.containers();
    for step in &steps {
        let load = Load::start(LoadPlan {
            keep_alive: 1,
            fresh: 1,
            ..LoadPlan::none(api.address())
        });
        aborted_at(&server, &api, &dev, step);
        let report = load.stop();
        assert_eq!(
            report.total().failed(),
            0,
            "{step}: {report}\n{}\n{}\n{}",
            report.failures.join("\n"),
            last_log(&api)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n"),
            server.read("run/proxy.log")
        );
        report.assert_clean(&Timeline::new("v2"));
        assert_agrees(&server, &api, "v2", &good);
        assert_eq!(ids(&api.containers()), ids(&before), "the same container, {step}");
    }
    dev.write_app("v3", &[]);
    let commit = dev.commit("v3");
    dev.push().ok();
    assert_agrees(&server, &api, "v3", &commit);
    steps
}

fn ids(containers: &[Container]) -> Vec<&str> {
    containers.iter().map(|one| one.id.as_str()).collect()
}

fn aborted_at(server: &Server, api: &App<'_>, dev: &WorkingCopy<'_>, step: &str) {
    // It never comes to the switch by itself within this story.
    let slow = if step == "prepare-refs" { 1000 } else { 600_000 };
    dev.write_app(&format!("never, {step}"), &[&format!("slow-start-ms={slow}")]);
    dev.commit(step);
    let held = (step == "drain").then(|| HeldRequest::begin(api, "/version"));
    let (push, stopped) = stop_at(api, dev, step);
    let stopped = stopped.unwrap_or_else(|| panic!("the deploy never came to {step}: {}", push.stderr()));
    let abort = stopped.abort(server, api);
    let _ = fs::remove_file(holds_git(api));
    abort.wait().ok();
    let answered = is_answered(held);
    let push = push.wait();
    assert_ne!(push.code, Some(0), "{push}");
    assert!(
        push.stderr.contains("failed: it was aborted by anna"),
        "{step}: {push}"
    );
    // A short step may be over before the worker stands still.
    let displaced = push.stderr.contains(&format!("Stopping {}", api.blue()));
    let former = if displaced {
        "The former release was stopped meanwhile. It has been started again and serves."
    } else {
        "The former release goes on serving, untouched."
    };
    assert!(push.stderr.contains(former), "{step}: {push}");
    assert_eq!(
        push.stderr.contains("look at the database"),
        step == "migrate",
        "{step}: {push}"
    );
    assert!(answered, "the request in flight, {step}");
}

/// After the switch it is too late: that is told at once, and the deploy is finished.
#[test]
fn p24_abort_after_the_switch_is_too_late() {
    for zero_downtime in [true, false] {
        let server = annas();
        let (api, dev) = ready(&server);
        let mode = format!("ZERO_DOWNTIME={zero_downtime}");
        api.gokku(["config", "set", &mode, "STOP_TIMEOUT=2"]).ok();
        dev.release_with("v1", &["ignore-sigterm"]).ok();
        let (_, steps) = steps_of(&api, &dev, "v2");
        assert!(!steps.is_empty());
        assert!(
            !zero_downtime
                || ["drain", "stop"]
                    .iter()
                    .all(|long| steps.iter().any(|step| step == long))
        );
        for step in &steps {
            let version = format!("v-{step}");
            dev.write_app(&version, &["ignore-sigterm"]);
            let commit = dev.commit(&version);
            let held = (step == "drain").then(|| HeldRequest::begin(&api, "/version"));
            let (mut push, stopped) = stop_at(&api, &dev, step);
            let stopped = stopped.unwrap_or_else(|| panic!("the deploy never came to {step}"));
            let abort = stopped.abort(&server, &api).wait();
            // The last steps take milliseconds; the whole may be over, or nothing may be left to be told in.
            let is_short = matches!(step.as_str(), "current" | "remove" | "rename");
            let over = abort.code == Some(3) && is_short;
            if !over {
                let abort = abort.exits(1).complains("it is too late to end the deploy");
                let abort = abort.complains("gokku rollback");
                if step == "drain" {
                    assert!(!push.has_ended(), "it is told at once: {abort}");
                }
            }
            let answered = is_answered(held);
            let push = push.wait().ok();
            let told = push.stderr.contains("anna asked for its end, too late");
            assert!(if told { !over } else { is_short }, "{step}: {push}");
            assert!(answered, "the request in flight, {step}");
            assert_agrees(&server, &api, &version, &commit);
        }
    }
}

/// In the step of the switch itself it is one or the other, and what is told is what happened.
#[test]
fn p24_abort_in_the_switch_is_one_or_the_other() {
    let server = annas();
    let (api, dev) = ready(&server);
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    dev.release("v1").ok();
    let good = branch(&api);
    dev.write_app("v2", &[]);
    let commit = dev.commit("v2");
    let (push, stopped) = stop_at(&api, &dev, "switch");
    let abort = stopped.expect("a switch").abort(&server, &api).wait();
    let push = push.wait();
    if abort.code == Some(0) {
        assert!(push.stderr.contains("it was aborted by anna"), "{push}");
        assert_agrees(&server, &api, "v1", &good);
    } else {
        assert!(matches!(abort.code, Some(1 | 3)), "{abort}");
        push.ok();
        assert_agrees(&server, &api, "v2", &commit);
    }
}

/// A release that can never become healthy: whatever begins now goes on until it is ended.
fn never_healthy(api: &App<'_>) {
    api.gokku([
        "config",
        "set",
        "HEALTH_CHECK_PATH=/status?code=500",
        "HEALTH_CHECK_TIMEOUT=3600",
        "--no-restart",
    ])
    .ok();
}

/// What has no push is ended like a deploy, and says so to whoever began it.
#[test]
fn p24_a_rollback_a_restart_and_a_change_are_ended_too() {
    let server = annas();
    let (api, dev) = ready(&server);
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    dev.release("v1").ok();
    dev.release("v2").ok();
    let before = api.containers();
    never_healthy(&api);
    for words in [
        &["rollback"][..],
        &["restart"],
        &["config", "set", "A=1"],
        &["deploy"],
    ] {
        let running = server.start_gokku(api.named(words));
        running.wait_for("-----> Waiting until");
        // Two people have had enough.
        let two = [(); 2].map(|()| server.start_gokku(api.named(["deploy", "--abort"])));
        for abort in two {
            let abort = abort.wait();
            // The second may come when all is over.
            assert!(matches!(abort.code, Some(0 | 3)), "{abort}");
        }
        let running = running.wait();
        assert_eq!(running.code, Some(1), "{running}");
        assert!(running.stderr.contains("it was aborted by anna"), "{running}");
        assert_eq!(api.containers(), before);
        api.gokku(["deploy", "--abort"])
            .exits(3)
            .complains("nothing is under way");
    }
    assert_eq!(api.version(), "v2");
}

/// One that waits for its turn is ended by its name, and the one before it does not notice.
#[test]
fn p24_a_push_that_waits_is_ended_by_its_name() {
    let server = annas();
    let (api, dev) = ready(&server);
    api.gokku(["config", "set", "ZERO_DOWNTIME=true", "HEALTH_CHECK_TIMEOUT=3600"])
        .ok();
    dev.release("v1").ok();
    let good = branch(&api);
    dev.write_app("v2", &["fail-health"]);
    dev.commit("v2");
    let first = dev.start_push();
    first.wait_for("-----> Waiting until");
    let waiting_id = || {
        let status = api.gokku(["status", "--json"]).ok().json();
        let words = status["waiting"][0].as_str()?.to_owned();
        words.split(' ').nth(1).map(str::to_owned)
    };
    dev.write_app("v3", &[]);
    dev.commit("v3");
    let second = dev.start_push();
    second.wait_for("-----> Waiting for deploy");
    let id = wait_until("who waits", PATIENCE, waiting_id);
    api.gokku(["deploy", "--abort", "20010101-000000"])
        .exits(3)
        .complains(&id);
    api.gokku(["deploy", "--abort", &id]).ok();
    let second = second.wait();
    assert_ne!(second.code, Some(0), "{second}");
    assert!(second.stderr.contains("it was aborted by anna"), "{second}");
    assert!(first.stderr().contains("-----> Waiting until"));
    assert_eq!(server.workers().len(), 1, "the first goes on");

    // Without a name it is the one under way; who comes next is told, and comes.
    dev.write_app("v4", &[]);
    let commit = dev.commit("v4");
    let third = dev.start_push();
    third.wait_for("-----> Waiting for deploy");
    assert_eq!(branch(&api), good);
    let abort = api.gokku(["deploy", "--abort"]).ok();
    // It may have begun already.
    assert!(abort.stderr.contains("comes next"), "{abort}");
    assert_ne!(first.wait().code, Some(0));
    third.wait().ok();
    assert_agrees(&server, &api, "v4", &commit);
}

/// A stop is not half done: it is too late from its beginning on.
#[test]
fn p24_a_stop_is_finished() {
    let server = annas();
    let (api, dev) = ready(&server);
    api.gokku(["config", "set", "STOP_TIMEOUT=3"]).ok();
    dev.release_with("v1", &["ignore-sigterm"]).ok();
    let stop = server.start_gokku(api.named(["stop"]));
    stop.wait_for("-----> Stopping");
    api.gokku(["deploy", "--abort"])
        .exits(1)
        .complains("it is too late to end the stop");
    stop.wait().ok();
    let status = api.gokku(["status", "--json"]).ok().json();
    assert_eq!(status["traffic"], "stopped");
}
