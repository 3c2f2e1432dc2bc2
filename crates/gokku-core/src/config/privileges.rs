//! What a container's processes may do beyond what every process may: Linux's capabilities, of which Docker gives a
//! container fourteen. gokku takes four of them away: with these an app could take its neighbours' traffic, or make files
//! that do more than their owner may. An app has one of them, or another, where the server's owner gives it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use crate::app::name::AppName;
use crate::config::gokku_yml::suggested;

/// Every capability of Linux, as Docker calls them.
const ALL: [&str; 41] = [
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

/// Those that Docker gives every container, and gokku does not.
const TAKEN: [&str; 4] = ["AUDIT_WRITE", "MKNOD", "NET_RAW", "SETFCAP"];

/// Those that Docker gives every container, and gokku does, too.
const LEFT: [&str; 10] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_BIND_SERVICE",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// A capability that not every container has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(&'static str);

/// A word that is no capability that can be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CapabilityError {
    /// Linux has none of that name.
    #[error("there is no capability {given:?}{suggestion}")]
    Unknown {
        /// The word.
        given: String,
        /// `; did you mean …?`, when one is near enough.
        suggestion: String,
    },
    /// Docker's word for every one.
    #[error("{0} is no capability: name those that are needed")]
    All(String),
    /// Every container has it.
    #[error("every container has {0} anyway: leave it away")]
    Had(&'static str),
}

impl Capability {
    /// Docker's name for it, `NET_RAW`.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Whether Docker gives it to every container.
    fn is_dockers(self) -> bool {
        TAKEN.contains(&self.0)
    }
}

impl FromStr for Capability {
    type Err = CapabilityError;

    /// Reads a name, with or without `CAP_` before it, in any case.
    fn from_str(text: &str) -> Result<Self, CapabilityError> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
        match ALL.into_iter().find(|known| *known == name) {
            Some(known) if LEFT.contains(&known) => Err(CapabilityError::Had(known)),
            Some(known) => Ok(Self(known)),
            None if name == "ALL" => Err(CapabilityError::All(text.to_owned())),
            None => Err(CapabilityError::Unknown {
                given: text.to_owned(),
                suggestion: suggested(name, &ALL.map(str::to_owned)),
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Capability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        // An error in here has its place.
        impl Visitor<'_> for Name {
            type Value = Capability;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a capability, as \"NET_RAW\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Capability, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Name)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

/// What a container has. The default is what gokku gives every one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privileges {
    /// What it has beside what every container has.
    pub capabilities: BTreeSet<Capability>,
    /// Whether no program in it gets more by running another one, as by the set-user-ID bit.
    pub no_new_privileges: bool,
}

impl Privileges {
    /// What of Docker's own it has not.
    pub fn taken(&self) -> impl Iterator<Item = &'static str> {
        let has = |name: &&'static str| self.capabilities.contains(&Capability(name));
        TAKEN.into_iter().filter(move |name| !has(name))
    }

    /// What it has beside Docker's own.
    pub fn added(&self) -> impl Iterator<Item = &'static str> {
        let more = self.capabilities.iter().filter(|one| !one.is_dockers());
        more.map(|one| one.as_str())
    }
}

/// A capability that an app asks for and is not given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "capabilities: {capability} is not given to {app} on this server: leave it away; or its owner gives it, with \
     capabilities = [\"{capability}\"] below [apps.{app}] in {settings}"
)]
pub struct NotGiven {
    /// The app.
    pub app: AppName,
    /// Which.
    pub capability: Capability,
    /// The server's settings file, where it would be given.
    pub settings: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["NET_RAW", "net_raw", "CAP_NET_RAW", "cap_net_raw", "Cap_Net_Raw"] {
            assert_eq!(name.parse(), Ok(Capability("NET_RAW")), "{name}");
        }
        for name in ["SYS_PTRACE", "bpf", "CAP_MKNOD", "setfcap", "audit_write"] {
            assert!(name.parse::<Capability>().is_ok(), "{name}");
        }
        let told = [
            "NET_RAE",
            "netraw",
            "MKNODE",
            "SYS_PTRAC",
            "NET_BIND_SERVICE",
            "cap_chown",
            "CAP_CAP_NET_RAW",
            "ALL",
            "",
            "CAP_",
            " NET_RAW",
            "NET-RAW",
            "ſys_admin",
            "13",
        ]
        .map(|name| name.parse::<Capability>().expect_err(name).to_string());
        insta::assert_snapshot!(told.join("\n"), @r#"
        there is no capability "NET_RAE"; did you mean "NET_RAW"?
        there is no capability "netraw"; did you mean "NET_RAW"?
        there is no capability "MKNODE"; did you mean "MKNOD"?
        there is no capability "SYS_PTRAC"; did you mean "SYS_PTRACE"?
        every container has NET_BIND_SERVICE anyway: leave it away
        every container has CHOWN anyway: leave it away
        there is no capability "CAP_CAP_NET_RAW"
        ALL is no capability: name those that are needed
        there is no capability ""
        there is no capability "CAP_"
        there is no capability " NET_RAW"; did you mean "NET_RAW"?
        there is no capability "NET-RAW"; did you mean "NET_RAW"?
        there is no capability "ſys_admin"; did you mean "SYS_ADMIN"?
        there is no capability "13"
        "#);
    }

    #[test]
    fn every_name_is_one_of_three_kinds() {
        let known: BTreeSet<&str> = ALL.into();
        assert_eq!(known.len(), ALL.len());
        let (taken, left): (BTreeSet<&str>, BTreeSet<&str>) = (TAKEN.into(), LEFT.into());
        assert!(taken.is_disjoint(&left) && taken.is_subset(&known) && left.is_subset(&known));
        for name in ALL {
            assert_eq!(name.parse::<Capability>().is_err(), left.contains(name), "{name}");
        }
    }

    #[test]
    fn what_a_container_has() {
        let with = |names: &[&str]| Privileges {
            capabilities: names.iter().map(|name| name.parse().expect(name)).collect(),
            no_new_privileges: false,
        };
        let of = |privileges: &Privileges| {
            let (taken, added): (Vec<_>, Vec<_>) =
                (privileges.taken().collect(), privileges.added().collect());
            (taken.join(" "), added.join(" "))
        };
        for (names, taken, added) in [
            (&[][..], "AUDIT_WRITE MKNOD NET_RAW SETFCAP", ""),
            (&["NET_RAW"], "AUDIT_WRITE MKNOD SETFCAP", ""),
            (
                &["SYS_PTRACE", "setfcap"],
                "AUDIT_WRITE MKNOD NET_RAW",
                "SYS_PTRACE",
            ),
            (&["MKNOD", "NET_RAW", "SETFCAP", "AUDIT_WRITE"], "", ""),
            (
                &["SYS_NICE", "NET_ADMIN"],
                "AUDIT_WRITE MKNOD NET_RAW SETFCAP",
                "NET_ADMIN SYS_NICE",
            ),
        ] {
            assert_eq!(
                of(&with(names)),
                (taken.to_owned(), added.to_owned()),
                "{names:?}"
            );
        }
    }
}
