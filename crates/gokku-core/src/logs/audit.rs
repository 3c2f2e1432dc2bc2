//! What has changed on a server: the one record that `gokku events` shows.
//!
//! It is above a single transition's events (`event`), of which only begin and end stand here. A record's file is one
//! JSON object a line, each a [`Recorded`]. Nothing in it is secret: of an env it has the names, of an app's output
//! nothing.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::took::milliseconds;
use crate::access::domain_grants::DomainGrants;
use crate::access::key_name::KeyName;
use crate::access::scope::Access;
use crate::app::ids::CommitId;
use crate::app::name::{AppName, EnvironmentName};
use crate::app::release_id::ReleaseId;
use crate::certificates::problem::Problem;
use crate::config::image_ref::ImageRef;
use crate::text::size::Size;
use crate::transition::OperationName;

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
    /// An app's domains were changed.
    DomainsChanged {
        /// Those that were added, or given in another way.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        added: Vec<String>,
        /// Those that were removed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        removed: Vec<String>,
    },
    /// An app's maintenance began.
    MaintenanceOn,
    /// It is over.
    MaintenanceOff,
    /// A certificate was added.
    CertificateAdded {
        /// The names that it is for.
        names: Vec<String>,
        /// Until when it is valid.
        until: String,
    },
    /// A certificate was removed.
    CertificateRemoved {
        /// The names that it was for.
        names: Vec<String>,
    },
    /// A certificate was ordered and issued.
    CertificateIssued {
        /// The names that it is for.
        names: Vec<String>,
        /// Until when it is valid.
        until: String,
    },
    /// No certificate could be had, and not by this before.
    CertificateFailed {
        /// The names; none where none is the reason.
        names: Vec<String>,
        /// What is wrong.
        problem: Problem,
        /// What the authority, or whoever failed, said of it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        said: String,
    },
    /// A certificate is about to end, or has ended.
    CertificateExpires {
        /// The names that it is for.
        names: Vec<String>,
        /// Until when it is valid.
        until: String,
    },
    /// A transition began.
    TransitionStarted {
        /// Its id.
        id: ReleaseId,
        /// What was asked for.
        what: OperationName,
        /// The release it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<ReleaseId>,
        /// The commit of that release.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<CommitId>,
        /// What the image of that release is pulled by, where none is built.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<ImageRef>,
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
        /// What was asked for.
        what: OperationName,
        /// The release it was about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<ReleaseId>,
        /// `succeeded`, or why not.
        outcome: String,
        /// How long it took.
        #[serde(rename = "ms", with = "milliseconds")]
        took: Duration,
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
        /// The domains it may give to them.
        #[serde(default, skip_serializing_if = "DomainGrants::is_empty")]
        domains: DomainGrants,
    },
    /// A key is let in no more.
    KeyRemoved {
        /// Its name.
        name: KeyName,
    },
    /// A registry's login was stored.
    RegistryAdded {
        /// Its host.
        registry: String,
        /// The user.
        username: String,
    },
    /// A registry's login was removed.
    RegistryRemoved {
        /// Its host.
        registry: String,
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

/// The most bytes of a text in a record; whoever asks for things decides how long some of them are.
pub const LONGEST_TEXT: usize = 1024;
/// The most bytes of a list of names in a record, all together.
pub const LONGEST_LIST: usize = 2048;

impl Recorded {
    /// Returns the same in no more than a record takes of one change: what is cut off says how much that is.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        cut(&mut self.by);
        self.change.texts().into_iter().for_each(cut);
        self.change.lists().into_iter().for_each(cut_list);
        self
    }
}

/// Cuts a text, between two characters.
fn cut(text: &mut String) {
    if text.len() <= LONGEST_TEXT {
        return;
    }
    let end = (0..=LONGEST_TEXT).rev().find(|end| text.is_char_boundary(*end));
    let rest = text.split_off(end.unwrap_or_default()).len();
    let told = format!("... ({rest} bytes are cut off)");
    text.push_str(&told);
}

/// Cuts a list, between two names.
fn cut_list(names: &mut Vec<String>) {
    names.iter_mut().for_each(cut);
    let mut taken = 0;
    let fits = |name: &&String| {
        taken += name.len();
        taken <= LONGEST_LIST
    };
    let kept = names.iter().take_while(fits).count();
    let rest = names.len() - kept;
    if rest > 0 {
        names.truncate(kept);
        names.push(format!("... ({rest} more are cut off)"));
    }
}

