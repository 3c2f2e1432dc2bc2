//! What sshd runs for a key, whatever was asked for: it is understood here, done as that key, and recorded. No shell sees
//! it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use gokku_core::access::ssh_command::{self, Asked, EntryError, Service};
use gokku_core::logs::audit::Change;
use gokku_core::{Access, AppName, Asker};
use gokku_server::Server;
use gokku_server::app::apps;
use gokku_server::command::serve;
use gokku_server::record::audit_log;
use tokio::signal::unix::{SignalKind, signal};

use super::serve::tell;
use super::{greet, reach, run_on};
use crate::cli::{Apps, Cli, Command};
use crate::context;
use crate::error::{DONE, Error, FAILED};
use crate::printer::Printer;

/// `bound_to` is the folder as the key's line names it.
pub(super) fn run(
    server: &Server,
    bound_to: &Path,
    key: &str,
    apps: &[String],
    printer: Printer,
) -> Result<u8, Error> {
    let wrong = |why: String| Error::usage(format!("this key's line in authorized_keys is damaged: {why}"));
    let key: gokku_core::KeyName = key
        .parse()
        .map_err(|error: gokku_core::access::key_name::KeyNameError| wrong(error.to_string()))?;
    let apps: Result<Vec<AppName>, _> = apps.iter().map(|app| app.parse()).collect();
    let apps = apps.map_err(|error: gokku_core::app::name::NameError| wrong(error.to_string()))?;
    let server = Server {
        by: key.to_string(),
        access: Access::of(apps),
        asker: Asker::Key,
        ..server.clone()
    };
    match ssh_command::parse(&context::asked(), &server.root.label()) {
        Ok(Asked::Git { service, app }) => git(&server, service, &app, printer),
        Ok(Asked::Gokku(words)) => gokku(&server, bound_to, words),
        Err(error) => Err(refused(&server, &error)),
    }
}

/// What a key is for.
fn purpose(server: &Server) -> String {
    format!(
        "The key {} is for `git push` and `gokku` commands, to {}; `ssh HOST gokku --help` shows them",
        server.by, server.access
    )
}

fn refused(server: &Server, error: &EntryError) -> Error {
    deny(server, error.asked(), &error.to_string())
}

/// Records what was tried, and says what can be done instead.
fn deny(server: &Server, command: String, why: &str) -> Error {
    audit_log::note(&server.root, &server.by, None, Change::Denied { command });
    Error::failed(format!("{why}. {}", purpose(server)))
}

fn git(server: &Server, service: Service, named: &AppName, printer: Printer) -> Result<u8, Error> {
    let word = match service {
        Service::ReceivePack => "push",
        Service::UploadPack => "fetch",
    };
    let (app, made) = serve::app(server, service, named).inspect_err(|error| {
        let code = Error::code_of(error);
        Record::new(server, None, format!("{word} {named}")).note(code);
    })?;
    tell(made, &app, printer);
    let record = Record::new(server, Some(app.clone()), word.to_owned());
    record.watch();
    let without = context::not_for_git();
    let code = serve::git(server, service, &app, Some(&server.by), &without)?;
    // Of a push that came as far as the hook, the hook records the outcome.
    if service == Service::UploadPack || code != DONE {
        record.note(code);
    }
    Ok(code)
}

