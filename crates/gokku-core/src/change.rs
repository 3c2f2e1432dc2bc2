//! What has changed on a server: the one record that `gokku events` shows.
//!
//! It is above a single transition's events (`event`), of which only begin and end stand here. A record's file is one
//! JSON object a line, each a [`Recorded`]. Nothing in it is secret: of an env it has the names, of an app's output
//! nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::disk::Size;
use crate::ids::CommitId;
use crate::key_name::KeyName;
use crate::name::{AppName, EnvironmentName};
use crate::release_id::ReleaseId;

/// A change, when it was and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// Who: a user's or a key's name, or `gokku` for what the daemon did or saw.
    pub by: String,
    /// The app; none for what is about the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<AppName>,
    /// What.
    pub change: Change,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// An app was made.
    AppCreated {
        /// Its environment.
        environment: EnvironmentName,
    },
    /// An app's env was edited.
    EnvChanged {
        /// The names that were set.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        set: Vec<String>,
        /// The names that were removed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unset: Vec<String>,
    },
    /// A transition began.
    TransitionStarted {
        /// Its id.
        id: ReleaseId,
        /// `deploy`, `rollback`, ….
        what: String,
        /// The release it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<ReleaseId>,
        /// The commit of that release.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<CommitId>,
    },
    /// A transition whose process had died was taken over.
    TransitionResumed {
        /// Its id.
        id: ReleaseId,
    },
    /// A transition ended.
    TransitionFinished {
        /// Its id.
        id: ReleaseId,
        /// `deploy`, `rollback`, ….
        what: String,
        /// The release it was about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<ReleaseId>,
        /// `succeeded`, or why not.
        outcome: String,
        /// How long it took, in milliseconds.
        ms: u64,
    },
    /// A container that had traffic ended.
    ContainerExited {
        /// Its name.
        container: String,
        /// Its exit code.
        code: i64,
        /// In how many seconds it is started again; none when it is not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again: Option<u64>,
    },
    /// The daemon started a container that had ended.
    ContainerRestarted {
        /// Its name.
        container: String,
    },
    /// A container that has traffic fails its health check: requests go to the others, if there are any.
    ContainerUnhealthy {
        /// Its name.
        container: String,
        /// What the check found, in words.
        found: String,
    },
    /// It passes it again.
    ContainerHealthy {
        /// Its name.
        container: String,
    },
    /// Something is not as it should be.
    Differed {
        /// What, in words.
        difference: String,
    },
    /// The daemon mended something.
    Mended {
        /// What was not as it should be, in words.
        difference: String,
    },
    /// The daemon could not mend something.
    MendFailed {
        /// What is not as it should be, in words.
        difference: String,
        /// Why it could not be mended.
        reason: String,
    },
    /// What is no longer kept was removed.
    Pruned {
        /// How many images, releases' code and other things.
        things: usize,
        /// How much that freed, in bytes.
        bytes: u64,
    },
    /// A part of the engine's build cache was removed.
    BuildCachePruned {
        /// How much that freed, in bytes.
        bytes: u64,
    },
    /// A key was let in.
    KeyAdded {
        /// Its name.
        name: KeyName,
        /// The apps it is limited to; none when it is not.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        apps: Vec<AppName>,
    },
    /// A key is let in no more.
    KeyRemoved {
        /// Its name.
        name: KeyName,
    },
    /// A command that was given with a key has ended.
    Commanded {
        /// The command, without what may be secret.
        command: String,
        /// Its exit code.
        code: u8,
    },
    /// Something that a key may not do was tried with it.
    Denied {
        /// The first word of it.
        command: String,
    },
    /// The traffic switch was started.
    SwitchStarted {
        /// Its version.
        version: String,
        /// Its process.
        pid: u32,
    },
    /// The traffic switch was stopped.
    SwitchStopped,
    /// The Docker Engine is there.
    EngineFound,
    /// The Docker Engine went away.
    EngineLost,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AppCreated { environment } => write!(f, "the app was made, for {environment}"),
            Self::EnvChanged { set, unset } => {
                let part = |names: &[String], verb| {
                    (!names.is_empty()).then(|| format!("{} {verb}", names.join(", ")))
                };
                let parts: Vec<String> = [part(set, "set"), part(unset, "removed")]
                    .into_iter()
                    .flatten()
                    .collect();
                write!(f, "env: {}", parts.join("; "))
            }
            Self::TransitionStarted {
                id,
                what,
                release,
                commit,
            } => {
                write!(f, "{what} {id} began")?;
                if let Some(release) = release.filter(|release| release != id) {
                    write!(f, ", release {release}")?;
                }
                if let Some(commit) = commit {
                    write!(f, ", commit {}", commit.short())?;
                }
                Ok(())
            }
            Self::TransitionResumed { id } => {
                write!(f, "{id} is brought to an end: the process that ran it is gone")
            }
            Self::TransitionFinished {
                id,
                what,
                release,
                outcome,
                ms,
            } => {
                write!(f, "{what} {id} {outcome}, {}.{} s", ms / 1000, ms % 1000 / 100)?;
                if let Some(release) = release.filter(|release| release != id) {
                    write!(f, ", release {release}")?;
                }
                Ok(())
            }
            Self::ContainerExited {
                container,
                code,
                again: Some(seconds),
            } => write!(
                f,
                "{container} has exited (code {code}) and is started again in {seconds} s"
            ),
            Self::ContainerExited {
                container,
                code,
                again: None,
            } => write!(f, "{container} has exited (code {code})"),
            Self::ContainerRestarted { container } => write!(f, "{container} was started again"),
            Self::ContainerUnhealthy { container, found } => {
                write!(f, "{container} is unhealthy: it {found}")
            }
            Self::ContainerHealthy { container } => write!(f, "{container} is healthy again"),
            Self::Differed { difference } => f.write_str(difference),
            Self::Mended { difference } => write!(f, "mended: {difference}"),
            Self::MendFailed { difference, reason } => {
                write!(f, "could not be mended: {difference}; {reason}")
            }
            Self::Pruned { things, bytes } => write!(
                f,
                "pruned: {things} {}, about {}",
                if *things == 1 { "thing" } else { "things" },
                Size(*bytes)
            ),
            Self::BuildCachePruned { bytes } => write!(f, "pruned: {} of the build cache", Size(*bytes)),
            Self::KeyAdded { name, apps } => {
                let access = Access::of(apps.iter().cloned());
                write!(f, "the key {name} was added, for {access}")
            }
            Self::KeyRemoved { name } => write!(f, "the key {name} was removed"),
            Self::Commanded { command, code: 0 } => write!(f, "ran {command}"),
            Self::Commanded { command, code } => write!(f, "ran {command}, which failed (code {code})"),
            Self::Denied { command } => write!(f, "was refused: {command}"),
            Self::SwitchStarted { version, pid } => {
                write!(f, "the traffic switch {version} was started, process {pid}")
            }
            Self::SwitchStopped => f.write_str("the traffic switch was stopped"),
            Self::EngineFound => f.write_str("the Docker Engine is there"),
            Self::EngineLost => f.write_str("the Docker Engine went away"),
        }
    }
}
