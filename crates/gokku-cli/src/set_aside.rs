//! Values that were typed on the command line are taken off it: everybody on the machine can read a process's arguments
//! for as long as it lives, which for `config set` is until its change is applied.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::cli::{self, Cli, Config};
use crate::error::Error;

/// Starts this program again in this one's place, with the pairs of a `config set` on its standard input instead.
/// Returns only when there is nothing to be taken off, or when it could not be.
pub(crate) fn secrets(cli: &Cli, typed: &[OsString]) -> Result<(), Error> {
    let cli::Command::Config(Config::Set { pairs, .. }) = &cli.command else {
        return Ok(());
    };
    if pairs.is_empty() {
        return Ok(());
    }
    let failed = |error: std::io::Error| Error::failed(format!("the values could not be handed on: {error}"));
    let memory = rustix::fs::memfd_create("gokku-pairs", rustix::fs::MemfdFlags::CLOEXEC)
        .map_err(|error| failed(error.into()))?;
    let mut memory = File::from(memory);
    for pair in pairs {
        memory.write_all(pair.as_bytes()).map_err(failed)?;
        memory.write_all(b"\0").map_err(failed)?;
    }
    memory.rewind().map_err(failed)?;
    let program = std::env::current_exe().map_err(failed)?;
    let error = Command::new(program)
        .args(without(pairs, typed))
        .stdin(memory)
        .exec();
    Err(failed(error))
}

/// The command line without the pairs.
fn without(pairs: &[String], typed: &[OsString]) -> Vec<OsString> {
    let mut rest = typed.to_vec();
    // Found from the end: `-a` and the like stand before what they do not own.
    for pair in pairs.iter().rev() {
        if let Some(place) = rest.iter().rposition(|word| word == pair.as_str()) {
            rest.remove(place);
        }
    }
    // Behind `set`, and before a `--` that everything after is a pair of.
    let end = rest.iter().position(|word| word == "--").unwrap_or(rest.len());
    let first = typed
        .iter()
        .position(|word| pairs.iter().any(|pair| word == pair.as_str()));
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
