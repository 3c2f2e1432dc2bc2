//! Sends commands to another machine: decides which they are and where they go, and tells how they ended.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};

use gokku_core::access::client_hello::{Client, PROTOCOL};
use gokku_remote::remotes::{self, RemoteLookup};
use gokku_remote::ssh::{Destination, Exit, Forward, Needs, Ssh};

use crate::cli::Options;
use crate::commands::Run;
use crate::error::{Error, NO_SUCH_PROGRAM};
use crate::printer::{Look, Printer};
use crate::spec::{AppFrom, Io, RunsOn, Spec};
use crate::terminal;

/// Returns where a command is to run; none for this machine.
pub(crate) fn destination_of(
    spec: &Spec,
    options: &Options,
    printer: Printer,
) -> Result<Option<Forward>, Error> {
    if options.client.is_some() {
        // It was sent here, and is where it wanted to be.
        return Ok(None);
    }
    let may_be_first = match spec.runs_on {
        RunsOn::ThisMachine | RunsOn::ServerItself => {
            return match &options.remote {
                Some(_) => Err(Error::usage(
                    "this command runs on this machine only: leave out --remote",
                )),
                None => Ok(None),
            };
        }
        RunsOn::NewServer => true,
        RunsOn::Server => false,
    };
    if let Some(server) = &options.remote {
        return Ok(Some(to(server.parse()?, printer)));
    }
    let here = std::env::current_dir().unwrap_or_default();
    let found = match &options.app {
        Some(name) if spec.app != AppFrom::KeyLimit => remotes::find(&here, name)?,
        _ => RemoteLookup::NoRepository,
    };
    match (found, &options.app) {
        (RemoteLookup::OnServer(address), _) => Ok(Some(Forward {
            root: address.root,
            app: Some(address.app),
            ..to(address.destination, printer)
        })),
        _ if options.root.exists() || may_be_first => Ok(None),
        (RemoteLookup::NotFound, Some(name)) => Err(remotes::not_found(&here, name).into()),
        _ => Err(no_server(options)),
    }
}

/// Returns the error for a command that needs a server, where none is known.
fn no_server(options: &Options) -> Error {
    let root = options.root.display();
    let (what, next) = match &options.app {
        Some(name) => (
            format!(
                "{name} is not known: there is no git repository here whose remote it could be, and no gokku server on this machine ({root})"
            ),
            "Go into your project's folder, or name the server with --remote user@host",
        ),
        None => (
            format!("there is no gokku server on this machine ({root})"),
            "Name the app's git remote with -a, or the server with --remote user@host",
        ),
    };
    Error::missing(what)
        .hint(next)
        .hint("`gokku remote setup user@host` makes one")
}

/// Addresses a server as this program.
pub(crate) fn to(destination: Destination, printer: Printer) -> Forward {
    Forward {
        ssh: Ssh::to(destination),
        root: None,
        app: None,
        client: Client {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            coloured: printer.shows_colours(),
        },
    }
}

/// Tells a client whose command line is not understood that it has another version than this gokku.
pub(crate) fn warn_of_difference(typed: &[OsString]) {
    let word = typed.iter().skip_while(|word| *word != "--client").nth(1);
    let client = word.and_then(|word| word.to_str()?.parse::<Client>().ok());
    if let Some(difference) = client.and_then(|client| client.difference(env!("CARGO_PKG_VERSION"))) {
        let _ = writeln!(std::io::stderr().lock(), "{difference}");
    }
}

/// Runs on a server what was typed here; returns the exit code.
pub(crate) fn run(
    command: &dyn Run,
    options: &Options,
    forward: &Forward,
    typed: &[OsString],
    printer: Printer,
) -> Result<u8, Error> {
    let needs = needs(command.spec().io);
    let exit = match command.run_from_afar(options, forward, printer) {
        Some(exit) => exit?,
        None => forward.run(typed, needs)?,
    };
    tell(forward, &exit, needs, printer);
    Ok(exit.code)
}

/// Tells what there is to say of an end, besides its code.
pub(crate) fn tell(forward: &Forward, exit: &Exit, needs: Needs, printer: Printer) {
    if !exit.messages.is_empty() {
        printer.note(Look::Dim, &format!("ssh: {}", exit.messages));
    }
    if exit.code == NO_SUCH_PROGRAM && !needs.any_code {
        let server = forward.ssh.destination();
        printer.alert(
            Look::Plain,
            &format!("If there is no gokku on {server} yet, `gokku remote setup {server}` puts it there."),
        );
    }
}

/// Says what a command needs of this terminal.
fn needs(io: Io) -> Needs {
    let terminal = terminal::is_one();
    match io {
        Io::Output => Needs::default(),
        Io::Input => Needs {
            input: true,
            ..Needs::default()
        },
        Io::Question => Needs {
            terminal: terminal && std::io::stderr().is_terminal(),
            input: true,
            any_code: false,
        },
        Io::Program => Needs {
            terminal,
            input: true,
            any_code: true,
        },
    }
}
