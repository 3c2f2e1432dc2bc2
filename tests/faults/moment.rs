//! When a fault comes.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use gokku_tests::{App, await_event};
pub(crate) use gokku_tests::{events, logs};
use serde_json::Value;

/// When, within a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Before the operation.
    Before,
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
            Self::Before => "not begun",
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
        let long = matches!(
            step,
            "build" | "pull" | "migrate" | "start" | "health" | "drain" | "stop"
        );
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
            Self::Before | Self::Begun | Self::Midway => "step-started",
            Self::Ended => "step-finished",
        };
        let (pointer, step) = (format!("/event/{event}/step"), step.to_owned());
        move |line| line.pointer(&pointer).and_then(Value::as_str) == Some(&step)
    }
}

/// Waits until the transition that begins now comes to that moment, and gives its process; none when it never came to
/// it.
pub(crate) fn await_moment(
    app: &App<'_>,
    before: &BTreeSet<PathBuf>,
    step: &str,
    moment: Moment,
) -> Option<u64> {
    let pid = await_event(app, before, &format!("{step} {moment}"), moment.mark(step))?;
    if moment == Moment::Midway {
        std::thread::sleep(MIDWAY);
    }
    Some(pid)
}
