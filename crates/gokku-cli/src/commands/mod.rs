//! The commands, a file for each.

mod apps;
mod completion;
mod config;
mod deploy;
mod doctor;
mod events;
mod hook;
mod inside;
mod logs;
mod proxy;
mod releases;
mod status;
mod transition;
mod worker;

use std::future::Future;

use gokku_server::request::Ask;

use crate::cli::{Cli, Command};
use crate::context;
use crate::error::Error;
use crate::printer::Printer;

/// Runs what was typed; gives the exit code.
pub(crate) fn run(cli: &Cli, printer: Printer) -> Result<u8, Error> {
    let options = &cli.options;
    if let Command::Completion { shell } = &cli.command {
        return Ok(completion::run(*shell));
    }
    let server = context::server(options)?;
    match &cli.command {
        Command::Apps(apps) => apps::run(&server, apps, printer),
        Command::Config(config) => config::run(&server, &context::app(&server, options)?, config, printer),
        Command::Deploy {
            abort: Some(which), ..
        } => deploy::abort(
            &server,
            &context::app(&server, options)?,
            which.as_deref(),
            printer,
        ),
        Command::Deploy { attach: true, .. } => {
            deploy::attach(&server, &context::app(&server, options)?, printer)
        }
        Command::Deploy { .. } => deploy::again(&server, &context::app(&server, options)?, printer),
        Command::Rollback { release } => {
            let release = release.as_deref().map(str::parse).transpose();
            let release = release
                .map_err(|error: gokku_core::release_id::ReleaseIdError| Error::usage(error.to_string()))?;
            transition::run(
                &server,
                &context::app(&server, options)?,
                Ask::Rollback { release },
                printer,
            )
        }
        Command::Restart => transition::run(&server, &context::app(&server, options)?, Ask::Restart, printer),
        Command::Stop => transition::run(&server, &context::app(&server, options)?, Ask::Stop, printer),
        Command::Start => transition::start(&server, &context::app(&server, options)?, printer),
        Command::Releases => releases::run(&server, &context::app(&server, options)?, printer),
        Command::Status => status::run(&server, options, printer),
        Command::Logs(which) => logs::run(&server, &context::app(&server, options)?, which, printer),
        Command::Events { follow, lines } => events::run(&server, options, *follow, *lines, printer),
        Command::Run { command } => inside::run(&server, &context::app(&server, options)?, command),
        Command::Exec { command } => inside::exec(&server, &context::app(&server, options)?, command),
        Command::Proxy(proxy) => proxy::run(&server, proxy, printer),
        Command::Doctor => doctor::run(&server, printer),
        Command::Worker => worker::run(&server),
        Command::Hook(_) => hook::run(&server, &context::app(&server, options)?, printer),
        Command::Completion { .. } => Ok(0),
    }
}

/// Runs what has to wait, on this thread: most commands need no more.
fn wait<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .map_err(|error| Error::failed(error.to_string()))?
        .block_on(future)
}
