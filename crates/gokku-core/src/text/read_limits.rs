//! How much is read of what others write: each input has a limit, and each limit a name and a default. Whoever reads stops
//! there, whatever else there is.

use crate::text::size::Size;

/// The most that is read of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What it is of: `a gokku.yml`.
    pub of: &'static str,
    /// How many bytes.
    pub bytes: u64,
}

/// A `gokku.yml`: all of it is a tree in memory before anything in it is judged.
pub const GOKKU_YML: Limit = Limit::new("a gokku.yml", 1 << 20);
/// Another file of an app's code that says how it is built or run.
pub const CODE: Limit = Limit::new("a file that says how a project is built or run", 16 << 20);
/// An env file, and all pairs of one `config set`. Linux starts no program with much more: its arguments and its
/// environment share a quarter of the stack's limit, 2 MB as it usually is, see execve(2).
pub const ENV: Limit = Limit::new("an env file", 1 << 20);
/// How many variables an app may have.
pub const ENV_VARIABLES: usize = 1000;
/// A settings file of the server's owner, `config.toml`.
pub const SETTINGS: Limit = Limit::new("a settings file", 1 << 20);
/// A record that gokku has written itself.
pub const RECORD: Limit = Limit::new("a record", 16 << 20);
/// A public key, with its comment.
pub const PUBLIC_KEY: Limit = Limit::new("a public key", 64 << 10);
/// A registry's password: tokens of cloud registries have some kilobytes.
pub const PASSWORD: Limit = Limit::new("a password", 64 << 10);
/// A certificate with its chain, or a private key.
pub const CERTIFICATE: Limit = Limit::new("a certificate's chain or key", 1 << 20);

/// A page that is shown in place of an app.
pub const PAGE: Limit = Limit::new("a page", 256 << 10);

/// A page for where the traffic switch has to answer: it stands in the switch's table, which is written whole.
pub const ERROR_PAGE: Limit = Limit::new("an error page", 64 << 10);

/// Every limit.
pub const ALL: [Limit; 10] = [
    GOKKU_YML,
    CODE,
    ENV,
    SETTINGS,
    RECORD,
    PUBLIC_KEY,
    PASSWORD,
    CERTIFICATE,
    PAGE,
    ERROR_PAGE,
];

/// There is more of it than is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are more than {}, the most that is read of {}", Size(.0.bytes), .0.of)]
pub struct TooMuch(pub Limit);

impl Limit {
    const fn new(of: &'static str, bytes: u64) -> Self {
        Self { of, bytes }
    }

    /// Returns the same with another number of bytes.
    #[must_use]
    pub const fn or(self, bytes: u64) -> Self {
        Self { bytes, ..self }
    }

    /// Returns how much is to be read to know whether there is more: one byte above it.
    pub fn enough(self) -> u64 {
        self.bytes.saturating_add(1)
    }

    /// Refuses what was read where there is more of it.
    pub fn check(self, read: usize) -> Result<(), TooMuch> {
        if u64::try_from(read).is_ok_and(|read| read <= self.bytes) {
            Ok(())
        } else {
            Err(TooMuch(self))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_more_is_too_much_and_says_of_what() {
        for limit in ALL {
            let bytes = usize::try_from(limit.bytes).expect("a small number");
            assert_eq!(limit.check(bytes), Ok(()));
            let refused = limit.check(bytes + 1).expect_err("too much").to_string();
            assert!(
                refused.ends_with(&format!("the most that is read of {}", limit.of)),
                "{refused}"
            );
            assert_eq!(limit.enough(), limit.bytes + 1);
        }
        let small = ENV.or(2048).check(2049).expect_err("too much");
        assert_eq!(
            small.to_string(),
            "there are more than 2.0 kB, the most that is read of an env file"
        );
    }
}
