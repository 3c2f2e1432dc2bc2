//! The paths below which a domain's requests are meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A path and all below it: `/v1` is `/v1`, `/v1/` and `/v1/users`, but not `/v10`. `/` is every path.
///
/// Paths are compared as RFC 3986 section 6.2.2 says: `%7E` is `~`, `%2f` is `%2F` but not `/`. A path is taken as the
/// client sent it, dots included: what `/v1/../admin` leads to is for the app to say that has `/v1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPrefix(String);

/// Why a text is not such a path. The text says what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathPrefixError {
    /// It does not begin with a slash.
    #[error("the path {0:?} does not begin with a slash: write it like /v1")]
    NoSlash(String),
    /// A query or a fragment stands behind the path.
    #[error("the path {0:?} has a `?` or a `#`: requests are told apart by their path alone")]
    Query(String),
    /// An empty part, or one that is `.` or `..`.
    #[error("the path {0:?} has a part that is empty, `.` or `..`: write it without")]
    Part(String),
    /// A character that no path has, or a `%` without two hexadecimal digits behind it.
    #[error("the path {0:?} has a character that no path has; write it as % and two hexadecimal digits")]
    Character(String),
    /// More than [`MAX_PATH`] bytes.
    #[error("the path is too long: it has at most {MAX_PATH} bytes")]
    TooLong,
}

/// The most bytes that a path may have.
pub const MAX_PATH: usize = 1024;

impl PathPrefix {
    /// Returns the one that is every path.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// Returns whether it is every path.
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what is left of a request's path below this one, with its slash: `/users` of `/v1/users`, nothing of `/v1`.
    /// None when the path is not below this one. The path is as the client sent it, without its query.
    pub fn rest_of<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.is_root() {
            return Some(path);
        }
        let mut units = Units(path.as_bytes());
        for unit in Units(self.0.as_bytes()) {
            if units.next() != Some(unit) {
                return None;
            }
        }
        let rest = &path[path.len() - units.0.len()..];
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

/// One character of a path: as it stands there, or as its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Plain(u8),
    Coded(u8),
}

/// The characters of a path.
struct Units<'a>(&'a [u8]);

impl Iterator for Units<'_> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        let coded = match *self.0 {
            [b'%', high, low, ..] => decoded(high, low),
            _ => None,
        };
        let (unit, rest) = match coded {
            Some(byte) if is_unreserved(byte) => (Unit::Plain(byte), &self.0[3..]),
            Some(byte) => (Unit::Coded(byte), &self.0[3..]),
            None => {
                let (byte, rest) = self.0.split_first()?;
                (Unit::Plain(*byte), rest)
            }
        };
        self.0 = rest;
        Some(unit)
    }
}

/// Returns the byte of two hexadecimal digits.
fn decoded(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Returns half a byte as a digit.
fn hexadecimal(half: u8) -> char {
    char::from_digit(half.into(), 16).map_or('0', |digit| digit.to_ascii_uppercase())
}

/// Returns whether a character is the same as its code, RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Returns whether a character may stand in a path, RFC 3986 section 3.3.
fn is_of_a_path(byte: u8) -> bool {
    is_unreserved(byte) || b"/!$&'()*+,;=:@%".contains(&byte)
}

impl FromStr for PathPrefix {
    type Err = PathPrefixError;

    fn from_str(given: &str) -> Result<Self, PathPrefixError> {
        let owned = || given.to_owned();
        let Some(parts) = given.strip_prefix('/') else {
            return Err(PathPrefixError::NoSlash(owned()));
        };
        if given.contains(['?', '#']) {
            return Err(PathPrefixError::Query(owned()));
        }
        let mut path = String::new();
        for unit in Units(given.as_bytes()) {
            let coded = match unit {
                Unit::Plain(b'%') => return Err(PathPrefixError::Character(owned())),
                Unit::Plain(byte) if is_of_a_path(byte) => {
                    path.push(char::from(byte));
                    continue;
                }
                // What people write and clients send as codes.
                Unit::Plain(byte) if !byte.is_ascii() => byte,
                Unit::Plain(_) => return Err(PathPrefixError::Character(owned())),
                Unit::Coded(byte) => byte,
            };
            path.extend(['%', hexadecimal(coded >> 4), hexadecimal(coded & 0xf)]);
        }
        if parts.is_empty() {
            return Ok(Self::root());
        }
        // The last slash may be left out.
        path.truncate(path.strip_suffix('/').unwrap_or(&path).len());
        if path[1..].split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(PathPrefixError::Part(owned()));
        }
        if path.len() > MAX_PATH {
            return Err(PathPrefixError::TooLong);
        }
        Ok(Self(path))
    }
}

