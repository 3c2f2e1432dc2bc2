//! A public key as a person gives it: `ssh-ed25519 AAAA… a comment`, the content of a file that ends in `.pub`.

use std::fmt;
use std::str::FromStr;

/// The types that are taken; a certificate is none of them, because it says itself what it is for.
const TYPES: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// A public key, without its comment. That its bytes are a key's, ssh-keygen tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PublicKey {
    kind: &'static str,
    blob: String,
}

/// Why something is not taken as a public key. It never repeats what was given: that may be a private one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// Nothing was given.
    #[error(
        "there is no key in what was given: the file that ends in .pub has it, `gokku keys add NAME < ~/.ssh/id_ed25519.pub`"
    )]
    Empty,
    /// A private key.
    #[error("this is a private key, which nobody gives away: the file beside it that ends in .pub is meant")]
    Private,
    /// More than one line.
    #[error("there is more than one line in what was given: give each key a name of its own, one at a time")]
    Several,
    /// A certificate.
    #[error("this is a certificate: give the plain public key, whose file ends in .pub and not in -cert.pub")]
    Certificate,
    /// No type at its beginning: options, or something else altogether.
    #[error(
        "this does not begin with a key's type, as ssh-ed25519 is one: give the public key alone, without options before it"
    )]
    Kind,
    /// What follows the type is no base64.
    #[error("what follows the key's type is no key: copy the whole line of the file that ends in .pub")]
    Blob,
}

impl PublicKey {
    /// Its type, `ssh-ed25519`.
    pub fn kind(&self) -> &str {
        self.kind
    }

    /// Its bytes, in base64.
    pub fn blob(&self) -> &str {
        &self.blob
    }

    /// Takes the two words of a line.
    pub(crate) fn of_words(kind: &str, blob: &str) -> Result<Self, PublicKeyError> {
        if kind.contains("-cert-") {
            return Err(PublicKeyError::Certificate);
        }
        let kind = TYPES.into_iter().find(|known| *known == kind);
        let kind = kind.ok_or(PublicKeyError::Kind)?;
        let letters = blob.trim_end_matches('=');
        let padding = blob.len() - letters.len();
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
        if letters.is_empty()
            || padding > 2
            || !blob.len().is_multiple_of(4)
            || !letters.bytes().all(is_letter)
        {
            return Err(PublicKeyError::Blob);
        }
        Ok(Self {
            kind,
            blob: blob.to_owned(),
        })
    }
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        if text.contains("PRIVATE KEY") || text.contains("PuTTY-User-Key-File") {
            return Err(PublicKeyError::Private);
        }
        let mut lines = text.lines().map(str::trim_ascii).filter(|line| !line.is_empty());
        let line = lines.next().ok_or(PublicKeyError::Empty)?;
        if lines.next().is_some() {
            return Err(PublicKeyError::Several);
        }
        let mut words = line.split_ascii_whitespace();
        let kind = words.next().ok_or(PublicKeyError::Empty)?;
        Self::of_words(kind, words.next().unwrap_or_default())
    }
}

/// Type and bytes, as a line has them.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.blob)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPbBZV2VO5M+Cf4rFy0jLNcFkKfUuf7X1hQR8Y0lB6wV";

    #[test]
    fn a_key_is_taken_without_its_comment() {
        for text in [
            KEY.to_owned(),
            format!("{KEY}\n"),
            format!("\n{KEY} ada@laptop \"x\"\r\n"),
        ] {
            assert_eq!(
                text.parse::<PublicKey>().map(|key| key.to_string()),
                Ok(KEY.to_owned())
            );
        }
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        use PublicKeyError as Why;
        let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
        for (text, why) in [
            ("", Why::Empty),
            (" \n\n", Why::Empty),
            (private, Why::Private),
            ("PuTTY-User-Key-File-3: ssh-ed25519\n", Why::Private),
            (&format!("{KEY}\n{KEY}\n"), Why::Several),
            (&format!("command=\"sh\" {KEY}"), Why::Kind),
            (&format!("restrict {KEY}"), Why::Kind),
            (&format!("# {KEY}"), Why::Kind),
            ("ssh-dss AAAA", Why::Kind),
            ("ssh-ed25519-cert-v01@openssh.com AAAA", Why::Certificate),
            ("ssh-ed25519", Why::Blob),
            ("ssh-ed25519 AAA", Why::Blob),
            ("ssh-ed25519 ====", Why::Blob),
            ("ssh-ed25519 AA\"A", Why::Blob),
        ] {
            assert_eq!(text.parse::<PublicKey>(), Err(why), "{text:?}");
            assert!(!why.to_string().contains("AAAA"));
        }
    }
}
