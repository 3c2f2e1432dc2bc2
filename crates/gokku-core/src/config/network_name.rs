//! The names of Docker networks that an app's containers are on: those that somebody chose, and those that gokku makes.

use std::fmt;
use std::str::FromStr;

use crate::app::name::AppName;

/// A letter or digit, then letters, digits, `_`, `.` and `-`; at most 64 in all. None of the names that gokku gives itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkName(String);

/// Why a text is not a network's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a network's name")]
pub struct NetworkNameError(pub String);

/// The engine's own, on which two versions of an app cannot run side by side or cannot be reached.
const OF_THE_ENGINE: [&str; 4] = ["host", "none", "bridge", "default"];

/// The network that all apps were on before each had its own.
pub const OF_ALL: &str = "gokku";

/// What the names begin with that gokku gives. What is said of such a name depends on it alone, so that nobody learns
/// from it whether there is such an app.
const OF_GOKKU: &str = "gokku.";

/// The name of an app's own network; the number is for one beside it, which counts from 2.
pub fn of_app(app: &AppName, number: usize) -> String {
    numbered(format!("{OF_GOKKU}{app}"), number)
}

/// The name of the network that two apps share.
pub fn of_pair(one: &AppName, other: &AppName, number: usize) -> String {
    let (first, second) = (one.min(other), one.max(other));
    numbered(format!("{OF_GOKKU}{first}.{second}"), number)
}

/// No app's name has what stands between.
fn numbered(name: String, number: usize) -> String {
    if number < 2 {
        name
    } else {
        format!("{name}_{number}")
    }
}

impl NetworkName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An engine takes a network's id for its name.
fn is_an_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl FromStr for NetworkName {
    type Err = NetworkNameError;

    fn from_str(text: &str) -> Result<Self, NetworkNameError> {
        let is_somebodys = OF_THE_ENGINE.contains(&text) || text.starts_with(OF_GOKKU) || is_an_id(text);
        if crate::config::volume::is_docker_name(text) && !is_somebodys {
            Ok(Self(text.to_owned()))
        } else {
            Err(NetworkNameError(text.to_owned()))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// What gokku names, nobody can name; and no two of these names are one.
    #[test]
    fn names_of_gokku_are_nobodys() {
        let app = |name: &str| name.parse::<AppName>().unwrap();
        let names = [
            of_app(&app("api"), 1),
            of_app(&app("api"), 2),
            of_app(&app("2"), 1),
            of_app(&app("api-2"), 1),
            of_pair(&app("api"), &app("2"), 1),
            of_pair(&app("api"), &app("2"), 2),
            of_pair(&app("a"), &app("pi"), 1),
        ];
        assert_eq!(names[0], "gokku.api");
        assert_eq!(names[1], "gokku.api_2");
        assert_eq!(names[4], "gokku.2.api");
        assert_eq!(of_pair(&app("2"), &app("api"), 1), names[4]);
        for (at, name) in names.iter().enumerate() {
            assert!(name.parse::<NetworkName>().is_err(), "{name}");
            assert!(!names[..at].contains(name), "{name}");
        }
        let id = "4e3a9071b5a7".repeat(6);
        for bad in ["host", "bridge", "none", "default", "gokku.nobody", &id[..64]] {
            assert!(bad.parse::<NetworkName>().is_err(), "{bad}");
        }
        for good in [
            "gokku_default",
            "gokku-net",
            "shop_default",
            "gokku",
            "4e3a9071b5a7",
        ] {
            assert_eq!(good.parse::<NetworkName>().unwrap().as_str(), good);
        }
    }
}
