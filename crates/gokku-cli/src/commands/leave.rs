//! `gokku leave`: the containers' part of taking a server down. `gokku remote teardown` runs it there.

use clap::Args;
use gokku_server::command::teardown;

use super::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::Look;
use crate::spec::Spec;

/// Stops what the engine has of this server, or removes it
#[derive(Debug, Args)]
pub(crate) struct LeaveArgs {
    /// Containers, images and the network go
    #[arg(long)]
    data: bool,
}

impl Run for LeaveArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::internal("leave")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, printer) = (context.server()?, context.printer);
        let left = wait(async { Ok(teardown::leave(server, self.data).await?) })?;
        if printer.json {
            printer.facts(&left)?;
        }
        let verb = if self.data { "removed" } else { "stopped" };
        let words = format!(
            "{} containers {verb}, {} images removed",
            left.containers, left.images
        );
        printer.note(Look::Plain, &words);
        if !left.volumes.is_empty() {
            let words = format!(
                "The apps' volumes stay: `docker volume rm {}` removes them",
                left.volumes.join(" ")
            );
            printer.note(Look::Plain, &words);
        }
        if let Some(why) = &left.firewall {
            let words = format!(
                "The firewall's rule between networks stays ({why}): `iptables -t mangle -S` shows it, and it ends with the next start of the machine"
            );
            printer.note(Look::Plain, &words);
        }
        Ok(DONE)
    }
}
