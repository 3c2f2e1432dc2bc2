//! The scheme by which a request comes, or an address is reached.

use std::fmt;

/// HTTP, with TLS or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// HTTP without TLS.
    Http,
    /// HTTP in TLS.
    Https,
}

impl Scheme {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Http, Self::Https];

    /// Returns its name as it stands in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Returns the port that is meant where none is given.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// Returns what a URL begins with: the scheme, the host, and the port where it is not the one that is meant anyway.
    pub fn origin(self, host: impl fmt::Display, port: u16) -> String {
        if port == self.default_port() {
            format!("{self}://{host}")
        } else {
            format!("{self}://{host}:{port}")
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
