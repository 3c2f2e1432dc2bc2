//! `gokku ps restart`: the containers of a process are restarted, one after the other.

use clap::Args;
use gokku_core::ProcessType;
use gokku_server::command::ps;
use gokku_server::worker::request::Operation;

use crate::commands::{Run, transition, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::Look;
use crate::spec::{Spec, words};

/// Restart the containers of a process, one after the other; web, and the whole app when no process is named, as
/// `gokku restart` does
#[derive(Debug, Args)]
pub(crate) struct RestartArgs {
    /// The process
    process: Option<String>,
}

impl Run for RestartArgs {
    fn spec(&self) -> Spec<'_> {
        let process = self.process.as_ref();
        let known = process.and_then(|process| process.parse::<ProcessType>().ok());
        Spec::of_apps(words("ps restart", known))
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let server = context.server()?;
        let app = context.app()?;
        let process: Option<ProcessType> = self.process.as_deref().map(str::parse).transpose()?;
        // What has the traffic is not restarted in its place: a new container takes it over first.
        let Some(process) = process.filter(|process| !process.is_web()) else {
            return transition::run(context, &app, Operation::Restart);
        };
        let restarted = wait(async { Ok(ps::restart(server, &app, &process).await?) })?;
        let line = format!("Restarted: {restarted} of {process}.");
        context.printer.note(Look::Plain, &line);
        Ok(DONE)
    }
}
