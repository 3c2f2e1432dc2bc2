//! The files that gokku writes for itself: what was read is written and read again the same, and one of another
//! version is known as such.

use std::fmt::Debug;
use std::path::Path;

use gokku_core::release::record::{Record, VERSION};
use gokku_core::transition::{Container, Decision, Journal, Observed, State, next};
use gokku_server::app::apps::App;
use gokku_server::app::{apps, records, server_config};
use gokku_server::fs::{Error, toml_file};
use gokku_server::os::clock;
use gokku_server::queue::journal;
use gokku_server::queue::lock::Holder;
use gokku_server::worker::request::Request;
use serde::Serialize;

const PATH: &str = "file.toml";

/// Checks a file as each of them.
pub fn check(data: &[u8]) {
    let record: Option<Record> = kept(data, i64::from(VERSION), records::parse);
    if let Some(finished) = record.and_then(|record| record.finished) {
        let _ = clock::parse(&finished);
    }
    let _: Option<App> = kept(data, 1, apps::parse);
    if let Some(journal) = kept(data, 1, journal::parse) {
        goes_on(&journal);
    }
    if let Err(error) = server_config::parse(Path::new(PATH), data) {
        has_its_place(data, &error);
    }
    handed_over(data);
}

fn kept<T: Serialize + PartialEq + Debug>(
    data: &[u8],
    newest: i64,
    parse: impl Fn(&Path, &[u8]) -> Result<T, Error>,
) -> Option<T> {
    let path = Path::new(PATH);
    match parse(path, data) {
        Ok(value) => {
            let text = toml_file::text(path, &value).expect("text");
            assert_eq!(parse(path, text.as_bytes()).expect("what was written"), value);
            Some(value)
        }
        Err(error) => {
            // What is wrong with the rest of it does not matter where another version wrote it.
            let text = gokku_core::text::decode::read(data).ok();
            let table: Option<toml::Table> = text.and_then(|text| toml::from_str(text.text).ok());
            let version = table.and_then(|table| table.get("version")?.as_integer());
            let is_other = |version: i64| !(1..=newest).contains(&version) && u32::try_from(version).is_ok();
            if matches!(error, Error::Torn { .. }) {
                assert!(data.iter().all(|byte| *byte == 0), "{error}");
            } else if matches!(error, Error::Version { .. }) {
                assert!(version.is_none_or(is_other), "{error}");
            } else {
                assert!(!version.is_some_and(is_other), "{error}");
                has_its_place(data, &error);
            }
            None
        }
    }
}

/// `file.toml:LINE:COLUMN: what`.
fn has_its_place(data: &[u8], error: &Error) {
    let words = error.to_string();
    let parts: Vec<&str> = words.splitn(4, ':').collect();
    let [file, line, column, what] = parts[..] else {
        panic!("{error} has no place");
    };
    assert_eq!(file, PATH);
    let number = |text: &str| text.parse().expect("a number");
    crate::assert_is_in(&String::from_utf8_lossy(data), number(line), number(column));
    assert!(!what.trim().is_empty());
}

/// A journal that was read back is gone on with, whatever there is by then.
fn goes_on(journal: &Journal) {
    assert!(journal.resumed && !journal.drained && journal.created.is_empty());
    let mut observed = Observed::default();
    let _: Decision = next(&journal.goal, journal, &observed);
    for (index, id) in journal.previous.iter().enumerate() {
        let of = |parity| index % 2 == parity;
        observed.containers.push(Container {
            id: id.clone(),
            slot: Some(if of(0) {
                gokku_core::Slot::Blue
            } else {
                gokku_core::Slot::Green
            }),
            process: gokku_core::ProcessKey::first_web(),
            transition: journal.id,
            release: journal.previous_release.unwrap_or(journal.id),
            state: if of(0) { State::Running } else { State::Exited },
            same_env: true,
            healthy: of(1),
            in_flight: 0,
        });
        observed.route.targets.insert(id.clone());
        let _: Decision = next(&journal.goal, journal, &observed);
    }
}

/// What a worker is given, and who holds an app: JSON, of the same program.
fn handed_over(data: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<Request>(data) {
        let text = serde_json::to_vec(&request).expect("text");
        let again: Request = serde_json::from_slice(&text).expect("what was written");
        assert_eq!(format!("{again:?}"), format!("{request:?}"));
    }
    if let Ok(holder) = serde_json::from_slice::<Holder>(data) {
        let text = serde_json::to_vec(&holder).expect("text");
        assert_eq!(
            serde_json::from_slice::<Holder>(&text).expect("what was written"),
            holder
        );
    }
}
