//! Commands that run on another machine: which they are, and how they get there.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};

use gokku_core::access::client_hello::{Client, PROTOCOL};
use gokku_remote::forward::{Ended, Forward, Needs};
use gokku_remote::logs::Told;
use gokku_remote::remotes::{self, Found};
use gokku_remote::{Destination, Ssh};

use crate::cli::{Apps, Cli, Command, Config, Keys, Logs, Options, Proxy, Registry};
use crate::commands::logs;
use crate::context;
use crate::error::{Error, UNREACHABLE};
use crate::printer::{Look, Printer};
use crate::terminal;

/// The exit code by which a shell says that there is no such program.
const NOT_FOUND: u8 = 127;

/// Where a command is to run; none for here.
pub(crate) fn of(cli: &Cli, printer: Printer) -> Result<Option<Forward>, Error> {
    let options = &cli.options;
    if options.client.is_some() {
        // It has come from elsewhere, and is where it wanted to be.
        return Ok(None);
    }
    if is_of_this_machine(&cli.command) {
        return match &options.remote {
            Some(_) => Err(Error::usage(
                "this command is for this machine: leave --remote away",
            )),
            None => Ok(None),
        };
    }
    if let Some(server) = &options.remote {
        return Ok(Some(to(destination(server)?, printer)));
    }
    let here = std::env::current_dir().unwrap_or_default();
    let found = match (&options.app, &cli.command) {
        // The apps of a key are named as the server names them.
        (None, _) | (_, Command::Keys(_)) => Found::NoRepository,
        (Some(name), _) => remotes::find(&here, name)?,
    };
    match (found, &options.app) {
        (Found::There(address), _) => Ok(Some(Forward {
            root: address.root,
            app: Some(address.app),
            ..to(address.destination, printer)
        })),
        _ if options.root.exists() || makes_a_server(&cli.command) => Ok(None),
        (Found::Nothing, Some(name)) => Err(remotes::missing(&here, name).into()),
        _ => Err(no_server(options)),
    }
}

fn no_server(options: &Options) -> Error {
    let root = options.root.display();
    let what = match &options.app {
        Some(name) => format!(
            "{name} is not known: there is no git repository here whose remote it could be, and no gokku server on this machine ({root}). Go into your project's folder"
        ),
        None => {
            format!("there is no gokku server on this machine ({root}). Name the app's git remote with -a")
        }
    };
    Error::missing(format!(
        "{what}, or the server with --remote user@host; `gokku remote setup user@host` makes one"
    ))
}

/// Whether a command is about the machine it is typed on.
fn is_of_this_machine(command: &Command) -> bool {
    matches!(
        command,
        Command::Remote(_)
            | Command::Completion { .. }
            | Command::Config(Config::Check { .. })
            | Command::Worker
            | Command::Leave { .. }
            | Command::Hook(_)
            | Command::Entry { .. }
            | Command::ReceivePack { .. }
            | Command::UploadPack { .. }
            | Command::Proxy(Proxy::Run { .. })
    )
}

/// Whether a command may be the first one on a server.
fn makes_a_server(command: &Command) -> bool {
    matches!(
        command,
        Command::Apps(Apps::Create { .. }) | Command::Doctor | Command::Proxy(Proxy::Run { .. })
    )
}

/// A server's address as it is typed.
pub(crate) fn destination(given: &str) -> Result<Destination, Error> {
    given
        .parse()
        .map_err(|error: gokku_remote::destination::DestinationError| Error::usage(error.to_string()))
}

/// What is sent to a server as this program's.
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

/// Tells the difference of versions to a client whose command line is not understood.
pub(crate) fn tell_difference(typed: &[OsString]) {
    let word = typed.iter().skip_while(|word| *word != "--client").nth(1);
    let client = word.and_then(|word| word.to_str()?.parse::<Client>().ok());
    if let Some(difference) = client.and_then(|client| client.difference(env!("CARGO_PKG_VERSION"))) {
        let _ = writeln!(std::io::stderr().lock(), "{difference}");
    }
}

