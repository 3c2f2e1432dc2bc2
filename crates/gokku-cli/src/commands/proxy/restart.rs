//! `gokku proxy restart`: a new daemon takes the running one's place.

use clap::Args;
use gokku_core::access::scope::Reach;
use gokku_server::daemon::upgrade::{self, Progress};

use crate::commands::{Run, wait};
use crate::context::Context;
use crate::environment;
use crate::error::{DONE, Error};
use crate::printer::Look;
use crate::spec::Spec;

/// Replace the traffic switch with a new one, of this program's version; nobody is refused meanwhile
#[derive(Debug, Args)]
pub(crate) struct RestartArgs {}

impl Run for RestartArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_server("proxy restart", Reach::Within)
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, printer) = (context.server()?, context.printer);
        let caller = environment::service_manager();
        let mut tell = |progress: Progress| {
            let line = match progress {
                Progress::Waits(app, Some(holder)) => format!("waiting for {app}: {holder}"),
                Progress::Waits(app, None) => format!("waiting for {app}, which is busy"),
                Progress::Serves { new, old } => {
                    format!("process {new} serves; process {old} answers its last requests")
                }
            };
            printer.note(Look::Plain, &line);
        };
        let process = wait(async { Ok(upgrade::replace(server, &caller, &mut tell).await?) })?;
        printer.result(&format!("the traffic switch is process {process}"));
        Ok(DONE)
    }
}
