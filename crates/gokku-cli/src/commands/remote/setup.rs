//! `gokku remote setup`: a machine becomes a server.

use std::ffi::OsString;
use std::process::Stdio;

use clap::Args;
use gokku_remote::setup::facts::Facts;
use gokku_remote::setup::{install_layout, plan};
use gokku_remote::ssh;

use super::host::{Host, HostArgs, show};
use crate::commands::Run;
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::{Look, Printer};
use crate::spec::Spec;

/// Set a machine up as a server: Docker, gokku, its user, its folder and its service, whatever of these is missing
#[derive(Debug, Args)]
pub(crate) struct SetupArgs {
    #[command(flatten)]
    host: HostArgs,
}

impl Run for SetupArgs {
    fn spec(&self) -> Spec<'_> {
        super::spec()
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (args, printer) = (&self.host, context.printer);
        let host = Host::reach(args, &context.options.root, printer)?;
        let missing = |facts: &Facts| plan::plan(facts, &host.desired);
        let steps = missing(&host.facts).map_err(|refusal| host.refused(refusal))?;
        if args.dry_run {
            return Ok(show(&steps, printer));
        }
        let facts = if steps.is_empty() {
            printer.note(Look::Plain, "Nothing to do: it is set up.");
            host.facts.clone()
        } else {
            host.perform(&steps, missing, printer)?
        };
        for note in plan::notes(&facts, &host.desired.root) {
            printer.note(Look::Plain, &note);
        }
        if examine(&host, printer)? != DONE {
            return Err(Error::failed(
                "every step was done, but `gokku doctor` there still finds something missing: do what it says, then run this again",
            )
            .hint(format!(
                "It shows the same with `gokku doctor --remote {}`",
                args.server
            )));
        }
        tell_next(args, printer);
        Ok(DONE)
    }
}

/// Has the server say what it thinks of itself, to whoever will use it.
fn examine(host: &Host, printer: Printer) -> Result<u8, Error> {
    printer.note(Look::Heading, "-----> Check");
    // A connection that others share was made before this user was let in, and does not know of it.
    let ssh = host.ssh.clone().with_option("-o").with_option("ControlPath=none");
    let root = host.desired.root.as_str();
    let words = [install_layout::PROGRAM, "--root", root, "doctor"].map(OsString::from);
    let mut call = ssh.call(&words, false)?;
    let command = call.command.stdin(Stdio::null());
    let status = command.status().map_err(ssh::Error::NoSsh)?;
    Ok(call.check(status, false)?)
}

/// Tells what comes next.
fn tell_next(args: &HostArgs, printer: Printer) {
    if let Some(identity) = &args.identity {
        let words = format!(
            "git has to find that key by itself: put it into ~/.ssh/config, as IdentityFile {}",
            identity.display()
        );
        printer.note(Look::Plain, &words);
    }
    printer.note(Look::Good, "Done. Next, in your project's folder:");
    printer.note(
        Look::Plain,
        &format!(
            "  gokku remote add api-production {}\n  git push api-production main",
            args.server
        ),
    );
}
