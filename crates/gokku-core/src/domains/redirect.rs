//! Where a domain sends its requests to, instead of to its app: the same path under another name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domains::domain::Domain;
use crate::domains::name::{DomainName, DomainNameError};
use crate::domains::path::{PathPrefix, PathPrefixError};
use crate::domains::scheme::Scheme;

/// Another name, `example.com`, or a URL, `https://example.com/docs`. What it does not say is as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectTarget {
    scheme: Option<Scheme>,
    host: DomainName,
    port: Option<u16>,
    path: PathPrefix,
}

/// Why a text is not such a target. The text says what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectTargetError {
    /// It has no name of a host where one should be.
    #[error(transparent)]
    Name(#[from] DomainNameError),
    /// It has a path that cannot be before others.
    #[error(transparent)]
    Path(#[from] PathPrefixError),
    /// It stands for many names.
    #[error("{0:?} has a wildcard: a redirect leads to one name")]
    Wildcard(String),
    /// It is no URL of the web.
    #[error("{0:?} begins with neither http:// nor https://: write a name, or such a URL")]
    Scheme(String),
    /// A user or a password stands before the host.
    #[error("{0:?} has a user before its host: write it without")]
    User(String),
    /// Its port is none.
    #[error("{0:?} has a port that is no number from 1 to 65535")]
    Port(String),
}

impl RedirectTarget {
    /// Returns a target that only changes the name.
    pub fn name(host: DomainName) -> Self {
        Self {
            scheme: None,
            host,
            port: None,
            path: PathPrefix::root(),
        }
    }

    /// Returns the URL that a request is sent to, which came by this scheme, to this port where its client named one, for this
    /// path and query.
    pub fn location(&self, scheme: Scheme, port: Option<u16>, path_and_query: &str) -> String {
        let scheme = self.scheme.unwrap_or(scheme);
        // A port goes with the scheme that it serves.
        let port = self.port.or(port.filter(|_| self.scheme.is_none()));
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let path = self.path_of(path_and_query);
        format!("{scheme}://{}{port}{path}", self.host.as_str())
    }

    /// Returns the path that a path, perhaps with a query, becomes.
    fn path_of(&self, asked: &str) -> String {
        let before = if self.path.is_root() {
            ""
        } else {
            self.path.as_str()
        };
        // What asks for the whole server, `OPTIONS *`, asks for no path of it.
        let asked = if asked.starts_with('/') { asked } else { "/" };
        format!("{before}{asked}")
    }
}

impl FromStr for RedirectTarget {
    type Err = RedirectTargetError;

    fn from_str(given: &str) -> Result<Self, RedirectTargetError> {
        let owned = || given.to_owned();
        let (scheme, rest) = match given.split_once("://") {
            None => (None, given),
            Some((word, rest)) => {
                let known = Scheme::ALL.into_iter();
                let mut known = known.filter(|scheme| word.eq_ignore_ascii_case(scheme.as_str()));
                let scheme = known.next().ok_or_else(|| RedirectTargetError::Scheme(owned()))?;
                (Some(scheme), rest)
            }
        };
        let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        if authority.contains('@') {
            return Err(RedirectTargetError::User(owned()));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !authority.ends_with(']') && !host.contains(':') => {
                let digits = port.bytes().all(|byte| byte.is_ascii_digit());
                let port = port.parse().ok().filter(|port: &u16| digits && *port > 0);
                (
                    host,
                    Some(port.ok_or_else(|| RedirectTargetError::Port(owned()))?),
                )
            }
            _ => (authority, None),
        };
        let host: DomainName = host.parse()?;
        if host.is_wildcard() {
            return Err(RedirectTargetError::Wildcard(owned()));
        }
        let path = match path {
            "" => PathPrefix::root(),
            path if path.starts_with('/') => path.parse()?,
            path => format!("/{path}").parse()?,
        };
        Ok(Self {
            scheme,
            host,
            port,
            path,
        })
    }
}

impl RedirectTarget {
    fn write(&self, f: &mut impl fmt::Write, host: &str) -> fmt::Result {
        if let Some(scheme) = self.scheme {
            write!(f, "{}://", scheme.as_str())?;
        }
        f.write_str(host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        if !self.path.is_root() {
            f.write_str(self.path.as_str())?;
        }
        Ok(())
    }
}

/// As people write it.
impl fmt::Display for RedirectTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &self.host.to_string())
    }
}

