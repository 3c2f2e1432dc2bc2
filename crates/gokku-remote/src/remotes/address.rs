//! Reads a git remote's URL as a server and an app on it.

use std::fmt;

use gix_url::Scheme;
use gokku_core::AppName;

use crate::ssh::{Destination, DestinationProblem};

/// An app on a server, as a git remote names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The server that has the app.
    pub destination: Destination,
    /// The server's folder, where the URL has it.
    pub root: Option<String>,
    /// The app.
    pub app: AppName,
}

/// Says why a URL names no app on a server.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It is not reached over ssh.
    #[error("it is not reached over ssh")]
    Scheme,
    /// It names no server.
    #[error(transparent)]
    Destination(#[from] DestinationProblem),
    /// Its path is not that of an app's repository.
    #[error("its path is not that of an app, <folder>/repos/<app>.git")]
    Path,
}

impl Address {
    /// Reads a URL: `user@host:/opt/gokku/repos/api.git`, `ssh://user@host:2222/opt/gokku/repos/api.git`, or with the
    /// app alone as its path, `user@host:api`.
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let parsed = gix_url::parse(url).map_err(DestinationProblem::url)?;
        if parsed.scheme != Scheme::Ssh {
            return Err(AddressError::Scheme);
        }
        let host = parsed.host().ok_or(AddressError::Scheme)?;
        let destination = Destination::new(parsed.user(), host, parsed.port)?;
        let path = std::str::from_utf8(&parsed.path).map_err(|_| AddressError::Path)?;
        let (folder, last) = match path.trim_end_matches('/').rsplit_once('/') {
            Some((folder, last)) => (folder, last),
            None => ("", path),
        };
        let root = match folder {
            "" => None,
            folder => {
                let root = folder.strip_suffix("/repos").ok_or(AddressError::Path)?;
                let is_plain =
                    |root: &String| root.starts_with('/') && !root.contains("//") && !root.ends_with('/');
                Some(root.to_owned()).filter(is_plain)
            }
        };
        if folder.starts_with("/~") || (root.is_none() && !folder.is_empty()) {
            return Err(AddressError::Path);
        }
        let app = last.strip_suffix(".git").unwrap_or(last);
        Ok(Self {
            destination,
            root,
            app: app.parse().map_err(|_| AddressError::Path)?,
        })
    }
}

impl fmt::Display for Address {
    /// Writes the app and its server, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.app, self.destination)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn read(url: &str) -> String {
        match Address::parse(url) {
            Ok(found) => format!(
                "{} {} {}",
                found.app,
                found.root.as_deref().unwrap_or("-"),
                found.destination.args().join(" ")
            ),
            Err(why) => why.to_string(),
        }
    }

    #[test]
    fn the_ways_to_write_one() {
        for (url, found) in [
            (
                "ada@server:/opt/gokku/repos/api.git",
                "api /opt/gokku -- ada@server",
            ),
            ("server:/opt/gokku/repos/api.git", "api /opt/gokku -- server"),
            (
                "ssh://ada@server/opt/gokku/repos/api.git",
                "api /opt/gokku -- ada@server",
            ),
            (
                "ssh://ada@server:2222/srv/g/repos/api.git",
                "api /srv/g -p 2222 -- ada@server",
            ),
            (
                "ssh://ada@[::1]:2222/opt/gokku/repos/api.git",
                "api /opt/gokku -p 2222 -- ada@::1",
            ),
            (
                "ssh://[fe80::1]/opt/gokku/repos/api.git",
                "api /opt/gokku -- fe80::1",
            ),
            (
                "git+ssh://ada@server/opt/gokku/repos/api.git",
                "api /opt/gokku -- ada@server",
            ),
            ("gokku@server:api", "api - -- gokku@server"),
            ("gokku@server:api.git", "api - -- gokku@server"),
            ("ssh://gokku@server/api", "api - -- gokku@server"),
        ] {
            assert_eq!(read(url), found, "{url}");
        }
    }

    #[test]
    fn what_is_none() {
        let path = AddressError::Path.to_string();
        for url in [
            "git@github.com:somebody/api.git",
            "ssh://git@github.com/somebody/api.git",
            "server:/opt/gokku/repos/..git",
            "server:/opt/gokku/repos/API.git",
            "server:/opt/gokku/repos/-x.git",
            "server:~/gokku/repos/api.git",
            "server:gokku/repos/api.git",
            "ssh://server/~ada/repos/api.git",
        ] {
            assert_eq!(read(url), path, "{url}");
        }
        for url in [
            "https://example.com/opt/gokku/repos/api.git",
            "/opt/gokku/repos/api.git",
            "../api",
            "file:///x",
        ] {
            assert_eq!(read(url), AddressError::Scheme.to_string(), "{url}");
        }
        for url in [
            "ssh://-oProxyCommand=id/opt/gokku/repos/api.git",
            "-oProxyCommand=id:/opt/gokku/repos/api.git",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }
}
