//! Reaches the machine that is set up or taken down, and performs the steps on it.

use std::path::{Path, PathBuf};

use clap::Args;
use gokku_remote::setup::facts::Facts;
use gokku_remote::setup::{DesiredServer, Machine, Program, Refusal, ServerRoot, Step, machine};
use gokku_remote::ssh::{Destination, Ssh};

use crate::environment;
use crate::error::{DONE, Error};
use crate::printer::{Look, Printer};

/// How a machine is reached that is set up or taken down.
#[derive(Debug, Args)]
pub(crate) struct HostArgs {
    /// The machine; the user is root, or may use sudo without a password
    #[arg(value_name = "USER@HOST[:PORT]")]
    pub(super) server: String,
    /// The private key to use; by default those that ssh knows
    #[arg(short, long, value_name = "FILE")]
    pub(super) identity: Option<PathBuf>,
    /// Show each step with its commands, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// A machine, what there is, and what is wanted.
pub(super) struct Host {
    pub(super) ssh: Ssh,
    machine: Machine,
    pub(super) facts: Facts,
    pub(super) desired: DesiredServer,
}

impl Host {
    /// Reaches a machine and looks at it.
    pub(super) fn reach(host: &HostArgs, root: &Path, printer: Printer) -> Result<Self, Error> {
        let root = ServerRoot::new(root)?;
        let program = Program::this(&environment::program()?, env!("CARGO_PKG_VERSION"))?;
        let mut ssh = Ssh::to(host.server.parse::<Destination>()?);
        if let Some(identity) = &host.identity {
            ssh = ssh.with_option("-i").with_option(identity.clone());
        }
        let machine = Machine::reach(ssh.clone(), root.clone())?;
        let facts = machine.facts()?;
        printer.note(Look::Plain, &format!("{}: {}", host.server, facts.summary()));
        Ok(Self {
            ssh,
            machine,
            facts,
            desired: DesiredServer { root, program },
        })
    }

    /// Returns the error for a machine on which nothing is done.
    pub(super) fn refused(&self, refusal: Refusal) -> Error {
        Error::failed(refusal).about(format!("{} was left as it is", self.ssh.destination()))
    }

    /// Performs the steps, telling of each before it begins, and checks that `missing` finds none afterwards.
    pub(super) fn perform(
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
        let left = missing(&facts).map_err(|refusal| self.refused(refusal))?;
        if left.is_empty() {
            return Ok(facts);
        }
        let titles: Vec<String> = left.into_iter().map(|step| step.title).collect();
        Err(machine::Error::NotHeld(titles.join(", ")).into())
    }
}

/// Shows the steps with their commands, and does nothing.
pub(super) fn show(steps: &[Step], printer: Printer) -> u8 {
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

/// Tells of a step.
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