impl Default for PathPrefix {
    fn default() -> Self {
        Self::root()
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for PathPrefix {
    type Error = PathPrefixError;

    fn try_from(path: String) -> Result<Self, PathPrefixError> {
        path.parse()
    }
}

impl From<PathPrefix> for String {
    fn from(path: PathPrefix) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_kept_in_one_form() {
        for (given, kept) in [
            ("/", "/"),
            ("/v1", "/v1"),
            ("/v1/", "/v1"),
            ("/v1/users", "/v1/users"),
            ("/%7Euser", "/~user"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/café", "/caf%C3%A9"),
            ("/a%2fb", "/a%2Fb"),
            ("/a:b@c;d=e", "/a:b@c;d=e"),
        ] {
            let path: PathPrefix = given.parse().unwrap_or_else(|error| panic!("{given}: {error}"));
            assert_eq!(path.as_str(), kept, "{given}");
        }
    }

    type Reason = fn(String) -> PathPrefixError;

    #[test]
    fn what_is_no_path_is_refused_with_a_reason() {
        let table: [(&str, Reason); 15] = [
            ("", PathPrefixError::NoSlash),
            ("v1", PathPrefixError::NoSlash),
            ("*", PathPrefixError::NoSlash),
            ("/v1?a=b", PathPrefixError::Query),
            ("/v1#a", PathPrefixError::Query),
            ("//", PathPrefixError::Part),
            ("//v1", PathPrefixError::Part),
            ("/v1//users", PathPrefixError::Part),
            ("/v1/../users", PathPrefixError::Part),
            ("/./v1", PathPrefixError::Part),
            ("/v1/%2e%2E", PathPrefixError::Part),
            ("/v 1", PathPrefixError::Character),
            ("/%", PathPrefixError::Character),
            ("/%zz", PathPrefixError::Character),
            ("/a\"b", PathPrefixError::Character),
        ];
        for (given, reason) in table {
            assert_eq!(
                given.parse::<PathPrefix>(),
                Err(reason(given.to_owned())),
                "{given:?}"
            );
        }
        let long = format!("/{}", "a".repeat(MAX_PATH));
        assert_eq!(long.parse::<PathPrefix>(), Err(PathPrefixError::TooLong));
    }

    #[test]
    fn a_path_is_below_another_part_by_part() {
        for (prefix, path, rest) in [
            ("/", "/", Some("/")),
            ("/", "/v1", Some("/v1")),
            ("/", "*", Some("*")),
            ("/v1", "/v1", Some("")),
            ("/v1", "/v1/", Some("/")),
            ("/v1", "/v1/users/1", Some("/users/1")),
            ("/v1", "/v10", None),
            ("/v1", "/", None),
            ("/v1", "/V1", None),
            ("/v1", "//v1", None),
            ("/v1", "/v1%2Fusers", None),
            ("/v1", "/%761/users", Some("/users")),
            ("/v1", "/v1//users", Some("//users")),
            ("/v1", "/v1/../admin", Some("/../admin")),
            ("/caf%C3%A9", "/caf%c3%a9/x", Some("/x")),
            ("/~user", "/%7euser", Some("")),
            ("/a%2Fb", "/a/b", None),
            ("/a%2Fb", "/a%2fb/c", Some("/c")),
            ("/100%25", "/100%", None),
            ("/100%25", "/100%25/x", Some("/x")),
        ] {
            let prefix: PathPrefix = prefix.parse().unwrap();
            assert_eq!(prefix.rest_of(path), rest, "{prefix} {path}");
        }
    }

    proptest! {
        #[test]
        fn accepted_paths_are_stable_and_above_themselves(given in "/\\PC{0,20}|/[a-z%0-9/.é]{0,20}", below in "[ -~]{0,12}") {
            if let Ok(path) = given.parse::<PathPrefix>() {
                prop_assert_eq!(&path.as_str().parse::<PathPrefix>(), &Ok(path.clone()));
                let under = format!("{}/{below}", path.as_str().trim_end_matches('/'));
                let rest = path.rest_of(&under).expect("it is below");
                prop_assert!(under.ends_with(rest));
            }
        }

        /// No path whatsoever makes it panic.
        #[test]
        fn any_path_can_be_asked_for(prefix in "/[a-z%0-9]{0,6}", path in "\\PC{0,20}") {
            if let Ok(prefix) = prefix.parse::<PathPrefix>() {
                let _ = prefix.rest_of(&path);
            }
        }
    }
}
