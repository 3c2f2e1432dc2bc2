//! Takes values that were typed off the command line: everybody on the machine can read a process's arguments for as long
//! as it lives, which for `config set` is until its change is applied.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::error::Error;

/// Starts this program again in this one's place, with the secrets on its standard input instead, a NUL byte after each.
/// Returns only when there are none, or when it could not be done.
pub(crate) fn hide(secrets: &[String], typed: &[OsString]) -> Result<(), Error> {
    if secrets.is_empty() {
        return Ok(());
    }
    let values = secrets.iter().map(String::as_bytes);
    restart(values, without(secrets, typed))
        .map_err(|error| Error::failed(error).about("the values could not be handed on"))
}

/// Starts this program again, with these on its standard input, a NUL byte after each; comes back only when it could not.
pub(crate) fn restart<'a>(input: impl Iterator<Item = &'a [u8]>, words: Vec<OsString>) -> io::Result<()> {
    let memory = rustix::fs::memfd_create("gokku-pairs", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut memory = File::from(memory);
    for one in input {
        memory.write_all(one)?;
        memory.write_all(b"\0")?;
    }
    memory.rewind()?;
    let program = std::env::current_exe()?;
    let error = Command::new(program).args(words).stdin(memory).exec();
    Err(error)
}

/// Returns the command line with `--stdin` in the secrets' place.
fn without(secrets: &[String], typed: &[OsString]) -> Vec<OsString> {
    let mut rest = typed.to_vec();
    // Found from the end: `-a` and the like stand before what they do not own.
    for secret in secrets.iter().rev() {
        if let Some(place) = rest.iter().rposition(|word| word == secret.as_str()) {
            rest.remove(place);
        }
    }
    // Behind `set`, and before a `--` that everything after is one of them.
    let end = rest.iter().position(|word| word == "--").unwrap_or(rest.len());
    let first = typed
        .iter()
        .position(|word| secrets.iter().any(|secret| word == secret.as_str()));
    let end = first.map_or(end, |first| first.min(end));
    let place = rest[..end]
        .iter()
        .rposition(|word| word == "set")
        .map_or(end, |set| set + 1);
    rest.insert(place, "--stdin".into());
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_value_stays() {
        for (typed, left) in [
            ("config set A=1 B=2 -a api", "config set --stdin -a api"),
            (
                "-a api config set --no-restart A=1",
                "-a api config set --stdin --no-restart",
            ),
            ("config set -a api -- -A=1 A=1", "config set --stdin -a api --"),
            ("-a set config set A=1", "-a set config set --stdin"),
            ("config set -a set A=1", "config set -a set --stdin"),
        ] {
            let typed: Vec<OsString> = typed.split(' ').map(OsString::from).collect();
            let pairs: Vec<String> = typed
                .iter()
                .filter_map(|word| word.to_str())
                .filter(|word| word.contains('='))
                .map(str::to_owned)
                .collect();
            let left: Vec<OsString> = left.split(' ').map(OsString::from).collect();
            assert_eq!(without(&pairs, &typed), left);
        }
    }
}
