//! What stories look up: the events a deploy told, and what the engine saw of it.

use gokku_tests::App;
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
