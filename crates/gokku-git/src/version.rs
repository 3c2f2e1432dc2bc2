//! Which git there is.

use std::fmt;

use crate::command::{git_anywhere, run};
use crate::error::Error;

/// A version, its first two numbers: what git can do changes with these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

/// The oldest that will do: it has `receive.procReceiveRefs`, by which a push is decided before anything is built.
pub const OLDEST: Version = Version(2, 29);

impl Version {
    /// That of the git that is run.
    pub fn of_git() -> Result<Self, Error> {
        let mut command = git_anywhere();
        let told = run(command.arg("version"))?;
        let told = String::from_utf8_lossy(&told);
        Self::told(&told).ok_or_else(|| Error::Answer {
            command: "version".to_owned(),
            answer: told.trim().to_owned(),
        })
    }

    /// What `git version` says: `git version 2.39.5 (Apple Git-154)`.
    fn told(told: &str) -> Option<Self> {
        let numbers = told.split_whitespace().nth(2)?;
        let mut numbers = numbers.split('.').map(str::parse);
        match (numbers.next()?, numbers.next()?) {
            (Ok(major), Ok(minor)) => Some(Self(major, minor)),
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (told, version) in [
            ("git version 2.47.3\n", Some(Version(2, 47))),
            ("git version 2.9.0", Some(Version(2, 9))),
            ("git version 2.39.5 (Apple Git-154)", Some(Version(2, 39))),
            ("git version 2.30.2.windows.1", Some(Version(2, 30))),
            ("git version 3.0", Some(Version(3, 0))),
            ("git version next", None),
            ("", None),
        ] {
            assert_eq!(Version::told(told), version, "{told}");
        }
        assert!(Version(2, 9) < OLDEST && Version(2, 30) > OLDEST && Version(3, 0) > OLDEST);
    }
}
