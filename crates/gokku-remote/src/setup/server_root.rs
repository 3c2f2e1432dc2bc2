//! Checks the folder that a server is set up in: root's commands there are made of its name, so it has plain characters
//! only.

use std::fmt;
use std::path::Path;

/// A folder that may become a server's: `/opt/gokku`. Its path has no character that a shell, sudo or systemd reads in a way
/// of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRoot(String);

/// Says why a folder cannot be a server's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} cannot be a server's folder: {why}. /opt/gokku is one, or /srv/gokku")]
pub struct ServerRootError {
    given: String,
    why: &'static str,
}

/// The folders that belong to the system, or that the service does not see.
const FORBIDDEN: [&str; 17] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib32",
    "/lib64",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/tmp",
    "/usr",
    "/var/lib/gokku",
    "/var/tmp",
];

impl ServerRoot {
    /// Checks a path that was typed.
    pub fn new(path: &Path) -> Result<Self, ServerRootError> {
        let given = path.to_string_lossy();
        let error = |why| {
            Err(ServerRootError {
                given: given.clone().into_owned(),
                why,
            })
        };
        let Some(parts) = given.strip_prefix('/') else {
            return error("it does not begin with a slash");
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        if !given.chars().all(is_plain) {
            return error("only letters, digits and . _ - / may be in it");
        }
        if parts
            .split('/')
            .any(|part| part.is_empty() || part == "." || part == ".." || part.starts_with('-'))
        {
            return error("each part of it must be a name");
        }
        let is_below = |folder: &str| {
            given
                .strip_prefix(folder)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if FORBIDDEN.iter().any(|folder| is_below(folder)) {
            return error("that place is the system's, or nothing that a service may see");
        }
        if !parts.contains('/') || ["/var/lib", "/var/log", "/var/cache", "/var/spool"].contains(&&*given) {
            return error("it must be a folder of its own within another");
        }
        Ok(Self(given.into_owned()))
    }

    /// Returns the path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_plain_is_one() {
        for given in [
            "/opt/gokku",
            "/srv/gokku",
            "/srv/a.b/c_d-1",
            "/var/lib/gokku2",
            "/homes/x",
        ] {
            assert_eq!(ServerRoot::new(Path::new(given)).unwrap().as_str(), given);
        }
    }

    #[test]
    fn nothing_else_is_one() {
        for given in [
            "",
            "/",
            "opt/gokku",
            "/opt",
            "/opt/",
            "/opt//gokku",
            "/opt/gokku/",
            "/opt/../etc",
            "/opt/./x",
            "/opt/go kku",
            "/opt/$(id)",
            "/opt/a;b",
            "/opt/a\nb",
            "/opt/'x'",
            "/opt/-rf",
            "/home/ada/gokku",
            "/etc/gokku",
            "/tmp/gokku",
            "/var/lib",
            "/var/lib/gokku",
            "/var/lib/gokku/root",
            "/opt/gökku",
        ] {
            assert!(ServerRoot::new(Path::new(given)).is_err(), "{given:?}");
        }
    }
}
