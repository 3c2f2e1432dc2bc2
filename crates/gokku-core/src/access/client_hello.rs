//! What a client tells the gokku of a server before its command: who speaks, and how.
//!
//! It is one word of the command line, `PROTOCOL:VERSION` and then `:MARK` for each thing more. A mark that is not
//! known is passed over, so that a newer client is understood.

use std::fmt;
use std::str::FromStr;

/// The protocol of this version: what a client may rely on when it has a command run on a server.
///
/// 1: the word itself; `--as-app` before the command line as it was typed; `config set --stdin`; `logs --json` with
/// `--resume`; exit codes as documented.
pub const PROTOCOL: u32 = 1;

/// A client, as it introduces itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The protocol it speaks.
    pub protocol: u32,
    /// Its version.
    pub version: String,
    /// Whether what it is told is read by a person in a terminal that shows colours.
    pub coloured: bool,
}

/// A word that no client says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not PROTOCOL:VERSION: only another gokku says this")]
pub struct ClientError(pub String);

impl Client {
    /// What is to be told when the client is not of the server's version; none when they are the same.
    pub fn difference(&self, server: &str) -> Option<String> {
        let versions = || format!("this server runs gokku {server}, and you have {}", self.version);
        if self.protocol > PROTOCOL {
            return Some(format!(
                "{}, which may ask for what this server does not know: `gokku remote setup` brings it up to date",
                versions()
            ));
        }
        if self.protocol < PROTOCOL {
            return Some(format!(
                "{}, which does not know all that this server can do: install gokku {server} here",
                versions()
            ));
        }
        (self.version != server).then(|| format!("{}; they understand each other", versions()))
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.protocol, self.version)?;
        f.write_str(if self.coloured { ":coloured" } else { "" })
    }
}

impl FromStr for Client {
    type Err = ClientError;

    fn from_str(word: &str) -> Result<Self, ClientError> {
        let error = || ClientError(word.chars().filter(|c| !c.is_control()).take(60).collect());
        let mut parts = word.split(':');
        let protocol = parts
            .next()
            .and_then(|part| part.parse().ok())
            .ok_or_else(error)?;
        let version = parts.next().filter(|part| {
            let is_known = |c: char| c.is_ascii_alphanumeric() || ".+-".contains(c);
            !part.is_empty() && part.len() <= 40 && part.chars().all(is_known)
        });
        Ok(Self {
            protocol,
            version: version.ok_or_else(error)?.to_owned(),
            coloured: parts.any(|mark| mark == "coloured"),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for word in ["1:0.1.0", "1:0.1.0:coloured", "27:2.0.0-rc.1+x"] {
            assert_eq!(word.parse::<Client>().unwrap().to_string(), word);
        }
        let newer: Client = "2:9.0:later:coloured".parse().unwrap();
        assert!(newer.coloured);
        for word in ["", "1", "one:0.1.0", "1:", "1:0.1 0", "1:a\nb", "-1:0.1.0"] {
            assert!(word.parse::<Client>().is_err(), "{word:?}");
        }
    }

    #[test]
    fn differences_are_told() {
        let told = |word: &str| word.parse::<Client>().unwrap().difference("0.2.0");
        assert_eq!(told("1:0.2.0"), None);
        insta::assert_snapshot!(told("1:0.1.0").unwrap(), @"this server runs gokku 0.2.0, and you have 0.1.0; they understand each other");
        insta::assert_snapshot!(told("2:0.9.0").unwrap(), @"this server runs gokku 0.2.0, and you have 0.9.0, which may ask for what this server does not know: `gokku remote setup` brings it up to date");
        insta::assert_snapshot!(told("0:0.0.9").unwrap(), @"this server runs gokku 0.2.0, and you have 0.0.9, which does not know all that this server can do: install gokku 0.2.0 here");
    }
}
