//! The commands, a file for each.

mod apps;
mod build;
mod completion;
mod config;
mod deploy;
mod doctor;
mod entry;
mod events;
mod hook;
mod inside;
mod keys;
mod leave;
pub(crate) mod logs;
mod proxy;
mod prune;
mod ps;
mod reach;
mod registry;
mod releases;
mod remote;
mod remote_setup;
mod serve;
mod status;
mod transition;
mod worker;

use std::future::Future;

use gokku_core::access::ssh_command::Service;
use gokku_server::Server;
use gokku_server::worker::request::Operation;

use crate::cli::{Cli, Command, Config};
use crate::context;
use crate::error::Error;
use crate::hang_up;
use crate::printer::{Look, Printer};

/// Runs what was typed; gives the exit code.
pub(crate) fn run(cli: &Cli, printer: Printer) -> Result<u8, Error> {
    let options = &cli.options;
    if let Command::Completion { shell } = &cli.command {
        return Ok(completion::run(*shell));
    }
    if let Command::Remote(remote) = &cli.command {
        return remote::run(remote, options, printer);
    }
    if let Command::Config(Config::Check { file }) = &cli.command {
        return config::check(file, printer);
    }
    let server = context::server(options)?;
    match &cli.command {
        Command::Entry { key, apps } => entry::run(&server, &options.root, key, apps, printer),
        _ => run_on(&server, cli, printer),
    }
}

/// What another gokku, which has this run here, is told and promised before its command.
pub(crate) fn greet(cli: &Cli, printer: Printer) {
    if let Some(client) = &cli.options.client {
        // What changes a file, and then what runs, does both: it ends by itself, and soon.
        let changes_both = matches!(
            cli.command,
            Command::Config(_) | Command::Apps(_) | Command::Keys(_)
        );
        if !changes_both {
            hang_up::watch();
        }
        if let Some(difference) = client.difference(env!("CARGO_PKG_VERSION")) {
            printer.note(Look::Plain, &difference);
        }
    }
}

/// Runs it on a server, as whoever that server says.
fn run_on(server: &Server, cli: &Cli, printer: Printer) -> Result<u8, Error> {
    let options = &cli.options;
    match &cli.command {
        Command::Apps(apps) => apps::run(server, apps, printer),
        Command::Config(config) => config::run(server, &context::app(server, options)?, config, printer),
        Command::Deploy {
            abort: Some(which), ..
        } => deploy::abort(server, &context::app(server, options)?, which.as_deref(), printer),
        Command::Deploy { attach: true, .. } => {
            deploy::attach(server, &context::app(server, options)?, printer)
        }
        Command::Deploy {
            image: Some(image), ..
        } => deploy::image(server, &context::app(server, options)?, image, printer),
        Command::Deploy { rebuild, .. } => {
            deploy::again(server, &context::app(server, options)?, *rebuild, printer)
        }
        Command::Build { .. } => build::print(server, &context::app(server, options)?),
        Command::Rollback { release } => {
            let release = release.as_deref().map(str::parse).transpose();
            let release = release.map_err(|error: gokku_core::app::release_id::ReleaseIdError| {
                Error::usage(error.to_string())
            })?;
            transition::run(
                server,
                &context::app(server, options)?,
                Operation::Rollback { release },
                printer,
            )
        }
        Command::Restart => transition::run(
            server,
            &context::app(server, options)?,
            Operation::Restart,
            printer,
        ),
        Command::Stop => transition::run(server, &context::app(server, options)?, Operation::Stop, printer),
        Command::Ps(what) => ps::run(server, &context::app(server, options)?, what, printer),
        Command::Start => transition::start(server, &context::app(server, options)?, printer),
        Command::Releases => releases::run(server, &context::app(server, options)?, printer),
        Command::Status => status::run(server, options, printer),
        Command::Logs(logs) => logs::run(server, options, logs, printer),
        Command::Events { follow, lines } => events::run(server, options, *follow, *lines, printer),
        Command::Run { command } => inside::run(server, &context::app(server, options)?, command),
        Command::Exec { command } => inside::exec(server, &context::app(server, options)?, command),
        Command::Proxy(proxy) => proxy::run(server, proxy, printer),
        Command::Prune { dry_run } => prune::run(server, options, *dry_run, printer),
        Command::Doctor => doctor::run(server, printer),
        Command::Worker => worker::run(server),
        Command::Leave { data } => leave::run(server, *data, printer),
        Command::Hook(which) => hook::run(server, &context::app(server, options)?, which, printer),
        Command::Registry(registry) => registry::run(server, registry, printer),
        Command::Keys(keys) => keys::run(server, keys, printer),
        Command::ReceivePack { path } => serve::run(server, Service::ReceivePack, path, printer),
        Command::UploadPack { path } => serve::run(server, Service::UploadPack, path, printer),
        Command::Completion { shell } => Ok(completion::run(*shell)),
        Command::Remote(remote) => remote::run(remote, options, printer),
        Command::Entry { .. } => Err(Error::usage("sshd runs this for a key, and nobody else")),
    }
}

/// Runs what has to wait, on this thread: most commands need no more.
fn wait<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .map_err(|error| Error::failed(error.to_string()))?
        .block_on(future)
}