/// Runs there what was typed here.
pub(crate) fn run(cli: &Cli, there: &Forward, typed: &[OsString], printer: Printer) -> Result<u8, Error> {
    let needs = needs(&cli.command);
    let ended = match &cli.command {
        Command::Logs(logs) if logs.follow && logs.resume.is_none() => {
            follow_logs(there, logs, cli, printer)?
        }
        _ => there.run(typed, needs)?,
    };
    tell(there, &ended, needs, printer);
    Ok(ended.code)
}

/// Follows an app's output there, across connections that are lost.
fn follow_logs(there: &Forward, logs: &Logs, cli: &Cli, printer: Printer) -> Result<Ended, Error> {
    let process = logs::process(logs)?;
    let mut always: Vec<OsString> = Vec::new();
    // A server of before there were processes does not know it.
    if let Some(process) = &process {
        always.extend(["--process".into(), process.to_string().into()]);
    }
    let mut asked: Vec<OsString> = Vec::new();
    if let Some(lines) = logs.lines {
        asked.extend(["--lines".into(), lines.to_string().into()]);
    }
    if let Some(since) = &logs.since {
        asked.extend(["--since".into(), since.into()]);
    }
    let mut there = there.clone();
    if there.app.is_none() {
        // Named as the server is to find it.
        let named = cli.options.app.as_deref().ok_or_else(context::which_app)?;
        let named = named
            .parse()
            .map_err(|error: gokku_core::app::name::NameError| Error::usage(error.to_string()))?;
        there.app = Some(named);
    }
    let mut showing = logs::Showing::new(there.app.as_ref(), printer);
    let server = there.ssh.destination().clone();
    let ended = gokku_remote::logs::follow(&there, &always, &asked, |told| match told {
        Told::Piece(piece) => showing.show(piece),
        Told::Lost(error) => {
            printer.note(Look::Dim, &format!("{error}; trying again"));
            true
        }
        Told::Back => {
            printer.note(Look::Dim, &format!("{server} is there again"));
            true
        }
    })?;
    Ok(ended)
}

/// What is to be said of an end, besides its code.
pub(crate) fn tell(there: &Forward, ended: &Ended, needs: Needs, printer: Printer) {
    if !ended.words.is_empty() {
        printer.note(Look::Dim, &format!("ssh: {}", ended.words));
    }
    if ended.code == NOT_FOUND && !needs.any_code {
        let server = there.ssh.destination();
        printer.alert(
            Look::Plain,
            &format!("If there is no gokku on {server} yet, `gokku remote setup {server}` puts it there."),
        );
    }
}

fn needs(command: &Command) -> Needs {
    let terminal = terminal::is_one();
    match command {
        Command::Run { .. } | Command::Exec { .. } => Needs {
            terminal,
            input: true,
            any_code: true,
        },
        Command::Apps(Apps::Destroy { yes: false, .. }) | Command::Registry(Registry::Login { .. }) => {
            Needs {
                // A question is asked.
                terminal: terminal && std::io::stderr().is_terminal(),
                input: true,
                any_code: false,
            }
        }
        Command::Config(Config::Set { stdin: true, .. } | Config::Import { .. })
        | Command::Keys(Keys::Add { .. }) => Needs {
            input: true,
            ..Needs::default()
        },
        _ => Needs::default(),
    }
}

impl From<gokku_remote::ssh::Error> for Error {
    fn from(error: gokku_remote::ssh::Error) -> Self {
        use gokku_remote::ssh::Error as Theirs;
        match &error {
            Theirs::Unreachable { .. } | Theirs::NoSsh(_) => Self {
                code: UNREACHABLE,
                message: error.to_string(),
            },
            Theirs::Nul => Self::usage(error.to_string()),
            Theirs::File(_) => Self::failed(error.to_string()),
        }
    }
}

impl From<remotes::Error> for Error {
    fn from(error: remotes::Error) -> Self {
        use remotes::Error as Theirs;
        let message = error.to_string();
        match error {
            Theirs::NoRepository | Theirs::NoRemote { .. } => Self::missing(message),
            Theirs::Name(_) | Theirs::Part(_) | Theirs::NotGokkus { .. } => Self::usage(message),
            Theirs::Exists { .. } | Theirs::Git(_) | Theirs::Yml(_) => Self::failed(message),
        }
    }
}
