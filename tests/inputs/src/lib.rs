//! What holds for every input that others write, whatever stands in it.
//!
//! A file for each subject, with one `check` that takes any bytes and panics where something does not hold that must.
//! The fuzz targets in `fuzz/` call it, and so do this crate's tests, with every input in `fuzz/corpus`.
//!
//! - who is let in, and what comes with a key: [`authorized_keys`]
//! - what users write: [`env_file`], [`settings`], [`gokku_yml`], [`procfile`], [`docker_ignore`], [`image_use`],
//!   [`languages`], [`names`], [`certificates`]
//! - what git says: [`hook_input`], [`proc_receive`]
//! - what gokku wrote and reads again: [`records`], [`event_log`], [`route_table`]
//! - what a laptop and a server say to each other: [`afar`]
//! - what other programs say: [`control_api`], [`build_progress`], [`listeners`], [`proxy_header`]
//! - what clients ask for: [`domain_routes`]
#![allow(clippy::missing_panics_doc, reason = "a check panics, that is what it is for")]

use gokku_core::text::decode;

pub mod afar;
pub mod authorized_keys;
pub mod build_progress;
pub mod certificates;
pub mod control_api;
pub mod docker_ignore;
pub mod domain_routes;
pub mod env_file;
pub mod event_log;
pub mod gokku_yml;
pub mod hook_input;
pub mod image_use;
pub mod languages;
pub mod listeners;
pub mod names;
pub mod proc_receive;
pub mod procfile;
pub mod proxy_header;
pub mod records;
pub mod route_table;
pub mod settings;

/// Takes any bytes, and panics where something does not hold.
pub type Check = fn(&[u8]);

/// Every subject, with its check.
pub const SUBJECTS: [(&str, Check); 21] = [
    ("afar", afar::check),
    ("authorized_keys", authorized_keys::check),
    ("build_progress", build_progress::check),
    ("certificates", certificates::check),
    ("control_api", control_api::check),
    ("docker_ignore", docker_ignore::check),
    ("domain_routes", domain_routes::check),
    ("env_file", env_file::check),
    ("event_log", event_log::check),
    ("gokku_yml", gokku_yml::check),
    ("hook_input", hook_input::check),
    ("image_use", image_use::check),
    ("languages", languages::check),
    ("listeners", listeners::check),
    ("names", names::check),
    ("proc_receive", proc_receive::check),
    ("procfile", procfile::check),
    ("proxy_header", proxy_header::check),
    ("records", records::check),
    ("route_table", route_table::check),
    ("settings", settings::check),
];

/// The text of a file that people write, as whoever reads it has it; none where it is told that it is no text.
fn text_of(data: &[u8]) -> Option<&str> {
    match decode::read(data) {
        Ok(text) => {
            let mark = if text.marked { decode::MARK } else { "" };
            assert_eq!([mark, text.text].concat().as_bytes(), data);
            Some(text.text)
        }
        Err(wrong) => {
            assert_is_a_line(&wrong.to_string());
            assert_is_in(&String::from_utf8_lossy(data), wrong.line, wrong.column);
            None
        }
    }
}

/// A message that a terminal shows in one line, as it is.
fn assert_is_a_line(message: &str) {
    assert!(!message.trim().is_empty(), "a message without words");
    assert!(!message.contains(char::is_control), "{message:?}");
}

/// A place in a text that is there, or just behind its end.
fn assert_is_in(text: &str, line: usize, column: usize) {
    let last = text.split('\n').count();
    assert!((1..=last).contains(&line), "line {line} of {last}");
    let longest = text.split('\n').map(|line| line.chars().count()).max();
    let longest = longest.unwrap_or(0) + 1;
    assert!((1..=longest).contains(&column), "column {column} of {longest}");
}