impl Change {
    /// Its texts that have no length of their own.
    fn texts(&mut self) -> Vec<&mut String> {
        match self {
            Self::TransitionFinished { outcome, .. } => vec![outcome],
            Self::ContainerExited { container, .. }
            | Self::ContainerRestarted { container }
            | Self::ContainerHealthy { container } => vec![container],
            Self::ContainerUnhealthy { container, found } => vec![container, found],
            Self::Differed { difference } | Self::Mended { difference } => vec![difference],
            Self::MendFailed { difference, reason } => vec![difference, reason],
            Self::RegistryAdded { registry, username } => vec![registry, username],
            Self::RegistryRemoved { registry } => vec![registry],
            Self::Commanded { command, .. } | Self::Denied { command } => vec![command],
            Self::SwitchStarted { version, .. } => vec![version],
            Self::CertificateAdded { until, .. }
            | Self::CertificateIssued { until, .. }
            | Self::CertificateExpires { until, .. } => vec![until],
            Self::CertificateFailed { said, .. } => vec![said],
            Self::AppCreated { .. }
            | Self::MaintenanceOn
            | Self::MaintenanceOff
            | Self::CertificateRemoved { .. }
            | Self::EnvChanged { .. }
            | Self::DomainsChanged { .. }
            | Self::TransitionStarted { .. }
            | Self::TransitionResumed { .. }
            | Self::Pruned { .. }
            | Self::BuildCachePruned { .. }
            | Self::KeyAdded { .. }
            | Self::KeyRemoved { .. }
            | Self::SwitchStopped
            | Self::EngineFound
            | Self::EngineLost => Vec::new(),
        }
    }

    /// Its lists that have no length of their own. The apps of a key have one: they stand in one line of sshd's.
    fn lists(&mut self) -> Vec<&mut Vec<String>> {
        match self {
            Self::EnvChanged { set, unset } => vec![set, unset],
            Self::DomainsChanged { added, removed } => vec![added, removed],
            Self::CertificateAdded { names, .. }
            | Self::CertificateIssued { names, .. }
            | Self::CertificateFailed { names, .. }
            | Self::CertificateRemoved { names }
            | Self::CertificateExpires { names, .. } => vec![names],
            _ => Vec::new(),
        }
    }
}

