//! The host by which whoever asks reaches this server, for the addresses that are told.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::domains::name::{DomainName, DomainNameError};

/// A host's address or name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReachedAt {
    /// An address.
    Address(IpAddr),
    /// A name.
    Name(DomainName),
}

impl ReachedAt {
    /// Returns what sshd's `SSH_CONNECTION` says of this server: `CLIENT PORT SERVER PORT`. It says nothing where both are this
    /// machine, nor where the client is on the internet and the server's address is not: there the client asked another address,
    /// which only a translator in between knows.
    pub fn of_ssh_connection(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let [client, _, server, _] = words[..] else {
            return None;
        };
        // A link's own address has the link behind it, which is the server's.
        let address = |word: &str| word.parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
        let (client, server) = (address(client)?, address(server)?);
        let translated = is_private(server) && !is_private(client);
        (!server.is_loopback() && !translated).then_some(Self::Address(server))
    }

    /// Returns the URL of a port there.
    pub fn url(&self, port: u16) -> String {
        format!("http://{}", self.address(port))
    }

    /// Returns the address of a port there, for those that speak something else: `example.com:5432`.
    pub fn address(&self, port: u16) -> String {
        format!("{self}:{port}")
    }
}

/// Returns whether an address is none of the internet's.
fn is_private(address: IpAddr) -> bool {
    match address {
        // RFC 1918, RFC 3927; RFC 6598 is for providers' translators.
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            ip.is_private() || ip.is_link_local() || ip.is_loopback() || is_shared
        }
        // RFC 4193, RFC 4291.
        IpAddr::V6(ip) => {
            let first = ip.segments()[0];
            ip.is_loopback() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80
        }
    }
}

impl FromStr for ReachedAt {
    type Err = DomainNameError;

    fn from_str(text: &str) -> Result<Self, DomainNameError> {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        match bare.parse() {
            Ok(address) => Ok(Self::Address(address)),
            Err(_) => text.parse().map(Self::Name),
        }
    }
}

/// As a URL has it.
impl fmt::Display for ReachedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Address(ip) => ip.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_a_client_asked_is_known_from_ssh() {
        for (connection, expected) in [
            (
                "198.51.100.7 50000 203.0.113.9 22",
                Some("http://203.0.113.9:8000"),
            ),
            (
                "192.168.1.20 50000 192.168.1.5 22",
                Some("http://192.168.1.5:8000"),
            ),
            ("10.0.0.9 50000 203.0.113.9 22", Some("http://203.0.113.9:8000")),
            (
                "2001:db8::7 50000 2001:db8::9 22",
                Some("http://[2001:db8::9]:8000"),
            ),
            ("fd00::7 50000 fd00::9 22", Some("http://[fd00::9]:8000")),
            (
                "::ffff:192.0.2.1 1 ::ffff:192.0.2.9 22",
                Some("http://192.0.2.9:8000"),
            ),
            // The server is behind a translator.
            ("198.51.100.7 50000 10.0.0.5 22", None),
            ("198.51.100.7 50000 100.64.0.5 22", None),
            ("2001:db8::7 50000 fd00::9 22", None),
            ("127.0.0.1 50000 127.0.0.1 22", None),
            ("::1 50000 ::1 22", None),
            ("UNKNOWN 65535 UNKNOWN 65535", None),
            ("198.51.100.7 50000", None),
            ("", None),
        ] {
            let found = ReachedAt::of_ssh_connection(connection);
            let url = found.map(|at| at.url(8000));
            assert_eq!(url.as_deref(), expected, "{connection}");
        }
    }

    #[test]
    fn it_is_read_as_it_is_written() {
        for (text, written) in [
            ("example.com", "example.com"),
            ("203.0.113.9", "203.0.113.9"),
            ("2001:db8::9", "[2001:db8::9]"),
            ("[2001:db8::9]", "[2001:db8::9]"),
        ] {
            let read: ReachedAt = text.parse().expect("a host");
            assert_eq!(read.to_string(), written);
            assert_eq!(written.parse(), Ok(read));
        }
        for text in ["", "a b", "\u{1b}[31m", "example.com:80", "http://example.com"] {
            assert!(text.parse::<ReachedAt>().is_err(), "{text:?}");
        }
    }
}
