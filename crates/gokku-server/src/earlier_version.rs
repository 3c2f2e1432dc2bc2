//! Files that the version before has written, in `tests/fixtures`: they are read, and what is written of them is the same to
//! the byte, so that the version before reads it, too.
//!
//! The logs, journals, locks and records are of real deploys, some of which were killed; `transition-every-kind.log` and
//! `events.log` went through the version before once, so that each kind of event is there. What is new in a file need not be
//! understood by an older program; everything that is not stays as it was.

use std::path::{Path, PathBuf};

use gokku_core::logs::audit::Recorded;
use gokku_core::logs::event::{Event, Finish};
use gokku_core::transition::StepName;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::{apps, records};
use crate::fs::toml_file;
use crate::queue::lock::Holder;
use crate::queue::{journal, transition_log};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).expect("a fixture")
}

fn stays_toml<T: Serialize, E: std::fmt::Debug>(
    name: &str,
    parse: impl Fn(&Path, &[u8]) -> Result<T, E>,
) -> T {
    let before = text(name);
    let value = parse(&fixture(name), before.as_bytes()).expect(name);
    assert_eq!(
        toml_file::text(&fixture(name), &value).expect(name),
        before,
        "{name}"
    );
    value
}

fn stays_json<T: Serialize + DeserializeOwned>(name: &str, line: &str) -> T {
    let value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {line}: {error}"));
    assert_eq!(serde_json::to_string(&value).expect(name), line, "{name}");
    value
}

#[test]
fn journals() {
    let scale = stays_toml("journal-scale.toml", journal::parse);
    assert!(scale.resumed && scale.decided && scale.stopping.is_empty());
    stays_toml("journal-deploy.toml", journal::parse);
    let failed = stays_toml("journal-failed.toml", journal::parse);
    assert!(failed.failure.is_some());
}

#[test]
fn records_of_apps_and_releases() {
    let app = stays_toml("app.toml", apps::parse);
    assert_eq!(app.scale.len(), 2);
    assert!(stays_toml("release.toml", records::parse).image.is_some());
    stays_toml("release-pruned.toml", records::parse);
}

#[test]
fn logs_of_transitions() {
    let mut begun = std::collections::BTreeSet::new();
    for name in ["deploy", "failed", "recovered", "every-kind"] {
        let name = format!("transition-{name}.log");
        let before = text(&name);
        for line in before.lines() {
            let _: gokku_core::logs::event::Stamped = stays_json(&name, line);
        }
        let told = transition_log::events(before.as_bytes());
        assert_eq!(told.len(), before.lines().count());
        begun.extend(told.iter().filter_map(|stamped| match &stamped.event {
            Event::StepStarted(started) => Some(started.step),
            _ => None,
        }));
        if name.contains("recovered") {
            let left = |event: &Event| matches!(event, Event::Finished { outcome: Finish::LeftUnfinished { detail }, .. } if detail.contains("os error 5"));
            assert!(told.iter().any(|stamped| left(&stamped.event)));
        }
    }
    let all: std::collections::BTreeSet<_> = StepName::ALL.into_iter().collect();
    assert_eq!(begun, all, "every step is in one of the logs");
}

#[test]
fn the_record_of_everything_that_changed() {
    for line in text("events.log").lines() {
        let _: Recorded = stays_json("events.log", line);
    }
}

#[test]
fn places_in_the_queue() {
    let holder: Holder = stays_json("waiting", &text("waiting"));
    assert!(!holder.is_brief());
}
