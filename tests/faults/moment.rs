//! When the process that runs a transition is killed.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use gokku_tests::{App, PATIENCE};
use serde_json::Value;

/// When, within a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// As soon as it has begun.
    Begun,
    /// In its middle, of one that takes time.
    Midway,
    /// As soon as it has ended.
    Ended,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begun => "begun",
            Self::Midway => "midway",
            Self::Ended => "ended",
        })
    }
}

/// How long after its begin the middle of a long step is.
const MIDWAY: Duration = Duration::from_millis(150);

impl Moment {
    /// The moments of a step.
    pub(crate) fn of(step: &str) -> Vec<Self> {
        let long = matches!(step, "build" | "migrate" | "start" | "health" | "drain" | "stop");
        if long {
            vec![Self::Begun, Self::Midway, Self::Ended]
        } else {
            vec![Self::Begun, Self::Ended]
        }
    }

    /// The one moment of a step that tells most.
    pub(crate) fn is_chief(self, step: &str) -> bool {
        let midway = Self::of(step).contains(&Self::Midway);
        self == if midway { Self::Midway } else { Self::Begun }
    }

    /// What the log says of it.
    fn mark(self, step: &str) -> impl Fn(&Value) -> bool {
        let event = match self {
            Self::Begun | Self::Midway => "step-started",
            Self::Ended => "step-finished",
        };
        let (pointer, step) = (format!("/event/{event}/step"), step.to_owned());
        move |line| line.pointer(&pointer).and_then(Value::as_str) == Some(&step)
    }
}

/// The logs of an app's transitions.
pub(crate) fn logs(app: &App<'_>) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(app.path("deploys")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// The events that a log has so far.
pub(crate) fn events(log: &PathBuf) -> Vec<Value> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Waits until the transition that begins now comes to that moment, and gives its process; none when it never came to
/// it.
pub(crate) fn await_moment(
    app: &App<'_>,
    before: &BTreeSet<PathBuf>,
    step: &str,
    moment: Moment,
) -> Option<u64> {
    let is_it = moment.mark(step);
    let began = Instant::now();
    // What it is about may be gone with it, as when an app is destroyed: the lock is kept open.
    loop {
        assert!(
            began.elapsed() < PATIENCE,
            "the transition never came to {step} {moment}"
        );
        if let Some(log) = logs(app).difference(before).last() {
            let told = events(log);
            if told.iter().any(&is_it) {
                break;
            }
            if told.iter().any(|line| line.pointer("/event/finished").is_some()) {
                return None;
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let pid = holder(app)?;
    if moment == Moment::Midway {
        std::thread::sleep(MIDWAY);
    }
    Some(pid)
}

/// The process that holds the app's lock, by what it wrote there.
fn holder(app: &App<'_>) -> Option<u64> {
    let text = fs::read_to_string(app.path("lock")).ok()?;
    let holder: Value = serde_json::from_str(&text).ok()?;
    holder["pid"].as_u64()
}
