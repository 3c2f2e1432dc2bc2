//! Maintenance: for a while an app's clients get a page, and only who has the pass gets through to the app.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::app::page::Page;
use crate::text::hex;

/// How many characters a pass has.
const PASS: usize = 32;

/// What an app's clients get while it lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// The app's own page (HTML); a plain line of text without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
    /// What lets somebody through.
    pub pass: Pass,
}

/// A word that nobody can guess; who has it gets through to the app. It is secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pass(String);

/// Why a text is no pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pass has {PASS} hexadecimal digits")]
pub struct NoPass;

impl Pass {
    /// Returns the pass of these bytes, which nobody can guess.
    pub fn of(bytes: [u8; 16]) -> Self {
        Self(hex::encode(&bytes))
    }

    /// Returns it as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether somebody shows this pass. How long that takes says nothing of it.
    pub fn is(&self, shown: &str) -> bool {
        let differences = self.0.bytes().zip(shown.bytes());
        let differs = differences.fold(0, |all, (one, other)| all | (one ^ other));
        shown.len() == self.0.len() && differs == 0
    }
}

impl TryFrom<String> for Pass {
    type Error = NoPass;

    fn try_from(text: String) -> Result<Self, NoPass> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_pass = text.len() == PASS && text.bytes().all(is_digit);
        is_pass.then_some(Self(text)).ok_or(NoPass)
    }
}

impl From<Pass> for String {
    fn from(pass: Pass) -> Self {
        pass.0
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pass")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_pass_lets_through() {
        let text = "00112233445566778899aabbccddeeff";
        let pass = Pass::try_from(text.to_owned()).unwrap();
        assert_eq!(format!("{pass:?}"), "Pass");
        assert_eq!(Pass::of(*b"\0\x11\"3DUfw\x88\x99\xaa\xbb\xcc\xdd\xee\xff"), pass);
        for (shown, expected) in [
            (text, true),
            ("", false),
            (&text[1..], false),
            ("00112233445566778899aabbccddeefe", false),
            ("10112233445566778899aabbccddeeff", false),
            ("00112233445566778899aabbccddeeff0", false),
            ("00112233445566778899AABBCCDDEEFF", false),
        ] {
            assert_eq!(pass.is(shown), expected, "{shown}");
        }
        for bad in [
            "",
            "0011",
            "00112233445566778899AABBCCDDEEFF",
            "g0112233445566778899aabbccddeeff",
        ] {
            assert_eq!(Pass::try_from(bad.to_owned()), Err(NoPass), "{bad}");
        }
    }
}