impl TryFrom<String> for RedirectTarget {
    type Error = RedirectTargetError;

    fn try_from(text: String) -> Result<Self, RedirectTargetError> {
        text.parse()
    }
}

impl From<RedirectTarget> for String {
    fn from(target: RedirectTarget) -> Self {
        let mut text = Self::new();
        // Writing to a String cannot fail.
        let _ = target.write(&mut text, target.host.as_str());
        text
    }
}

/// Returns the first of an app's new domains whose redirect leads, by way of others' perhaps, back to where it began. `others` are
/// all other domains of the server.
pub fn first_loop<'a>(new: &'a [Domain], others: &[&'a Domain]) -> Option<&'a Domain> {
    let is_new = |domain: &Domain| new.iter().any(|one| one.claims_same(domain));
    let others = others.iter().copied().filter(|domain| !is_new(domain));
    let all: Vec<&Domain> = new.iter().chain(others).collect();
    // Where a path leads changes only at those that are told apart.
    let mut paths: Vec<&str> = all.iter().map(|domain| domain.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    new.iter().find(|start| {
        let mut asked = paths.iter().filter(|path| start.path.rest_of(path).is_some());
        start.redirect_to.is_some() && asked.any(|path| comes_back(start, path, &all))
    })
}

fn comes_back(start: &Domain, path: &str, all: &[&Domain]) -> bool {
    let mut been = vec![start];
    let mut path = path.to_owned();
    while let Some(target) = been.last().and_then(|here| here.redirect_to.as_deref()) {
        // Another port is another program's.
        if target.port.is_some() {
            return false;
        }
        path = target.path_of(&path);
        let Some(next) = leading(all, target.host.as_str(), &path) else {
            return false;
        };
        if been.iter().any(|domain| domain.claims_same(next)) {
            return true;
        }
        been.push(next);
    }
    false
}

/// The domain that a host and a path lead to: the exact name before a wildcard, and the longest path of each.
fn leading<'a>(all: &[&'a Domain], host: &str, path: &str) -> Option<&'a Domain> {
    let above = host.split_once('.').map(|(_, above)| above);
    let longest = |is_meant: &dyn Fn(&DomainName) -> bool| {
        let meant = all.iter().copied();
        let meant = meant.filter(|domain| is_meant(&domain.name) && domain.path.rest_of(path).is_some());
        meant.max_by_key(|domain| domain.path.as_str().len())
    };
    longest(&|name| name.as_str() == host)
        .or_else(|| longest(&|name| above.is_some() && name.parent_of_wildcard() == above))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> RedirectTarget {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn the_path_and_the_query_are_kept() {
        for (to, scheme, port, asked, expected) in [
            ("example.com", Scheme::Http, None, "/", "http://example.com/"),
            (
                "example.com",
                Scheme::Https,
                None,
                "/a?b=c%20d",
                "https://example.com/a?b=c%20d",
            ),
            (
                "example.com",
                Scheme::Http,
                Some(8080),
                "/a",
                "http://example.com:8080/a",
            ),
            (
                "https://example.com",
                Scheme::Http,
                Some(8080),
                "/a",
                "https://example.com/a",
            ),
            (
                "http://example.com:81",
                Scheme::Https,
                None,
                "/a",
                "http://example.com:81/a",
            ),
            (
                "https://example.com/",
                Scheme::Http,
                None,
                "/?q",
                "https://example.com/?q",
            ),
            (
                "https://example.com/docs/",
                Scheme::Http,
                None,
                "/a?b",
                "https://example.com/docs/a?b",
            ),
            (
                "example.com/docs",
                Scheme::Http,
                None,
                "/",
                "http://example.com/docs/",
            ),
            (
                "bücher.example",
                Scheme::Http,
                None,
                "/ü",
                "http://xn--bcher-kva.example/ü",
            ),
            (
                "example.com",
                Scheme::Http,
                None,
                "//evil.example/x",
                "http://example.com//evil.example/x",
            ),
            ("example.com", Scheme::Http, None, "*", "http://example.com/"),
        ] {
            let to = target(to);
            assert_eq!(to.location(scheme, port, asked), expected, "{to} {asked}");
        }
    }

    #[test]
    fn they_are_written_as_they_are_read() {
        for (given, shown, kept) in [
            ("Example.COM.", "example.com", "example.com"),
            (
                "HTTPS://bücher.example:8443/x",
                "https://bücher.example:8443/x",
                "https://xn--bcher-kva.example:8443/x",
            ),
            ("http://example.com/", "http://example.com", "http://example.com"),
        ] {
            let read = target(given);
            assert_eq!(read.to_string(), shown);
            assert_eq!(String::from(read.clone()), kept);
            assert_eq!(target(kept), read);
        }
    }

    type Reason = fn(&RedirectTargetError) -> bool;

    #[test]
    fn what_is_no_target_is_refused_with_a_reason() {
        let table: [(&str, Reason); 12] = [
            ("", |error| matches!(error, RedirectTargetError::Name(_))),
            ("https://", |error| matches!(error, RedirectTargetError::Name(_))),
            ("https://[::1]/", |error| {
                matches!(error, RedirectTargetError::Name(_))
            }),
            ("https://127.0.0.1", |error| {
                matches!(error, RedirectTargetError::Name(_))
            }),
            ("*.example.com", |error| {
                matches!(error, RedirectTargetError::Wildcard(_))
            }),
            ("ftp://example.com", |error| {
                matches!(error, RedirectTargetError::Scheme(_))
            }),
            ("https://me@example.com", |error| {
                matches!(error, RedirectTargetError::User(_))
            }),
            ("example.com:0", |error| {
                matches!(error, RedirectTargetError::Port(_))
            }),
            ("https://example.com:+1", |error| {
                matches!(error, RedirectTargetError::Port(_))
            }),
            ("https://example.com/?q", |error| {
                matches!(error, RedirectTargetError::Path(_))
            }),
            ("https://example.com#a", |error| {
                matches!(error, RedirectTargetError::Path(_))
            }),
            ("https://example.com/a\r\nb", |error| {
                matches!(error, RedirectTargetError::Path(_))
            }),
        ];
        for (given, is_expected) in table {
            let error = given.parse::<RedirectTarget>().expect_err(given);
            assert!(is_expected(&error), "{given:?}: {error:?}");
        }
    }

    /// Domains as `name/path`, those with a `>` behind it redirect.
    fn domains(text: &str) -> Vec<Domain> {
        let words = text.split_whitespace();
        let domain = |word: &str| {
            let (from, to) = word
                .split_once('>')
                .map_or((word, None), |(from, to)| (from, Some(to)));
            let (name, path) = from.find('/').map_or((from, "/"), |at| from.split_at(at));
            Domain {
                path: path.parse().expect("a path"),
                redirect_to: to.map(|to| Box::new(target(to))),
                ..Domain::whole(name.parse().expect("a name"))
            }
        };
        words.map(domain).collect()
    }

    #[test]
    fn a_redirect_that_comes_back_is_found() {
        for (new, there, expected) in [
            ("www.a.example>a.example", "a.example", None),
            ("www.a.example>a.example", "", None),
            ("a.example>a.example", "", Some("a.example")),
            ("a.example>https://a.example", "", Some("a.example")),
            ("a.example>https://a.example:8443", "", None),
            ("a.example>a.example/new", "", Some("a.example")),
            ("a.example>a.example/new a.example/new", "", None),
            ("a.example/old>a.example/new", "a.example", None),
            ("*.a.example>www.a.example", "", Some("*.a.example")),
            ("*.a.example>www.a.example", "www.a.example", None),
            ("*.a.example>a.example", "a.example", None),
            ("a.example>b.example", "b.example>a.example", Some("a.example")),
            (
                "a.example>b.example",
                "b.example>c.example c.example>a.example",
                Some("a.example"),
            ),
            (
                "a.example>b.example",
                "b.example b.example/x>a.example",
                Some("a.example"),
            ),
            (
                "a.example>b.example a.example/x",
                "b.example b.example/x>a.example",
                None,
            ),
            // What is said anew counts, and not what was said before.
            ("b.example", "b.example>b.example", None),
            ("a.example>b.example b.example", "b.example>a.example", None),
        ] {
            let (new, there) = (domains(new), domains(there));
            let found = first_loop(&new, &there.iter().collect::<Vec<_>>());
            assert_eq!(
                found.map(ToString::to_string).as_deref(),
                expected,
                "{new:?} {there:?}"
            );
        }
    }
}
