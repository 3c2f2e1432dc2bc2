//! A domain's name: the host that a client asks for.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};

/// The name of a host, or of all hosts one level below another (`*.example.com`).
///
/// It is kept as the DNS has it: lower-case, without the root's dot, an internationalized name in its ASCII form (RFC 5891,
/// Unicode UTS #46). [`Display`](fmt::Display) gives it as people write it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DomainName(String);

/// Why a text is not a domain's name. The text says what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DomainNameError {
    /// Nothing was given.
    #[error("a domain is needed, such as example.com or *.example.com")]
    Empty,
    /// A URL.
    #[error("{given:?} is a URL: write the domain alone, {host:?}")]
    Url {
        /// What was given.
        given: String,
        /// What stands between the scheme and the path.
        host: String,
    },
    /// A path stands behind the name.
    #[error("{0:?} has a path: write the domain alone, and the path with --path")]
    Path(String),
    /// A port stands behind the name.
    #[error(
        "{0:?} has a port: a domain is served on the ports of the server's config.toml, [proxy] http and https"
    )]
    Port(String),
    /// An address of the Internet Protocol.
    #[error("{0:?} is an address, not a domain: an app is reached by address on its host port")]
    Address(String),
    /// A wildcard that does not stand for the whole first label.
    #[error("{0:?} has a wildcard that is not all of its first part: write it like *.example.com")]
    Wildcard(String),
    /// No host can have this name.
    #[error(
        "{0:?} is not a domain: it is made of letters, digits and dashes, in parts of at most 63 characters with dots between them, 253 in all"
    )]
    NotAName(String),
}

/// How a wildcard begins.
const WILDCARD: &str = "*.";

impl DomainName {
    /// Returns the name as the DNS and certificates have it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether it stands for all hosts one level below another.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(WILDCARD)
    }

    /// Returns the name of which this one has all hosts one level below it.
    pub fn parent_of_wildcard(&self) -> Option<&str> {
        self.0.strip_prefix(WILDCARD)
    }

    /// Returns the name with `www.` before it, or without it if it begins so; none for a wildcard.
    #[must_use]
    pub fn other_of_www(&self) -> Option<Self> {
        if self.is_wildcard() {
            return None;
        }
        let other = match self.0.strip_prefix("www.") {
            Some(apex) => apex.to_owned(),
            None => format!("www.{}", self.0),
        };
        other.parse().ok()
    }
}

impl FromStr for DomainName {
    type Err = DomainNameError;

    fn from_str(given: &str) -> Result<Self, DomainNameError> {
        let owned = || given.to_owned();
        if given.is_empty() {
            return Err(DomainNameError::Empty);
        }
        if let Some((_, rest)) = given.split_once("://") {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            return Err(DomainNameError::Url {
                given: owned(),
                host: rest[..end].to_owned(),
            });
        }
        if given.contains(['/', '?', '#']) {
            return Err(DomainNameError::Path(owned()));
        }
        let bare = given.trim_start_matches('[').trim_end_matches(']');
        if bare.parse::<IpAddr>().is_ok() {
            return Err(DomainNameError::Address(owned()));
        }
        if given.contains(':') {
            return Err(DomainNameError::Port(owned()));
        }
        let (wildcard, host) = match given.strip_prefix(WILDCARD) {
            Some(host) => (WILDCARD, host),
            None => ("", given),
        };
        if host.contains('*') || host.is_empty() {
            return Err(DomainNameError::Wildcard(owned()));
        }
        let ascii = Uts46::new()
            .to_ascii(
                host.as_bytes(),
                AsciiDenyList::STD3,
                Hyphens::CheckFirstLast,
                DnsLength::VerifyAllowRootDot,
            )
            .map_err(|_| DomainNameError::NotAName(owned()))?;
        let ascii = ascii.strip_suffix('.').unwrap_or(&ascii);
        if ascii.len() + wildcard.len() > MAX_LENGTH || is_read_as_a_number(ascii) {
            return Err(DomainNameError::NotAName(owned()));
        }
        Ok(Self(format!("{wildcard}{ascii}")))
    }
}

/// The longest name, RFC 1035 section 2.3.4, in text and without the root's dot.
const MAX_LENGTH: usize = 253;

/// Returns whether programs read the host as an IPv4 address, right or wrong: its last part is a number
/// (WHATWG URL, "ends in a number").
fn is_read_as_a_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    let hexadecimal = last.strip_prefix("0x");
    last.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wildcard, host) = match self.parent_of_wildcard() {
            Some(host) => (WILDCARD, host),
            None => ("", self.as_str()),
        };
        let (unicode, _) =
            Uts46::new().to_unicode(host.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
        f.pad(&format!("{wildcard}{unicode}"))
    }
}

impl TryFrom<String> for DomainName {
    type Error = DomainNameError;

    fn try_from(name: String) -> Result<Self, DomainNameError> {
        name.parse()
    }
}

