//! What a release runs: its types of processes, of its `Procfile` and its `gokku.yml`, and how many of each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::app::process_key::{ProcessKey, ProcessType};
use crate::config::gokku_yml::AppConfig;
use crate::config::procfile::{Command, Procfile};

/// The most containers of one type.
pub const MOST: u16 = 100;

/// How many of each type an app is to have, where somebody has said so.
pub type Scale = BTreeMap<ProcessType, u16>;

/// A release's types of processes. There is always `web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processes {
    types: BTreeMap<ProcessType, Kind>,
    /// The migration of its `Procfile`.
    pub release: Option<Command>,
}

/// One type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// What it runs; the image's own command without.
    pub command: Option<Command>,
    /// How many there are while nobody has said otherwise.
    pub count: u16,
    /// Whether an old one may still run when a new one starts.
    pub overlap: bool,
    /// How long it has to stay up to be good; `web` is good when it answers.
    pub stay_up: Duration,
    /// What says in its container that it is good, instead of staying up.
    pub check: Option<Command>,
}

/// Why a release's processes or a scale cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProcessesError {
    /// `gokku.yml` has a type that nobody gives a command.
    #[error("processes.{0} has no command, and there is none in a Procfile: add `command:`")]
    NoCommand(ProcessType),
    /// A scale for a type that the release does not have.
    #[error("there is no process {kind} in the release: there is {}", .known.join(", "))]
    Unknown {
        /// It.
        kind: ProcessType,
        /// Those there are.
        known: Vec<String>,
    },
    /// Nothing at all.
    #[error("no process is left, and an app has at least one: `gokku stop` stops the app")]
    Nothing,
    /// Too many of one type.
    #[error("{kind}={count} cannot be: there are at most {MOST} of one type")]
    TooMany {
        /// It.
        kind: ProcessType,
        /// How many were wanted.
        count: u16,
    },
}

impl Default for Kind {
    /// One, which has to stay up for three seconds.
    fn default() -> Self {
        Self {
            command: None,
            count: 1,
            overlap: true,
            stay_up: Duration::from_secs(3),
            check: None,
        }
    }
}

impl Default for Processes {
    /// `web` alone, with the image's own command.
    fn default() -> Self {
        Self {
            types: BTreeMap::from([(ProcessType::web(), Kind::default())]),
            release: None,
        }
    }
}

impl Processes {
    /// Both files taken together: where both have something of a type, `gokku.yml` counts. Its `entrypoint` and `command`
    /// are of `web`.
    pub fn of(procfile: Procfile, config: &AppConfig) -> Result<Self, ProcessesError> {
        let web_is_said = config.entrypoint.is_some() || config.command.is_some();
        let mut all = Self {
            release: procfile.release,
            ..Self::default()
        };
        for (kind, command) in procfile.processes {
            if kind.is_web() && web_is_said {
                continue;
            }
            all.types.entry(kind).or_default().command = Some(command);
        }
        for (kind, given) in &config.processes {
            let there = all.types.entry(kind.clone()).or_default();
            there.command = given.command.clone().or_else(|| there.command.take());
            there.count = given.count.unwrap_or(there.count);
            there.overlap = given.overlap.unwrap_or(there.overlap);
            there.stay_up = given.stay_up.unwrap_or(there.stay_up);
            there.check.clone_from(&given.check);
            if there.command.is_none() && !kind.is_web() {
                return Err(ProcessesError::NoCommand(kind.clone()));
            }
        }
        all.keys(&Scale::new())?;
        Ok(all)
    }

    /// Each type.
    pub fn types(&self) -> impl Iterator<Item = (&ProcessType, &Kind)> {
        self.types.iter()
    }

    /// One type, if the release has it.
    pub fn get(&self, kind: &ProcessType) -> Option<&Kind> {
        self.types.get(kind)
    }

    /// One type, which the release must have.
    pub fn find(&self, kind: &ProcessType) -> Result<&Kind, ProcessesError> {
        self.get(kind).ok_or_else(|| ProcessesError::Unknown {
            kind: kind.clone(),
            known: self.types.keys().map(ToString::to_string).collect(),
        })
    }

