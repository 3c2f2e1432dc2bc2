//! The protocol that an app speaks on its port.

use serde::{Deserialize, Serialize};

/// The protocol that an app speaks on its port. Its clients speak what they like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AppProtocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 without TLS, by prior knowledge (RFC 9113 section 3.3): what gRPC is spoken by.
    H2c,
}

impl AppProtocol {
    /// Every protocol.
    pub const ALL: [Self; 2] = [Self::Http1, Self::H2c];

    /// Returns the word for it in `gokku.yml` and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::H2c => "h2c",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.as_str() == word)
    }

    /// Returns whether it is the one that is spoken where nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_one_word() {
        for protocol in AppProtocol::ALL {
            assert_eq!(AppProtocol::from_word(protocol.as_str()), Some(protocol));
            assert_eq!(
                serde_json::to_value(protocol).ok(),
                Some(protocol.as_str().into())
            );
        }
        assert_eq!(AppProtocol::from_word("h2"), None);
    }
}
