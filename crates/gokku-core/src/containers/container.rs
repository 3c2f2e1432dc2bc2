//! A container: what it is to be made with, and what is known of it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::config::privileges::Privileges;
use crate::config::resources::Resources;
use crate::containers::labels;
use crate::containers::volume::{Mount, Mounted};
use crate::{ContainerId, ImageId};

/// A container to make. Its `Debug` does not show the env.
#[derive(Clone, Default)]
pub struct ContainerSpec {
    /// Its name; the engine chooses one when empty.
    pub name: String,
    /// The image, by id or name.
    pub image: String,
    /// Its environment.
    pub env: Vec<(String, String)>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The network it is on.
    pub network: String,
    /// The networks it is on beside that one.
    pub beside: Vec<String>,
    /// The command, instead of the image's.
    pub command: Option<Vec<String>>,
    /// The entrypoint, instead of the image's; an empty one for none.
    pub entrypoint: Option<Vec<String>>,
    /// The grace between SIGTERM and SIGKILL, also for whoever says `docker stop`.
    pub stop_timeout: Duration,
    /// Whether it has a terminal.
    pub tty: bool,
    /// Whether its input stays open.
    pub stdin: bool,
    /// What it may use of the machine.
    pub resources: Resources,
    /// How much the engine keeps of what it prints; as much as the engine does by itself without.
    pub logs: Option<LogLimits>,
    /// What its processes may do beyond what every process may.
    pub privileges: Privileges,
    /// What is mounted into it.
    pub mounts: Vec<Mount>,
    /// Whether Docker's init is its first process: it passes signals on, and takes in children that nobody waits for. An
    /// engine that has none makes the container without it.
    pub init: bool,
}

impl fmt::Debug for ContainerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerSpec")
            .field("name", &self.name)
            .field("image", &self.image)
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}

/// Whether a container runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// Made, never started.
    Created,
    /// Running.
    Running,
    /// Not running any more.
    Exited,
}

/// What is known of a container.
#[derive(Clone, Debug)]
pub struct ContainerFacts {
    /// Its id.
    pub id: ContainerId,
    /// Its name, without the leading slash.
    pub name: String,
    /// Its image's id.
    pub image: ImageId,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it runs.
    pub state: ContainerState,
    /// Its address on each of its networks, while it runs.
    pub addresses: BTreeMap<String, IpAddr>,
    /// What is told only of a single container.
    pub details: Option<Details>,
}

/// What the engine tells only of a single container.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// Its exit code, when it has exited.
    pub exit_code: i64,
    /// Whether it was killed for using too much memory.
    pub oom_killed: bool,
    /// Its first process on the host, 0 when it does not run.
    pub pid: u32,
    /// When it was last started, RFC 3339.
    pub started_at: String,
    /// When it last exited, RFC 3339.
    pub finished_at: String,
    /// The volumes it has.
    pub volumes: Vec<Mounted>,
    /// What it runs: its entrypoint and its command.
    pub words: Vec<String>,
    /// Whether Docker's init is its first process.
    pub init: bool,
}

impl ContainerFacts {
    /// Returns one of its labels.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    /// Returns what one of its labels says; none also for one that cannot be read.
    pub fn read_label<T: FromStr>(&self, key: &str) -> Option<T> {
        self.label(key)?.parse().ok()
    }

    /// Returns the transition that made the first containers of those it is among: the one that made it, where no label says
    /// another.
    pub fn generation(&self) -> Option<&str> {
        self.label(labels::GENERATION).or(self.label(labels::TRANSITION))
    }
}

/// What an engine keeps of what a container prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// How large a file of it becomes, in bytes.
    pub size: u64,
    /// How many such files there are, the newest ones.
    pub files: u32,
}
