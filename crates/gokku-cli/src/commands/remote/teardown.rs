//! `gokku remote teardown`: a machine is a server no longer.

use std::io::IsTerminal;

use clap::Args;
use gokku_remote::setup::facts::Facts;
use gokku_remote::setup::{Step, teardown};

use super::host::{Host, HostArgs, show};
use crate::commands::Run;
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::{Look, Printer};
use crate::spec::Spec;

/// Remove from a server what setup has made; the apps' data stays
#[derive(Debug, Args)]
pub(crate) struct TeardownArgs {
    #[command(flatten)]
    host: HostArgs,
    /// Remove the apps' data as well: code, environments, repositories, containers, images
    #[arg(long)]
    data: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

impl Run for TeardownArgs {
    fn spec(&self) -> Spec<'_> {
        super::spec()
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (data, printer) = (self.data, context.printer);
        let host = Host::reach(&self.host, &context.options.root, printer)?;
        let missing = |facts: &Facts| teardown::plan(facts, &host.desired, data);
        let steps = missing(&host.facts).map_err(|refusal| host.refused(refusal))?;
        if self.host.dry_run {
            return Ok(show(&steps, printer));
        }
        if steps.is_empty() {
            printer.note(Look::Plain, "Nothing to do: nothing that setup made is left.");
        } else {
            if !self.yes {
                ask(&steps, host.ssh.destination().host(), printer)?;
            }
            host.perform(&steps, missing, printer)?;
        }
        for note in teardown::notes(&host.facts, &host.desired, data) {
            printer.note(Look::Plain, &note);
        }
        printer.note(Look::Good, "Done.");
        Ok(DONE)
    }
}

/// Has the host's name typed, after all that would go was shown.
fn ask(steps: &[Step], host: &str, printer: Printer) -> Result<(), Error> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::usage(
            "this takes a server down: look at it with --dry-run, then say so with --yes",
        ));
    }
    for change in steps.iter().flat_map(|step| &step.changes) {
        printer.alert(Look::Plain, &format!("       {change}"));
    }
    let question = format!("This is done on {host}. Type that name to go on:");
    if printer.has_typed(&question, host)? {
        Ok(())
    } else {
        Err(Error::usage("nothing was changed"))
    }
}