fn gokku(server: &Server, bound_to: &Path, words: Vec<String>) -> Result<u8, Error> {
    let words = std::iter::once("gokku".to_owned()).chain(words);
    let parsed = Cli::command()
        .try_get_matches_from(words)
        .and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help, a version, or what is wrong with the words.
            let _ = error.print();
            let code = u8::try_from(error.exit_code()).unwrap_or(FAILED);
            Record::new(server, None, "gokku".to_owned()).note(code);
            return Ok(code);
        }
    };
    check_options(server, bound_to, &cli, &matches)?;
    let words = reach::words(&cli.command);
    if !server.access.permits(reach::of(&cli.command)) {
        let why = format!("`gokku {words}` is not for this key");
        return Err(deny(server, words, &why));
    }
    let (app, unknown) = app(server, &cli);
    let record = Record::new(server, app, words + &unknown);
    // A program in a container is ended by whoever waits for it.
    if !matches!(cli.command, Command::Run { .. } | Command::Exec { .. }) {
        record.watch();
    }
    let printer = Printer::new(&cli.options);
    greet(&cli, printer);
    let code = run_on(server, &cli, printer).unwrap_or_else(|error| {
        printer.error(&error);
        error.code
    });
    record.note(code);
    Ok(code)
}

/// The server is the one the key is bound to, and its engine is the server's.
fn check_options(server: &Server, bound_to: &Path, cli: &Cli, matches: &ArgMatches) -> Result<(), Error> {
    let given = |option: &str| matches.value_source(option) == Some(ValueSource::CommandLine);
    if given("docker_host") {
        return Err(deny(
            server,
            "--docker-host".to_owned(),
            "the Docker Engine is the server's to choose",
        ));
    }
    // As it is, and not where it leads: whether the way there is one would tell what there is on this machine.
    if given("root")
        && cli.options.root.as_path() != server.root.path()
        && cli.options.root.as_path() != bound_to
    {
        return Err(deny(
            server,
            "--root".to_owned(),
            "this key is for another folder",
        ));
    }
    Ok(())
}

/// The app that a command is about, for the record, or else what was named in its place.
fn app(server: &Server, cli: &Cli) -> (Option<AppName>, String) {
    let named = match &cli.command {
        Command::Apps(Apps::Create { name, .. } | Apps::Destroy { name, .. }) => Some(name),
        _ => cli.options.as_app.as_ref().or(cli.options.app.as_ref()),
    };
    let named = named.and_then(|name| name.parse::<AppName>().ok());
    let Some(named) = named else {
        return (None, String::new());
    };
    match apps::find(server, &named) {
        Ok(Some(app)) => (Some(app), String::new()),
        _ if matches!(cli.command, Command::Apps(_)) => {
            (server.access.allows(&named).then_some(named), String::new())
        }
        _ => (None, format!(" -a {named}")),
    }
}

/// The record of one command: written once, when it ends, however it does.
#[derive(Clone)]
struct Record(Arc<Inner>);

struct Inner {
    server: Server,
    app: Option<AppName>,
    command: String,
    noted: AtomicBool,
}

impl Record {
    fn new(server: &Server, app: Option<AppName>, command: String) -> Self {
        Self(Arc::new(Inner {
            server: server.clone(),
            app,
            command,
            noted: AtomicBool::new(false),
        }))
    }

    fn note(&self, code: u8) {
        let Inner {
            server,
            app,
            command,
            noted,
        } = &*self.0;
        if !noted.swap(true, Ordering::SeqCst) {
            let command = command.clone();
            let change = Change::Commanded { command, code };
            audit_log::note(&server.root, &server.by, app.as_ref(), change);
        }
    }

    /// Writes it also when the other side hangs up or interrupts, which ends this process. Without this a command could be
    /// kept out of the record.
    fn watch(&self) {
        let record = self.clone();
        std::thread::spawn(move || {
            let ended = super::wait(async {
                let listen = |kind| signal(kind).map_err(|error| Error::failed(error.to_string()));
                let mut hangup = listen(SignalKind::hangup())?;
                let mut interrupt = listen(SignalKind::interrupt())?;
                let mut terminate = listen(SignalKind::terminate())?;
                tokio::select! {
                    _ = hangup.recv() => Ok(129),
                    _ = interrupt.recv() => Ok(130),
                    _ = terminate.recv() => Ok(143),
                }
            });
            if let Ok(code) = ended {
                record.note(code);
                std::process::exit(code.into());
            }
        });
    }
}
