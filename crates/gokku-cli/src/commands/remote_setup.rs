//! `gokku remote setup` and `gokku remote teardown`: a machine becomes a server, and is none any more.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::Path;
use std::process::Stdio;

use gokku_remote::setup::facts::Facts;
use gokku_remote::setup::{
    DesiredServer, Machine, Program, Refusal, ServerRoot, Step, install_layout, machine, plan, teardown,
};
use gokku_remote::ssh::{self, Ssh};

use crate::cli::{Setup, Teardown, There};
use crate::context;
use crate::elsewhere;
use crate::error::{DONE, Error, FAILED};
use crate::printer::{Look, Printer};

/// A machine, what is so there, and what is wanted.
struct Site {
    ssh: Ssh,
    machine: Machine,
    facts: Facts,
    desired: DesiredServer,
}

impl Site {
    fn reach(there: &There, root: &Path, printer: Printer) -> Result<Self, Error> {
        let root = ServerRoot::new(root).map_err(|error| Error::usage(error.to_string()))?;
        let program = Program::this(&context::program()?, env!("CARGO_PKG_VERSION"))
            .map_err(|error| Error::failed(error.to_string()))?;
        let mut ssh = Ssh::to(elsewhere::destination(&there.server)?);
        if let Some(identity) = &there.identity {
            ssh = ssh.with_option("-i").with_option(identity.clone());
        }
        let machine = Machine::reach(ssh.clone(), root.clone())?;
        let facts = machine.facts()?;
        printer.note(Look::Plain, &format!("{}: {}", there.server, facts.summary()));
        Ok(Self {
            ssh,
            machine,
            facts,
            desired: DesiredServer { root, program },
        })
    }

    fn refused(&self, refusal: &Refusal) -> Error {
        Error::failed(format!("{} was left as it is: {refusal}", self.ssh.destination()))
    }

    /// Does the steps, telling of each before it begins, and sees that `missing` are none afterwards.
    fn perform(
        &self,
        steps: &[Step],
        missing: impl Fn(&Facts) -> Result<Vec<Step>, Refusal>,
        printer: Printer,
    ) -> Result<Facts, Error> {
        for step in steps {
            tell(step, false, printer);
            self.machine.perform(step, &self.desired.program)?;
        }
        let facts = self.machine.facts()?;
        let left = missing(&facts).map_err(|refusal| self.refused(&refusal))?;
        if left.is_empty() {
            return Ok(facts);
        }
        let titles: Vec<String> = left.into_iter().map(|step| step.title).collect();
        Err(machine::Error::NotHeld(titles.join(", ")).into())
    }
}

pub(super) fn set_up(setup: &Setup, root: &Path, printer: Printer) -> Result<u8, Error> {
    let there = &setup.there;
    let site = Site::reach(there, root, printer)?;
    let missing = |facts: &Facts| plan::plan(facts, &site.desired);
    let steps = missing(&site.facts).map_err(|refusal| site.refused(&refusal))?;
    if there.dry_run {
        return Ok(show(&steps, printer));
    }
    let facts = if steps.is_empty() {
        printer.note(Look::Plain, "Nothing to do: it is set up.");
        site.facts.clone()
    } else {
        site.perform(&steps, missing, printer)?
    };
    for note in plan::notes(&facts, &site.desired.root) {
        printer.note(Look::Plain, &note);
    }
    let code = examine(&site, printer)?;
    if code != DONE {
        return Err(Error {
            code: FAILED,
            message: format!(
                "everything was done, and `gokku doctor` there is not content: do what it says, then run this again. It shows the same with `gokku doctor --remote {}`",
                there.server
            ),
        });
    }
    if let Some(identity) = &there.identity {
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
            there.server
        ),
    );
    Ok(DONE)
}

/// What the server says of itself, to whoever will use it.
fn examine(site: &Site, printer: Printer) -> Result<u8, Error> {
    printer.note(Look::Heading, "-----> Check");
    // A connection that others share was made before this user was let in, and does not know of it.
    let ssh = site.ssh.clone().with_option("-o").with_option("ControlPath=none");
    let words = [
        install_layout::PROGRAM,
        "--root",
        site.desired.root.as_str(),
        "doctor",
    ]
    .map(OsString::from);
    let mut call = ssh.call(&words, false)?;
    let command = call.command.stdin(Stdio::null());
    let status = command.status().map_err(ssh::Error::NoSsh)?;
    Ok(call.check(status, false)?)
}

pub(super) fn take_down(teardown: &Teardown, root: &Path, printer: Printer) -> Result<u8, Error> {
    let there = &teardown.there;
    let data = teardown.data;
    let site = Site::reach(there, root, printer)?;
    let missing = |facts: &Facts| teardown::plan(facts, &site.desired, data);
    let steps = missing(&site.facts).map_err(|refusal| site.refused(&refusal))?;
    if there.dry_run {
        return Ok(show(&steps, printer));
    }
    if steps.is_empty() {
        printer.note(Look::Plain, "Nothing to do: nothing of setup's is left.");
    } else {
        if !teardown.yes {
            ask(&steps, site.ssh.destination().host(), printer)?;
        }
        site.perform(&steps, missing, printer)?;
    }
    for note in teardown::notes(&site.facts, &site.desired, data) {
        printer.note(Look::Plain, &note);
    }
    printer.note(Look::Good, "Done.");
    Ok(DONE)
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

fn show(steps: &[Step], printer: Printer) -> u8 {
    for step in steps {
        tell(step, true, printer);
    }
    let words = if steps.is_empty() {
        "Nothing to do."
    } else {
        "Nothing was changed: this was a dry run."
    };
    printer.note(Look::Plain, words);
    DONE
}

fn tell(step: &Step, with_commands: bool, printer: Printer) {
    printer.note(Look::Heading, &format!("-----> {}", step.title));
    for change in &step.changes {
        printer.note(Look::Plain, &format!("       {change}"));
    }
    if with_commands {
        for line in step.script.lines() {
            printer.note(Look::Dim, &format!("         {line}"));
        }
    }
}

impl From<machine::Error> for Error {
    fn from(error: machine::Error) -> Self {
        match error {
            machine::Error::Ssh(error) => error.into(),
            error => Self::failed(error.to_string()),
        }
    }
}
