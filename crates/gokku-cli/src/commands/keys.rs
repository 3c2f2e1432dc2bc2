//! `gokku keys`: who is let in, and to what.

use std::io::IsTerminal;

use gokku_core::text::read_limits::PUBLIC_KEY;
use gokku_core::{Access, AppName, KeyName};
use gokku_server::Server;
use gokku_server::app::apps;
use gokku_server::command::keys;
use gokku_server::fs::bounded;

use crate::cli::Keys;
use crate::context;
use crate::error::Error;
use crate::printer::{Look, Printer};

pub(super) fn run(server: &Server, command: &Keys, printer: Printer) -> Result<u8, Error> {
    match command {
        Keys::Add { name, apps } => add(server, &named(name)?, apps, printer),
        Keys::List => list(server, printer),
        Keys::Remove { name } => {
            keys::remove(server, &context::home()?, &named(name)?)?;
            printer.result(&format!("{name} is let in no more"));
            Ok(0)
        }
    }
}

fn named(name: &str) -> Result<KeyName, Error> {
    name.parse()
        .map_err(|error: gokku_core::access::key_name::KeyNameError| Error::usage(error.to_string()))
}

fn add(server: &Server, name: &KeyName, given: &[String], printer: Printer) -> Result<u8, Error> {
    let mut reached = Vec::new();
    let mut missing = Vec::new();
    for app in given {
        let app: AppName = app
            .parse()
            .map_err(|error: gokku_core::app::name::NameError| Error::usage(error.to_string()))?;
        let there = apps::find(server, &app)?;
        if there.is_none() {
            missing.push(app.to_string());
        }
        reached.push(there.unwrap_or(app));
    }
    let key = given_key(name)?;
    let facts = keys::add(server, &context::home()?, name, Access::of(reached), key)?;
    if printer.json {
        printer.facts(&facts)?;
        return Ok(0);
    }
    printer.result(&format!("{name} is let in, to {}", facts.access()));
    if !missing.is_empty() {
        let line = format!("Not here yet: {}. The first push makes it.", missing.join(", "));
        printer.note(Look::Plain, &line);
    }
    let app = facts.apps.as_ref().and_then(|apps| apps.first());
    let app = app.map_or("APP", AppName::as_str);
    printer.note(
        Look::Plain,
        &format!("Its owner pushes to {}:{app}", context::address()),
    );
    Ok(0)
}

fn given_key(name: &KeyName) -> Result<gokku_core::access::public_key::PublicKey, Error> {
    let input = std::io::stdin();
    if input.is_terminal() {
        return Err(Error::usage(format!(
            "the public key is read from standard input: gokku keys add {name} < key.pub"
        )));
    }
    let given = bounded::stream(input.lock(), PUBLIC_KEY)
        .map_err(|error| Error::usage(format!("the key on standard input: {error}; nobody was let in")))?;
    let given = gokku_core::text::decode::read(&given)
        .map_err(|wrong| Error::usage(format!("the key on standard input:{wrong}; nobody was let in")))?;
    given
        .text
        .parse()
        .map_err(|error: gokku_core::access::public_key::PublicKeyError| Error::usage(error.to_string()))
}

fn list(server: &Server, printer: Printer) -> Result<u8, Error> {
    printer.list(
        &keys::list(server, &context::home()?)?,
        "There are no keys yet; `gokku keys add NAME < key.pub` lets one in.",
        ["NAME", "APPS", "TYPE", "FINGERPRINT"],
        |key| {
            [
                key.name.to_string(),
                key.access().to_string(),
                key.kind.clone(),
                key.fingerprint.clone(),
            ]
        },
    )?;
    Ok(0)
}
