//! What a key may do: to which apps it is let, and which commands can be given with it at all.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::app::name::AppName;

/// The apps that somebody may see and command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// All of them, also those that are still to be made: whoever is on the server, and a key without apps.
    #[default]
    All,
    /// These, made or not. There are no others as far as this key can tell.
    Only(BTreeSet<AppName>),
}

/// Who asks, where it matters who answers for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asker {
    /// The server's owner, whoever may act as that, and the server itself, which does only what was asked before.
    Owner,
    /// Whoever has a key that was let in. So is one of whom nothing is said.
    #[default]
    Key,
}

/// What a command reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing that is the server's: help, a completion script.
    Nothing,
    /// A file of the machine that it is typed on, whatever path is given. With a key that machine is the server, and none
    /// of its files is a key's to name.
    Machine,
    /// One app, or the list of those that may be seen: what comes of it is only theirs.
    Apps,
    /// The server as a whole, to look at: what is missing, every route.
    Server,
    /// What keeps the server, or is started by it: keys, the traffic switch, workers and hooks. Nobody does that from
    /// outside with a key.
    Within,
}

impl Access {
    /// A key's, from the apps it was given; none given are all.
    pub fn of(apps: impl IntoIterator<Item = AppName>) -> Self {
        let apps: BTreeSet<AppName> = apps.into_iter().collect();
        if apps.is_empty() {
            Self::All
        } else {
            Self::Only(apps)
        }
    }

    /// Whether an app may be seen, commanded, pushed to and made.
    pub fn allows(&self, app: &AppName) -> bool {
        match self {
            Self::All => true,
            Self::Only(apps) => apps.contains(app),
        }
    }

    /// Whether a key with this access may give a command that reaches so far.
    pub fn permits(&self, reach: Reach) -> bool {
        match reach {
            Reach::Nothing | Reach::Apps => true,
            Reach::Server => *self == Self::All,
            Reach::Machine | Reach::Within => false,
        }
    }

    /// The apps it is limited to; none when it is not.
    pub fn apps(&self) -> Option<&BTreeSet<AppName>> {
        match self {
            Self::All => None,
            Self::Only(apps) => Some(apps),
        }
    }
}

/// The apps in words: `every app`, or `api, shop`.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Only(apps) = self else {
            return f.pad("every app");
        };
        let names: Vec<&str> = apps.iter().map(AppName::as_str).collect();
        f.pad(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str) -> AppName {
        name.parse().expect("a name")
    }

    #[test]
    fn a_limited_key_has_its_apps_and_no_server() {
        let limited = Access::of([app("shop"), app("api"), app("api")]);
        assert!(limited.allows(&app("api")) && limited.allows(&app("shop")) && !limited.allows(&app("ap")));
        assert_eq!(limited.to_string(), "api, shop");
        let all = Access::of([]);
        assert_eq!(all, Access::All);
        assert!(all.allows(&app("anything")));
        for (reach, for_all, for_limited) in [
            (Reach::Nothing, true, true),
            (Reach::Machine, false, false),
            (Reach::Apps, true, true),
            (Reach::Server, true, false),
            (Reach::Within, false, false),
        ] {
            assert_eq!(
                (all.permits(reach), limited.permits(reach)),
                (for_all, for_limited)
            );
        }
    }
}
