//! `gokku entry`: what sshd runs for a key, whatever was asked for. It is understood here, done as that key, and recorded.
//! No shell sees it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches};
use gokku_core::access::domain_grants::DomainGrants;
use gokku_core::access::key_name::KeyNameError;
use gokku_core::access::ssh_command::{self, Asked, EntryError, Service};
use gokku_core::app::name::NameError;
use gokku_core::domains::name::DomainNameError;
use gokku_core::logs::audit::Change;
use gokku_core::{Access, AppName, Asker, KeyName};
use gokku_server::Server;
use gokku_server::app::apps;
use gokku_server::command::serve;
use gokku_server::record::audit_log;
use tokio::signal::unix::{SignalKind, signal};

use super::git_pack::tell_made;
use super::{Run, wait, welcome_client};
use crate::cli::Cli;
use crate::context::Context;
use crate::environment;
use crate::error::{DONE, Error, FAILED, HUNG_UP, INTERRUPTED, TERMINATED};
use crate::printer::Printer;
use crate::spec::{AppFrom, Io, Spec};

/// What sshd runs for a key
#[derive(Debug, Args)]
pub(crate) struct SshEntryArgs {
    /// The key's name
    #[arg(long, value_name = "NAME")]
    key: String,
    /// The apps it is limited to
    #[arg(id = "app", long = "app", value_name = "APP")]
    apps: Vec<String>,
    /// The domains that it may give to them
    #[arg(id = "domain", long = "domain", value_name = "DOMAIN")]
    domains: Vec<String>,
}

impl Run for SshEntryArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::internal("entry")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let server = &self.server_as_key(context.server()?)?;
        match ssh_command::parse(&environment::ssh_command(), &server.root.label()) {
            Ok(Asked::Git { service, app }) => git(server, service, &app, context.printer),
            // The folder as the key's line names it.
            Ok(Asked::Gokku(words)) => gokku(server, &context.options.root, words),
            Err(error) => Err(refused(server, error)),
        }
    }
}

impl SshEntryArgs {
    /// Returns the server as the key may use it.
    fn server_as_key(&self, server: &Server) -> Result<Server, Error> {
        let wrong = |error: Error| error.about("this key's line in authorized_keys is damaged");
        let key: KeyName = self
            .key
            .parse()
            .map_err(|error: KeyNameError| wrong(error.into()))?;
        let apps: Result<Vec<AppName>, _> = self.apps.iter().map(|app| app.parse()).collect();
        let apps = apps.map_err(|error: NameError| wrong(error.into()))?;
        let domains: Result<DomainGrants, _> = self.domains.iter().map(|domain| domain.parse()).collect();
        let domains = domains.map_err(|error: DomainNameError| wrong(error.into()))?;
        Ok(Server {
            domains,
            by: key.to_string(),
            access: Access::of(apps),
            asker: Asker::Key,
            ..server.clone()
        })
    }
}

/// Says what a key is for.
fn purpose(server: &Server) -> String {
    format!(
        "The key {} is for `git push` and `gokku` commands, to {}; `ssh HOST gokku --help` shows them",
        server.by, server.access
    )
}

fn refused(server: &Server, error: EntryError) -> Error {
    deny(server, error.asked(), Error::failed(error))
}

/// Records what was tried, and says what can be done instead.
fn deny(server: &Server, command: String, error: Error) -> Error {
    audit_log::note(&server.root, &server.by, None, Change::Denied { command });
    error.hint(purpose(server))
}

fn git(server: &Server, service: Service, named: &AppName, printer: Printer) -> Result<u8, Error> {
    let word = match service {
        Service::ReceivePack => "push",
        Service::UploadPack => "fetch",
    };
    let (app, made) = serve::app(server, service, named)
        .map_err(Error::from)
        .inspect_err(|error| {
            Record::new(server, None, format!("{word} {named}")).note(error.exit_code());
        })?;
    if made {
        tell_made(&app, printer);
    }
    let record = Record::new(server, Some(app.clone()), word.to_owned());
    record.watch();
    let hidden = environment::hidden_from_git();
    let code = serve::git(server, service, &app, Some(&server.by), &hidden)?;
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
    let command = cli.command.inner();
    let spec = command.spec();
    if !server.access.permits(spec.reach) {
        let why = Error::failed(format!("`gokku {}` is not for this key", spec.audit));
        return Err(deny(server, spec.audit, why));
    }
    let (app, unknown) = app(server, &cli, &spec);
    let record = Record::new(server, app, format!("{}{unknown}", spec.audit));
    // A program in a container is ended by whoever waits for it.
    if spec.io != Io::Program {
        record.watch();
    }
    let printer = Printer::new(&cli.options);
    welcome_client(&spec, &cli.options, printer);
    let context = Context::on(server.clone(), &cli.options, printer);
    let code = command.run(&context).unwrap_or_else(|error| {
        printer.error(&error);
        error.exit_code()
    });
    record.note(code);
    Ok(code)
}

/// Refuses another server than the one the key is bound to, and another engine than the server's.
fn check_options(server: &Server, bound_to: &Path, cli: &Cli, matches: &ArgMatches) -> Result<(), Error> {
    let given = |option: &str| matches.value_source(option) == Some(ValueSource::CommandLine);
    if given("docker_host") {
        return Err(deny(
            server,
            "--docker-host".to_owned(),
            Error::failed("the Docker Engine is the server's to choose"),
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
            Error::failed("this key is for another folder"),
        ));
    }
    Ok(())
}

/// Returns the app that a command is about, for the record, or else what was named in its place.
fn app(server: &Server, cli: &Cli, spec: &Spec) -> (Option<AppName>, String) {
    let named = match spec.app {
        AppFrom::Argument(name) => Some(name),
        AppFrom::Option | AppFrom::KeyLimit => cli.options.named_app(),
    };
    let named = named.and_then(|name| name.parse::<AppName>().ok());
    let Some(named) = named else {
        return (None, String::new());
    };
    match (apps::find(server, &named), spec.app) {
        (Ok(Some(app)), _) => (Some(app), String::new()),
        (_, AppFrom::Argument(_)) => (server.access.allows(&named).then_some(named), String::new()),
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
            let ended = wait(async {
                let listen = |kind| signal(kind).map_err(Error::failed);
                let mut hangup = listen(SignalKind::hangup())?;
                let mut interrupt = listen(SignalKind::interrupt())?;
                let mut terminate = listen(SignalKind::terminate())?;
                tokio::select! {
                    _ = hangup.recv() => Ok(HUNG_UP),
                    _ = interrupt.recv() => Ok(INTERRUPTED),
                    _ = terminate.recv() => Ok(TERMINATED),
                }
            });
            if let Ok(code) = ended {
                record.note(code);
                std::process::exit(code.into());
            }
        });
    }
}
