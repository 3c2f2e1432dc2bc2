//! Whom to reach: `user@host:port`, as it is typed and as ssh takes it.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use gix_url::Scheme;

/// A server as ssh reaches it. The host may be an alias of the user's `~/.ssh/config`; user and port are only what
/// was typed, so that what that file says of the others holds. None of its parts can be taken for an option.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

/// Says why a text is no server's address.
#[derive(Debug, thiserror::Error)]
#[error("{given:?} is not a server's address: {source}. It is user@host, user@host:port or user@[IPv6]:port")]
pub struct DestinationError {
    /// What was given.
    pub given: String,
    /// What is wrong with it.
    pub source: DestinationProblem,
}

/// What is wrong with a server's address.
#[derive(Debug, thiserror::Error)]
pub enum DestinationProblem {
    /// It is no URL's beginning.
    #[error(transparent)]
    Url(Box<dyn std::error::Error + Send + Sync>),
    /// More than an address stands there.
    #[error("it has a path or an escape in it")]
    PathOrEscape,
    /// There is nothing before `@`.
    #[error("it names no user")]
    NoUser,
    /// There is a password in it.
    #[error("ssh asks for passwords itself, if any")]
    Password,
    /// There is no host in it.
    #[error("it names no host")]
    NoHost,
    /// Its host has characters that no name has, or looks like an option.
    #[error("{0:?} cannot be a host's name")]
    Host(String),
    /// Its user has.
    #[error("{0:?} cannot be a user's name")]
    User(String),
    /// Its port is 0.
    #[error("0 is no port")]
    ZeroPort,
}

impl DestinationProblem {
    /// Returns the problem that git's rules for URLs found.
    pub(crate) fn url(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Url(error.into())
    }
}

impl Destination {
    /// Makes one of parts that were told apart already, by a URL for example.
    pub(crate) fn new(user: Option<&str>, host: &str, port: Option<u16>) -> Result<Self, DestinationProblem> {
        let is_name = |text: &str| {
            !text.is_empty()
                && !text.starts_with('-')
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "._-+~".contains(c))
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        if !is_name(bare) && bare.parse::<Ipv6Addr>().is_err() {
            return Err(DestinationProblem::Host(host.to_owned()));
        }
        if let Some(user) = user.filter(|user| !is_name(user)) {
            return Err(DestinationProblem::User(user.to_owned()));
        }
        if port == Some(0) {
            return Err(DestinationProblem::ZeroPort);
        }
        Ok(Self {
            user: user.map(str::to_owned),
            // As ssh itself takes it.
            host: bare.to_ascii_lowercase(),
            port,
        })
    }

    /// Returns the user, where one was given.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Returns the host or its alias, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, where one was given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Returns the arguments by which ssh reaches it: the last ones before the command.
    pub fn args(&self) -> Vec<String> {
        let mut args = Vec::new();
        if let Some(port) = self.port {
            args.extend(["-p".to_owned(), port.to_string()]);
        }
        let user = self.user.iter().map(|user| format!("{user}@"));
        args.push("--".to_owned());
        args.push(user.chain([self.host.clone()]).collect());
        args
    }

    /// Returns the URL by which git reaches a repository on it. A port, an IPv6 address, and a path that looks like a URL itself
    /// take the long form.
    pub fn url(&self, path: &str) -> String {
        let user = self
            .user
            .as_ref()
            .map(|user| format!("{user}@"))
            .unwrap_or_default();
        if self.port.is_none() && !self.host.contains(':') && !path.contains("://") {
            return format!("{user}{}:{path}", self.host);
        }
        format!("ssh://{self}{path}")
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(given: &str) -> Result<Self, DestinationError> {
        read(given).map_err(|source| DestinationError {
            given: given.to_owned(),
            source,
        })
    }
}

fn read(given: &str) -> Result<Destination, DestinationProblem> {
    if given.contains(['/', '%']) {
        return Err(DestinationProblem::PathOrEscape);
    }
    if given.starts_with('@') {
        return Err(DestinationProblem::NoUser);
    }
    let url = gix_url::parse(format!("ssh://{given}/").as_str()).map_err(DestinationProblem::url)?;
    if url.scheme != Scheme::Ssh || url.password().is_some() {
        return Err(DestinationProblem::Password);
    }
    let host = url.host().ok_or(DestinationProblem::NoHost)?;
    Destination::new(url.user(), host, url.port)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_an_address_is_written_back() {
        for (given, args, url) in [
            ("server", "-- server", "server:/x"),
            ("ada@example.com", "-- ada@example.com", "ada@example.com:/x"),
            (
                "ada@example.com:2222",
                "-p 2222 -- ada@example.com",
                "ssh://ada@example.com:2222/x",
            ),
            ("ada@[::1]", "-- ada@::1", "ssh://ada@[::1]/x"),
            ("[fe80::1]:22", "-p 22 -- fe80::1", "ssh://[fe80::1]:22/x"),
            ("ada.b@my_alias", "-- ada.b@my_alias", "ada.b@my_alias:/x"),
        ] {
            let destination: Destination = given.parse().unwrap_or_else(|error| panic!("{given}: {error}"));
            assert_eq!(destination.to_string(), given);
            assert_eq!(destination.args().join(" "), args);
            assert_eq!(destination.url("/x"), url);
        }
    }

    #[test]
    fn nothing_else_is_one() {
        for given in [
            "",
            "@host",
            "ada@",
            "-oProxyCommand=id",
            "ada@-oProxyCommand=id",
            "-l@host",
            "host:0",
            "host:port",
            "host:99999",
            "a b@host",
            "ada:secret@host",
            "host/path",
            "ssh://host",
            "ho\nst",
            "$(id)@host",
            "host;id",
            "h%20st",
        ] {
            assert!(given.parse::<Destination>().is_err(), "{given:?}");
        }
    }
}
