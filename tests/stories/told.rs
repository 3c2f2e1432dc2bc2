//! What stories look up: the events a deploy told, and what the engine saw of it.

use std::process::Command;

use gokku_tests::{App, Output, docker};
use serde_json::Value;

/// The events of the app's last transition, as its log has them.
#[track_caller]
pub(crate) fn last_log(app: &App<'_>) -> Vec<Value> {
    let folder = app.path("deploys");
    let mut logs: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
        .collect();
    logs.sort();
    let last = logs.last().expect("a transition's log");
    let text = std::fs::read_to_string(last).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The names of the steps that the app's last transition began, in their order.
#[track_caller]
pub(crate) fn last_steps(app: &App<'_>) -> Vec<String> {
    last_log(app)
        .iter()
        .filter_map(|event| event.pointer("/event/step-started/step")?.as_str())
        .map(str::to_owned)
        .collect()
}

/// The app's containers' lives since a moment, as the engine tells them: `start api-green`, `rename api-blue`.
#[track_caller]
pub(crate) fn engine_events(app: &App<'_>, since: &str) -> Vec<String> {
    let until = engine_time();
    let filter = format!("label=gokku.app={}", app.name());
    let told = docker([
        "events",
        "--since",
        since,
        "--until",
        &until,
        "--filter",
        "type=container",
        "--filter",
        &filter,
        "--format",
        "{{.Action}} {{.Actor.Attributes.name}}",
    ])
    .ok();
    told.stdout.lines().map(str::to_owned).collect()
}

/// Now, as `docker events` takes it.
pub(crate) fn engine_time() -> String {
    Output::of(Command::new("date").arg("+%s.%N"))
        .ok()
        .line()
        .to_owned()
}
