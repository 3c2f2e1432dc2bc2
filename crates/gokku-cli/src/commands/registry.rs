//! `gokku registry`: the logins that images are pulled with.

use std::io::IsTerminal;

use gokku_core::text::read_limits::PASSWORD;
use gokku_server::Server;
use gokku_server::app::registries;
use gokku_server::engine::Login;
use gokku_server::fs::bounded;

use super::wait;
use crate::cli::Registry;
use crate::error::Error;
use crate::printer::{Look, Printer};
use crate::terminal;

pub(super) fn run(server: &Server, command: &Registry, printer: Printer) -> Result<u8, Error> {
    match command {
        Registry::Login { host, username } => {
            let registry = registries::host(host)?;
            let password = password(username, &registry, printer)?;
            let login = Login {
                registry: registry.clone(),
                username: username.clone(),
                password,
            };
            wait(async { Ok(registries::login(server, login).await?) })?;
            printer.result(&format!("images of {registry} are pulled as {username}"));
            Ok(0)
        }
        Registry::Logout { host } => {
            let registry = registries::host(host)?;
            registries::logout(server, &registry)?;
            printer.result(&format!("images of {registry} are pulled without a login"));
            Ok(0)
        }
        Registry::List => {
            printer.list(
                &registries::list(&server.root)?,
                "There are no logins yet; `gokku registry login HOST --username USER` stores one.",
                ["HOST", "USER"],
                |one| [one.host.clone(), one.username.clone()],
            )?;
            Ok(0)
        }
    }
}

/// The password, which is no argument: everybody on the machine can read those.
fn password(username: &str, registry: &str, printer: Printer) -> Result<String, Error> {
    if std::io::stdin().is_terminal() {
        printer.alert(Look::Plain, &format!("The password of {username} at {registry}:"));
        return terminal::typed_unseen();
    }
    let given = bounded::stream(std::io::stdin().lock(), PASSWORD).map_err(|error| {
        Error::usage(format!(
            "the password on standard input: {error}; nothing was stored"
        ))
    })?;
    let given = gokku_core::text::decode::read(&given).map_err(|wrong| {
        Error::usage(format!(
            "the password on standard input: {}; nothing was stored",
            wrong.what
        ))
    })?;
    // A file and `echo` end with the end of a line, which is no part of it.
    let line = given.text.strip_suffix('\n').unwrap_or(given.text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}
