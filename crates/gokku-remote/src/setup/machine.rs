//! Reaches the machine that is set up or taken down: asks what is there and performs steps, over ssh.

use std::fs;
use std::io;

use super::fact_lines::{FactsError, mark};
use super::facts::{self, FACTS, Facts, PROBE, User};
use super::program::Program;
use super::server_root::ServerRoot;
use super::step::Step;
use crate::ssh::{self, Ssh};

/// How many of a failed step's last lines the error has.
const LINES_TOLD: usize = 12;

/// A machine, and the user who asks there.
#[derive(Clone, Debug)]
pub struct Machine {
    ssh: Ssh,
    root: ServerRoot,
    user: User,
    probed: String,
    mark: String,
}

/// Why a machine could not be asked, or a step not be performed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine was not reached.
    #[error(transparent)]
    Ssh(#[from] ssh::Error),
    /// Its answer was not understood.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// The program could not be read to be sent.
    #[error("this program could not be read to be copied: {0}")]
    Program(#[source] io::Error),
    /// A step failed.
    #[error(
        "{title:?} was tried and failed: {words}. What was done before it stays. Mend that and run this again: it goes on from there"
    )]
    Step {
        /// The step's title.
        title: String,
        /// What its commands printed last.
        words: String,
    },
    /// Every step was performed, and still something is missing.
    #[error(
        "every step was done, and these did not hold: {0}. `--dry-run` shows their commands: run them there by hand to see why"
    )]
    NotHeld(String),
}

impl Machine {
    /// Reaches a machine and asks who this user is there.
    pub fn reach(ssh: Ssh, root: ServerRoot) -> Result<Self, Error> {
        let mark = mark();
        let said = ssh.output(&["sh", "-s", "--", &mark], PROBE.as_bytes())?;
        let probed = String::from_utf8_lossy(&said.stdout).into_owned();
        Ok(Self {
            user: facts::user(&probed, &mark)?,
            ssh,
            root,
            probed,
            mark,
        })
    }

    /// Asks what there is.
    pub fn facts(&self) -> Result<Facts, Error> {
        let words = self.as_root(&["sh", "-s", "--", self.root.as_str(), &self.user.name, &self.mark]);
        let said = self.ssh.output(&words, FACTS.as_bytes())?;
        let printed = format!("{}\n{}", self.probed, String::from_utf8_lossy(&said.stdout));
        Ok(Facts::parse(&printed, &self.mark)?)
    }

    /// Performs a step.
    pub fn perform(&self, step: &Step, program: &Program) -> Result<(), Error> {
        let said = if step.sends_program {
            let bytes = fs::read(&program.path).map_err(Error::Program)?;
            self.ssh
                .output(&self.as_root(&["sh", "-euc", &step.script]), &bytes)?
        } else {
            // Read whole before it begins, and nothing in it reads what is meant for the shell.
            let script = format!("{{\n{}}} </dev/null\n", step.script);
            self.ssh
                .output(&self.as_root(&["sh", "-eu"]), script.as_bytes())?
        };
        if said.status.success() {
            return Ok(());
        }
        let text = [said.stdout, said.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let lines: Vec<&str> = text
            .iter()
            .flat_map(|text| text.lines())
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let words = lines[lines.len().saturating_sub(LINES_TOLD)..].join("; ");
        Err(Error::Step {
            title: step.title.clone(),
            words: if words.is_empty() {
                said.status.to_string()
            } else {
                words
            },
        })
    }

    fn as_root<'a>(&self, words: &[&'a str]) -> Vec<&'a str> {
        let sudo = !self.user.is_root && self.user.refusal.is_none();
        let prefix: &[&str] = if sudo { &["sudo", "-n"] } else { &[] };
        prefix.iter().chain(words).copied().collect()
    }
}