    /// How many there are of a type, with what somebody has said.
    pub fn count(&self, kind: &ProcessType, scale: &Scale) -> u16 {
        let said = scale.get(kind).copied();
        said.or_else(|| self.get(kind).map(|kind| kind.count))
            .unwrap_or(0)
    }

    /// The containers that make up the release, at least one. What was said of a type that it does not have counts when it
    /// has it again.
    pub fn keys(&self, scale: &Scale) -> Result<BTreeSet<ProcessKey>, ProcessesError> {
        let kinds = self.types.keys();
        let keys: BTreeSet<_> = kinds
            .flat_map(|kind| kind.numbered(self.count(kind, scale)))
            .collect();
        if keys.is_empty() {
            return Err(ProcessesError::Nothing);
        }
        Ok(keys)
    }

    /// The types of which two must not run at once.
    pub fn alone(&self) -> BTreeSet<ProcessType> {
        let alone = self.types.iter().filter(|(_, kind)| !kind.overlap);
        alone.map(|(kind, _)| kind.clone()).collect()
    }

    /// A scale that is changed: what is wanted, and of the other types what was said before.
    pub fn scaled(&self, before: &Scale, wanted: &Scale) -> Result<Scale, ProcessesError> {
        let mut scale = before.clone();
        for (kind, count) in wanted {
            self.find(kind)?;
            if *count > MOST {
                return Err(ProcessesError::TooMany {
                    kind: kind.clone(),
                    count: *count,
                });
            }
            scale.insert(kind.clone(), *count);
        }
        self.keys(&scale)?;
        Ok(scale)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::config::gokku_yml::ProcessConfig;

    fn config<const N: usize>(processes: [(ProcessType, ProcessConfig); N]) -> AppConfig {
        AppConfig {
            processes: BTreeMap::from(processes),
            ..AppConfig::default()
        }
    }

    fn kind(text: &str) -> ProcessType {
        text.parse().unwrap()
    }

    #[test]
    fn both_files_and_what_was_said() {
        let procfile = Procfile::parse("Procfile", "worker: a\nclock: b\nrelease: c").unwrap();
        let config = config([(
            kind("worker"),
            ProcessConfig {
                command: Some("other".parse().unwrap()),
                count: Some(2),
                overlap: Some(false),
                ..ProcessConfig::default()
            },
        )]);
        let all = Processes::of(procfile, &config).unwrap();
        assert_eq!(all.get(&kind("web")).unwrap().command, None, "the image's own");
        assert_eq!(
            all.get(&kind("worker")).unwrap().command,
            Some("other".parse().unwrap())
        );
        assert_eq!(all.alone(), BTreeSet::from([kind("worker")]));
        let keys = |scale: &Scale| {
            let keys: Vec<String> = all.keys(scale).unwrap().iter().map(ToString::to_string).collect();
            keys.join(" ")
        };
        assert_eq!(keys(&Scale::new()), "clock-1 web-1 worker-1 worker-2");
        let scale = Scale::from([(kind("worker"), 0), (kind("web"), 2), (kind("gone"), 4)]);
        assert_eq!(keys(&scale), "clock-1 web-1 web-2");
    }

    #[test]
    fn what_cannot_be() {
        let config = config([(kind("worker"), ProcessConfig::default())]);
        let mut told = vec![
            Processes::of(Procfile::default(), &config)
                .unwrap_err()
                .to_string(),
        ];
        for (name, count) in [("worker", 1), ("web", 0), ("web", 101)] {
            let scale = Scale::from([(kind(name), count)]);
            told.push(
                Processes::default()
                    .scaled(&Scale::new(), &scale)
                    .unwrap_err()
                    .to_string(),
            );
        }
        insta::assert_snapshot!(told.join("\n"), @"
        processes.worker has no command, and there is none in a Procfile: add `command:`
        there is no process worker in the release: there is web
        no process is left, and an app has at least one: `gokku stop` stops the app
        web=101 cannot be: there are at most 100 of one type
        ");
    }
}
