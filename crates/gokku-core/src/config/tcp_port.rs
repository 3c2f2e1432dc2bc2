//! The TCP ports of an app: each is a port of the server, with one of its containers behind it; and what the app is told on them of
//! whose a connection is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most TCP ports that an app has: each is a socket of the traffic switch, and a check of each container's health.
pub const MOST_TCP_PORTS: usize = 16;

/// A TCP port of the server, and the container's behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpPort {
    /// The server's.
    pub host: u16,
    /// The container's.
    pub container: u16,
}

/// A text that is no `HOST:CONTAINER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is HOST:CONTAINER, each a number from 1 to 65535")]
pub struct TcpPortError;

impl fmt::Display for TcpPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.container)
    }
}

impl FromStr for TcpPort {
    type Err = TcpPortError;

    fn from_str(text: &str) -> Result<Self, TcpPortError> {
        let port = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|port| digits && *port > 0)
        };
        let (host, container) = text.split_once(':').ok_or(TcpPortError)?;
        Ok(Self {
            host: port(host).ok_or(TcpPortError)?,
            container: port(container).ok_or(TcpPortError)?,
        })
    }
}

/// Returns the text of a container's label: `5432:5432,1883:1883`.
pub fn to_label(ports: &[TcpPort]) -> String {
    let all: Vec<String> = ports.iter().map(ToString::to_string).collect();
    all.join(",")
}

/// Reads the ports in a label; what is none is left out.
pub fn from_label(label: &str) -> Vec<TcpPort> {
    label.split(',').filter_map(|port| port.parse().ok()).collect()
}

/// The version of the PROXY protocol by which an app is told on its TCP ports whose each connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyProtocol {
    /// A line of text.
    V1,
    /// The binary form.
    V2,
}

impl ProxyProtocol {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// Returns the word for it in `gokku.yml` and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_as_they_are_written() {
        let ports =
            [(5432, 5432), (1883, 80), (65535, 1)].map(|(host, container)| TcpPort { host, container });
        let label = to_label(&ports);
        assert_eq!(label, "5432:5432,1883:80,65535:1");
        assert_eq!(from_label(&label), ports);
        assert_eq!(from_label(""), []);
        for text in [
            "", "1", ":", "0:1", "1:0", "65536:1", "+1:1", "1:1/tcp", " 1:1", "1:1:1", "-1:1",
        ] {
            assert_eq!(text.parse::<TcpPort>(), Err(TcpPortError), "{text}");
            assert_eq!(from_label(text), [], "{text}");
        }
    }

    #[test]
    fn each_version_has_one_word() {
        for version in ProxyProtocol::ALL {
            assert_eq!(ProxyProtocol::from_word(version.as_str()), Some(version));
            assert_eq!(serde_json::to_value(version).ok(), Some(version.as_str().into()));
        }
        assert_eq!(ProxyProtocol::from_word("v3"), None);
    }
}
