//! What else `/app` can be run for: an image from scratch has no shell and no `cat`.
//!
//! `version`, `env NAME` (the value's exact bytes), `cat` (standard input to standard output), `exit CODE`,
//! `wait` (until a signal ends it), `words ARGS…` (each on a line of its own).

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use crate::state::State;

/// Runs a tool; its exit code, or none when the first word names none.
pub(crate) fn run(state: &State, words: &[String]) -> Option<i32> {
    let (tool, args) = words.split_first()?;
    let done = match (tool.as_str(), args) {
        ("version", []) => {
            println!("{}", state.version);
            Ok(())
        }
        ("env", [name]) => match std::env::var_os(name) {
            Some(value) => io::stdout().write_all(value.as_bytes()),
            None => return Some(1),
        },
        ("cat", []) => io::copy(&mut io::stdin(), &mut io::stdout()).map(drop),
        ("exit", [code]) => return code.parse().ok(),
        ("wait", []) => {
            println!("waiting");
            loop {
                std::thread::park();
            }
        }
        ("words", args) => {
            for word in args {
                println!("{word}");
            }
            Ok(())
        }
        _ => return None,
    };
    Some(i32::from(done.is_err()))
}
