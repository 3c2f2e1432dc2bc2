//! What the tests stand on.
//!
//! - [`Lab`] is an engine, a root label of the test's own, and the end of all that carries it;
//! - [`folder`] makes what is to be built, [`program`] the static program in it;
//! - [`Middle`] is a socket that is no engine, or one with a fault;
//! - [`Client`] is the docker program, whose engine keeps what it is sent;
//! - [`until`] waits for what cannot be waited on.

mod client;
mod folder;
mod lab;
mod middle;
mod program;

pub(crate) use client::{Client, paths};
pub(crate) use folder::Folder;
pub(crate) use gokku_tests::{PATIENCE, soon, until};
pub(crate) use lab::{Lab, docker};
pub(crate) use middle::{Middle, Reply, answer};
pub(crate) use program::program;

use gokku_core::containers::LogLine;
use gokku_core::machine::stream::Stream;

/// So many numbered lines, as the program prints them.
pub(crate) fn numbered(word: &str, lines: usize) -> String {
    let lines: Vec<String> = (0..lines).map(|number| format!("{word} {number}")).collect();
    lines.join("\n") + "\n"
}

/// What was printed to one of the streams.
pub(crate) fn text(pieces: &[LogLine], stream: Stream) -> String {
    let bytes: Vec<u8> = pieces
        .iter()
        .filter(|piece| piece.stream == stream)
        .flat_map(|piece| piece.bytes.iter().copied())
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
