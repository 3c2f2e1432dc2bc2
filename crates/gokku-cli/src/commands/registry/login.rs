//! `gokku registry login`: a login is stored, once the registry has accepted it.

use std::io::IsTerminal;

use clap::Args;
use gokku_core::text::read_limits::PASSWORD;
use gokku_server::app::registries;
use gokku_server::engine::Login;
use gokku_server::fs::bounded;

use super::spec_of;
use crate::commands::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::{Look, Printer};
use crate::spec::{Io, Spec};
use crate::terminal;

/// Store a login, once the registry has accepted it; the password is read from standard input
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// The registry, as images name it: ghcr.io, registry.example.com:5000
    host: String,
    /// The user
    #[arg(short, long, value_name = "USER")]
    username: String,
}

impl Run for LoginArgs {
    fn spec(&self) -> Spec<'_> {
        spec_of("registry login").with_io(Io::Question)
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, username) = (context.server()?, &self.username);
        let registry = registries::host(&self.host)?;
        let password = password(username, &registry, context.printer)?;
        let login = Login {
            registry: registry.clone(),
            username: username.clone(),
            password,
        };
        wait(async { Ok(registries::login(server, login).await?) })?;
        let line = format!("images of {registry} are pulled as {username}");
        context.printer.result(&line);
        Ok(DONE)
    }
}

/// Reads the password, which is no argument: everybody on the machine can read those.
fn password(username: &str, registry: &str, printer: Printer) -> Result<String, Error> {
    if std::io::stdin().is_terminal() {
        printer.alert(Look::Plain, &format!("The password of {username} at {registry}:"));
        return terminal::typed_unseen();
    }
    let what = "the password on standard input";
    let given = bounded::stream(std::io::stdin().lock(), PASSWORD)
        .map_err(|error| Error::usage(error).about(what).hint("nothing was stored"))?;
    let given = gokku_core::text::decode::read(&given).map_err(|error| {
        Error::usage(error)
            .worded(format!("{what}: {}", error.what))
            .hint("nothing was stored")
    })?;
    // A file and `echo` end with the end of a line, which is no part of it.
    let line = given.text.strip_suffix('\n').unwrap_or(given.text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}
