//! The commands, a file for each and a folder for each group: its arguments, what the program has to know of it, its code.

pub(crate) mod apps;
pub(crate) mod build;
pub(crate) mod certs;
pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod deploy;
pub(crate) mod doctor;
pub(crate) mod domains;
pub(crate) mod events;
pub(crate) mod exec;
pub(crate) mod git_pack;
pub(crate) mod hook;
pub(crate) mod keys;
pub(crate) mod leave;
pub(crate) mod logs;
pub(crate) mod maintenance;
pub(crate) mod proxy;
pub(crate) mod prune;
pub(crate) mod ps;
pub(crate) mod registry;
pub(crate) mod releases;
pub(crate) mod remote;
pub(crate) mod restart;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod ssh_entry;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod worker;

mod release_text;
mod transition;

use std::future::Future;
use std::pin::Pin;

use gokku_remote::ssh::{Exit, Forward};

use crate::cli::Options;
use crate::context::Context;
use crate::disconnect;
use crate::error::Error;
use crate::printer::{Look, Printer};
use crate::spec::{OnDisconnect, Spec};

/// A command: its arguments, as they were typed, can say what it is, and run it.
pub(crate) trait Run {
    /// Says what the program has to know of it before it runs.
    fn spec(&self) -> Spec<'_>;

    /// Runs it where it belongs; returns the exit code.
    fn run(&self, context: &Context) -> Result<u8, Error>;

    /// Has it run on a server; none has the command line sent there as it was typed, which does for nearly all.
    fn run_from_afar(
        &self,
        _options: &Options,
        _forward: &Forward,
        _printer: Printer,
    ) -> Option<Result<Exit, Error>> {
        None
    }
}

/// Tells another gokku, which has a command run here, what it should know, and keeps its connection in view.
pub(crate) fn welcome_client(spec: &Spec, options: &Options, printer: Printer) {
    let Some(client) = &options.client else { return };
    match spec.on_disconnect {
        OnDisconnect::Ends => disconnect::watch(),
        OnDisconnect::Finishes => {}
    }
    if let Some(difference) = client.difference(env!("CARGO_PKG_VERSION")) {
        printer.note(Look::Plain, &difference);
    }
}

/// Runs what has to wait, on this thread: most commands need no more.
fn wait<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut result = None;
    wait_unit(Box::pin(async { result = Some(future.await) }))?;
    result.unwrap_or_else(|| Err(Error::failed("it ended without a result")))
}

/// Runs a future on the one runtime, which is compiled once, and not for each command's.
fn wait_unit(future: Pin<Box<dyn Future<Output = ()> + '_>>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Error::failed)?.block_on(future);
    Ok(())
}