impl From<DomainName> for String {
    fn from(name: DomainName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_kept_as_the_dns_has_them() {
        for (given, kept, shown) in [
            ("example.com", "example.com", "example.com"),
            ("API.Example.COM", "api.example.com", "api.example.com"),
            ("example.com.", "example.com", "example.com"),
            ("localhost", "localhost", "localhost"),
            ("*.example.com", "*.example.com", "*.example.com"),
            ("bücher.example", "xn--bcher-kva.example", "bücher.example"),
            ("BÜCHER.example", "xn--bcher-kva.example", "bücher.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", "bücher.example"),
            ("*.bücher.example", "*.xn--bcher-kva.example", "*.bücher.example"),
            ("faß.de", "xn--fa-hia.de", "faß.de"),
            ("例え。テスト", "xn--r8jz45g.xn--zckzah", "例え.テスト"),
            ("a-b.c--d.example", "a-b.c--d.example", "a-b.c--d.example"),
            ("1.2.3.example", "1.2.3.example", "1.2.3.example"),
        ] {
            let name: DomainName = given.parse().unwrap_or_else(|error| panic!("{given}: {error}"));
            assert_eq!(name.as_str(), kept, "{given}");
            assert_eq!(name.to_string(), shown, "{given}");
        }
    }

    type Reason = fn(String) -> DomainNameError;

    #[test]
    fn what_is_no_name_is_refused_with_a_reason() {
        let url = |given: &str, host: &str| DomainNameError::Url {
            given: given.to_owned(),
            host: host.to_owned(),
        };
        let long_label = format!("{}.example", "a".repeat(64));
        let long_name = ["a".repeat(63).as_str(); 4].join(".");
        let long_wildcard = format!("*.{}", &long_name[2..]);
        let table: [(&str, Reason); 29] = [
            ("example.com/v1", DomainNameError::Path),
            ("example.com?a", DomainNameError::Path),
            ("example.com:8080", DomainNameError::Port),
            ("127.0.0.1", DomainNameError::Address),
            ("::1", DomainNameError::Address),
            ("[::1]", DomainNameError::Address),
            ("127.1", DomainNameError::NotAName),
            ("0x7f.1", DomainNameError::NotAName),
            ("example.0x10", DomainNameError::NotAName),
            ("1", DomainNameError::NotAName),
            ("*", DomainNameError::Wildcard),
            ("*.", DomainNameError::Wildcard),
            ("a*.example.com", DomainNameError::Wildcard),
            ("*.*.example.com", DomainNameError::Wildcard),
            ("api.*.example.com", DomainNameError::Wildcard),
            (".", DomainNameError::NotAName),
            ("..", DomainNameError::NotAName),
            ("example..com", DomainNameError::NotAName),
            (".example.com", DomainNameError::NotAName),
            ("-example.com", DomainNameError::NotAName),
            ("example-.com", DomainNameError::NotAName),
            ("my_app.example.com", DomainNameError::NotAName),
            ("example com", DomainNameError::NotAName),
            (" example.com", DomainNameError::NotAName),
            ("exa\u{0}mple.com", DomainNameError::NotAName),
            ("xn--a.example", DomainNameError::NotAName),
            (&long_label, DomainNameError::NotAName),
            (&long_name, DomainNameError::NotAName),
            (&long_wildcard, DomainNameError::NotAName),
        ];
        for (given, reason) in table {
            assert_eq!(
                given.parse::<DomainName>(),
                Err(reason(given.to_owned())),
                "{given:?}"
            );
        }
        assert_eq!("".parse::<DomainName>(), Err(DomainNameError::Empty));
        for (given, host) in [
            ("https://example.com", "example.com"),
            ("http://example.com:80/v1", "example.com:80"),
        ] {
            assert_eq!(given.parse::<DomainName>(), Err(url(given, host)));
        }
    }

    #[test]
    fn www_has_an_other() {
        for (name, other) in [
            ("example.com", Some("www.example.com")),
            ("www.example.com", Some("example.com")),
            ("*.example.com", None),
        ] {
            let name: DomainName = name.parse().unwrap();
            assert_eq!(name.other_of_www().as_ref().map(DomainName::as_str), other);
        }
    }

    proptest! {
        /// What is accepted is read again as the same, from how it is kept and from how it is shown.
        #[test]
        fn accepted_names_are_stable(given in "\\PC{0,40}|[a-zA-Z0-9.*ßüé-]{1,30}") {
            if let Ok(name) = given.parse::<DomainName>() {
                prop_assert_eq!(&name.as_str().parse::<DomainName>(), &Ok(name.clone()));
                prop_assert_eq!(&name.to_string().parse::<DomainName>(), &Ok(name.clone()));
                prop_assert!(name.as_str().is_ascii());
                prop_assert!(!name.as_str().ends_with('.'));
            }
        }
    }
}
