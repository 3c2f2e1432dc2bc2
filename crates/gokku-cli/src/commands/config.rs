//! `gokku config`: the app's environment variables.

use std::collections::BTreeMap;
use std::path::Path;

use gokku_core::AppName;
use gokku_core::config::env_file::{EnvFile, EnvKey, EnvValue, PairError, parse_pair};
use gokku_core::text::read_limits::Limit;
use gokku_server::Server;
use gokku_server::app::{apps, env_store, server_config};
use gokku_server::command::config;
use gokku_server::fs::bounded;
use gokku_server::worker::request::{Operation, submit};

use super::transition::follow_to_newest;
use super::wait;
use crate::cli::Config;
use crate::error::{Error, MISSING};
use crate::printer::{Look, Printer};

pub(super) fn run(server: &Server, app: &AppName, command: &Config, printer: Printer) -> Result<u8, Error> {
    apps::load(&server.root, app)?;
    match command {
        Config::Get { name } => {
            let env = env_store::read(&server.root, app)?;
            let value = env.get(name).ok_or_else(|| Error {
                code: MISSING,
                message: format!("{app} has no {name}; `gokku config list -a {app}` shows what it has"),
            })?;
            if printer.json {
                printer.facts(&value.expose())?;
            } else {
                printer.result(value.expose());
            }
            Ok(0)
        }
        Config::List => {
            let env = env_store::read(&server.root, app)?;
            if printer.json {
                let all: BTreeMap<&str, &str> = env
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.expose()))
                    .collect();
                printer.facts(&all)?;
            } else {
                for (key, value) in env.iter() {
                    printer.result(&format!("{key}={}", value.expose()));
                }
            }
            Ok(0)
        }
        Config::Set {
            pairs,
            stdin,
            no_restart,
        } => {
            let limit = server_config::read(&server.root)?.env.limit();
            let read = if *stdin { read_pairs(limit)? } else { Vec::new() };
            let pairs = if *stdin { &read } else { pairs };
            let pairs: Result<Vec<_>, PairError> = pairs.iter().map(|pair| parse_pair(pair)).collect();
            let pairs = pairs.map_err(|error| Error::usage(error.to_string()))?;
            set(server, app, &pairs, !no_restart, printer)
        }
        Config::Import { no_restart } => {
            let limit = server_config::read(&server.root)?.env.limit();
            let env = EnvFile::parse(&read_input("the env file", limit)?).map_err(|error| {
                Error::usage(format!(
                    "standard input:{}:{}: {}. Nothing was set",
                    error.line, error.column, error.what
                ))
            })?;
            let pairs: Vec<_> = env
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            set(server, app, &pairs, !no_restart, printer)
        }
        Config::Check { file } => check(file, printer),
        Config::Unset { names, no_restart } => {
            let keys: Result<Vec<EnvKey>, PairError> = names.iter().map(|name| name.parse()).collect();
            let keys = keys.map_err(|error| Error::usage(error.to_string()))?;
            let changed = config::unset(server, app, &keys)?;
            printer.note(Look::Plain, &format!("{} of {app} removed", names.join(", ")));
            apply(server, app, changed && !no_restart, printer)
        }
    }
}

/// Checks a `gokku.yml` of this machine.
pub(super) fn check(file: &Path, printer: Printer) -> Result<u8, Error> {
    let checked = gokku_server::plan::check::gokku_yml(file)?;
    for note in &checked.notes {
        printer.note(Look::Plain, note);
    }
    if printer.json {
        printer.facts(&checked.apps)?;
    } else {
        let names: Vec<&str> = checked.apps.iter().map(AppName::as_str).collect();
        let line = format!("{} is good; its apps: {}", file.display(), names.join(", "));
        printer.result(&line);
    }
    Ok(0)
}

fn set(
    server: &Server,
    app: &AppName,
    pairs: &[(EnvKey, EnvValue)],
    restart: bool,
    printer: Printer,
) -> Result<u8, Error> {
    let changed = wait(async { Ok(config::set(server, app, pairs).await?) })?;
    let names: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
    let line = match (&names[..], changed) {
        ([], _) => format!("there is no variable in it; {app} is as it was"),
        (names, true) => format!("{} of {app} set", names.join(", ")),
        (names, false) => format!("{} of {app} is as it was", names.join(", ")),
    };
    printer.note(Look::Plain, &line);
    apply(server, app, changed && restart, printer)
}

fn read_input(what: &str, limit: Limit) -> Result<Vec<u8>, Error> {
    bounded::stream(std::io::stdin().lock(), limit)
        .map_err(|error| Error::usage(format!("{what} on standard input: {error}. Nothing was set")))
}

/// The pairs on standard input, a NUL byte after each.
fn read_pairs(limit: Limit) -> Result<Vec<String>, Error> {
    let read = read_input("the pairs", limit)?;
    let Some(whole) = read.strip_suffix(b"\0") else {
        return Err(Error::usage(
            "standard input is to have NAME=VALUE and a NUL byte, for each variable: it ended without one, and nothing was set",
        ));
    };
    let pair = |pair: &[u8]| match std::str::from_utf8(pair) {
        Ok(pair) => Ok(pair.to_owned()),
        Err(_) => Err(Error::usage(
            "a value on standard input is not UTF-8, and the Docker Engine takes nothing else; nothing was set",
        )),
    };
    whole.split(|byte| *byte == 0).map(pair).collect()
}

/// Applies a change to what runs, by a transition of the same release; after the one under way, if there is one.
fn apply(server: &Server, app: &AppName, wanted: bool, printer: Printer) -> Result<u8, Error> {
    if !wanted {
        return Ok(0);
    }
    let written = |printer: Printer| {
        let line = format!(
            "The change is written all the same, and counts from the next deploy or `gokku restart -a {app}` on."
        );
        printer.note(Look::Plain, &line);
    };
    match wait(async { Ok(config::is_running(server, app).await?) }) {
        Ok(false) => Ok(0),
        Ok(true) => {
            let code = follow_to_newest(
                server,
                app,
                submit(server, app, Operation::Config, true)?,
                printer,
            )?;
            if code != 0 {
                written(printer);
            }
            Ok(code)
        }
        Err(error) => {
            written(printer);
            Err(error)
        }
    }
}
