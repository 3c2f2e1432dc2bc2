//! How far a transition is, as its log and the app's lock tell it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{App, PATIENCE};

/// The logs of an app's transitions.
pub fn logs(app: &App<'_>) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(app.path("deploys")).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
        .collect()
}

/// The events that a log has so far.
pub fn events(log: &Path) -> Vec<Value> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Waits until the transition that begins now, with none of these logs, tells such an event, and gives its process;
/// none when it ended without.
#[track_caller]
pub fn await_event(
    app: &App<'_>,
    before: &BTreeSet<PathBuf>,
    what: &str,
    is_it: impl Fn(&Value) -> bool,
) -> Option<u64> {
    let began = Instant::now();
    let mut seen = 0;
    // What it is about may be gone with it, as when an app is destroyed.
    loop {
        assert!(began.elapsed() < PATIENCE, "the transition never came to {what}");
        let log = logs(app).difference(before).last().cloned();
        let length = log
            .as_ref()
            .and_then(|log| fs::metadata(log).ok())
            .map(|log| log.len());
        // Read only when there is more of it: it is looked at a thousand times a second.
        if let Some(log) = log
            && length != Some(seen)
        {
            seen = length.unwrap_or(0);
            let told = events(&log);
            if told.iter().any(&is_it) {
                return holder(app);
            }
            if told.iter().any(|line| line.pointer("/event/finished").is_some()) {
                return None;
            }
        }
        // Not longer: a step may be over within milliseconds.
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The process that holds the app's lock, by what it wrote there.
fn holder(app: &App<'_>) -> Option<u64> {
    let text = fs::read_to_string(app.path("lock")).ok()?;
    let holder: Value = serde_json::from_str(&text).ok()?;
    holder["pid"].as_u64()
}