/// Says which names something was done with: `A, B set; C removed`.
fn parts(all: [(&[String], &str); 2]) -> String {
    let done = all.into_iter().filter(|(names, _)| !names.is_empty());
    let parts: Vec<String> = done
        .map(|(names, verb)| format!("{} {verb}", names.join(", ")))
        .collect();
    parts.join("; ")
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AppCreated { environment } => write!(f, "the app was made, for {environment}"),
            Self::EnvChanged { set, unset } => {
                write!(
                    f,
                    "env: {}",
                    parts([(set.as_slice(), "set"), (unset.as_slice(), "removed")])
                )
            }
            Self::DomainsChanged { added, removed } => {
                write!(
                    f,
                    "domains: {}",
                    parts([(added.as_slice(), "added"), (removed.as_slice(), "removed")])
                )
            }
            Self::MaintenanceOn => f.write_str("maintenance began: clients get its page"),
            Self::MaintenanceOff => f.write_str("maintenance is over"),
            Self::CertificateAdded { names, until } => write!(
                f,
                "the certificate of {} was added, valid until {until}",
                names.join(", ")
            ),
            Self::CertificateRemoved { names } => {
                write!(f, "the certificate of {} was removed", names.join(", "))
            }
            Self::CertificateIssued { names, until } => write!(
                f,
                "a certificate was issued for {}, valid until {until}",
                names.join(", ")
            ),
            Self::CertificateFailed { names, problem, said } => {
                match names.as_slice() {
                    [] => f.write_str("no certificates can be had")?,
                    names => write!(f, "no certificate for {}", names.join(", "))?,
                }
                write!(f, ": {}; {}", problem.with(said), problem.advice())
            }
            Self::CertificateExpires { names, until } => write!(
                f,
                "the certificate of {} ends on {until}: have it renewed, and add the new one (gokku certs add)",
                names.join(", ")
            ),
            Self::TransitionStarted {
                id,
                what,
                release,
                commit,
                image,
            } => {
                write!(f, "{what} {id} began")?;
                if let Some(release) = release.filter(|release| release != id) {
                    write!(f, ", release {release}")?;
                }
                if let Some(commit) = commit {
                    write!(f, ", commit {}", commit.short())?;
                }
                if let Some(image) = image {
                    write!(f, ", image {image}")?;
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
                took,
            } => {
                let (seconds, tenths) = (took.as_secs(), took.subsec_millis() / 100);
                write!(f, "{what} {id} {outcome}, {seconds}.{tenths} s")?;
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
            Self::KeyAdded { name, apps, domains } => {
                let access = Access::of(apps.iter().cloned());
                write!(f, "the key {name} was added, for {access}")?;
                if domains.is_empty() {
                    return Ok(());
                }
                write!(f, ", with {domains}")
            }
            Self::KeyRemoved { name } => write!(f, "the key {name} was removed"),
            Self::RegistryAdded { registry, username } => {
                write!(f, "the login of {username} to {registry} was stored")
            }
            Self::RegistryRemoved { registry } => write!(f, "the login to {registry} was removed"),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn bounded(change: Change) -> Recorded {
        Recorded {
            at: 0,
            by: "ada".to_owned(),
            app: None,
            change,
        }
        .bounded()
    }

    #[test]
    fn an_event_has_a_largest_size_and_says_what_is_cut_off() {
        const MOST: usize = 8 * 1024;
        let long = || "é".repeat(100_000);
        let many = || {
            (0..50_000)
                .map(|number| format!("NAME_{number}"))
                .collect::<Vec<_>>()
        };
        let id: ReleaseId = "20240115-113000".parse().expect("an id");
        for change in [
            Change::Commanded {
                command: long(),
                code: 0,
            },
            Change::Denied { command: long() },
            Change::EnvChanged {
                set: many(),
                unset: many(),
            },
            Change::EnvChanged {
                set: vec![long(); 50],
                unset: Vec::new(),
            },
            Change::TransitionFinished {
                id,
                what: OperationName::Deploy,
                release: Some(id),
                outcome: long(),
                took: Duration::from_millis(1),
            },
            Change::ContainerExited {
                container: long(),
                code: 1,
                again: None,
            },
            Change::ContainerRestarted { container: long() },
            Change::ContainerUnhealthy {
                container: long(),
                found: long(),
            },
            Change::ContainerHealthy { container: long() },
            Change::Differed { difference: long() },
            Change::Mended { difference: long() },
            Change::MendFailed {
                difference: long(),
                reason: long(),
            },
            Change::RegistryAdded {
                registry: long(),
                username: long(),
            },
            Change::RegistryRemoved { registry: long() },
            Change::CertificateAdded {
                names: many(),
                until: long(),
            },
            Change::CertificateRemoved { names: many() },
            Change::CertificateExpires {
                names: vec![long(); 50],
                until: long(),
            },
            Change::SwitchStarted {
                version: long(),
                pid: 1,
            },
        ] {
            let kept = bounded(change);
            let line = serde_json::to_string(&kept).expect("a line");
            assert!(line.len() < MOST, "{} bytes: {}", line.len(), kept.change);
            assert!(line.contains(" are cut off)"), "{line}");
            // It is still a change, and cutting it again changes nothing.
            let read: Recorded = serde_json::from_str(&line).expect("a change");
            assert_eq!(read, kept);
        }
        let told = bounded(Change::EnvChanged {
            set: many(),
            unset: Vec::new(),
        });
        let told = told.change.to_string();
        assert!(
            told.starts_with("env: NAME_0, NAME_1, ") && told.ends_with(" more are cut off) set"),
            "{told}"
        );
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        for length in [0, 1, LONGEST_TEXT] {
            let command = "x".repeat(length);
            let kept = bounded(Change::Commanded {
                command: command.clone(),
                code: 3,
            });
            assert_eq!(kept.change, Change::Commanded { command, code: 3 });
        }
        let over = bounded(Change::Denied {
            command: "x".repeat(LONGEST_TEXT + 3),
        });
        assert!(over.change.to_string().ends_with("x... (3 bytes are cut off)"));
        // Between two characters, where the last one does not fit.
        let over = bounded(Change::Denied {
            command: format!("x{}", "é".repeat(LONGEST_TEXT)),
        });
        assert!(
            over.change.to_string().ends_with("é... (1026 bytes are cut off)"),
            "{}",
            over.change
        );
        let set = vec!["A".repeat(LONGEST_LIST / 2); 2];
        let kept = bounded(Change::EnvChanged {
            set: set.clone(),
            unset: Vec::new(),
        });
        assert_eq!(
            kept.change,
            Change::EnvChanged {
                set,
                unset: Vec::new()
            }
        );
    }
}
