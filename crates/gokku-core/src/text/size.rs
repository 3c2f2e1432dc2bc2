//! Amounts of bytes, as people write and read them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount of bytes: written `500m`, shown as `500 MB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(pub u64);

/// An amount that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no amount: it is a whole number and b, k, m or g, as 500m or 10g")]
pub struct SizeError(String);

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        bytes(text).map(Self).ok_or_else(|| SizeError(text.to_owned()))
    }
}

impl TryFrom<String> for Size {
    type Error = SizeError;

    fn try_from(text: String) -> Result<Self, SizeError> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        format!("{}b", size.0)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unit = 1;
        for name in ["bytes", "kB", "MB", "GB"] {
            let next: u64 = unit << 10;
            if self.0 < next || name == "GB" {
                let (whole, tenths) = (self.0 / unit, self.0 % unit * 10 / unit);
                return if whole < 10 && unit > 1 {
                    write!(f, "{whole}.{tenths} {name}")
                } else {
                    write!(f, "{whole} {name}")
                };
            }
            unit = next;
        }
        Ok(())
    }
}

/// An amount as a plain number of bytes, as programs read it.
pub mod number {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Size;

    /// Writes the number.
    pub fn serialize<S: Serializer>(size: &Size, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(size.0)
    }

    /// Reads the number.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Size, D::Error> {
        u64::deserialize(from).map(Size)
    }
}

/// Reads an amount of anything that is counted in bytes.
pub fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match text.get(digits.len()..)? {
        "b" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return None,
    };
    let bytes = whole(digits)?.checked_mul(unit)?;
    // The engine counts in signed numbers.
    i64::try_from(bytes).is_ok().then_some(bytes)
}

/// Reads a whole number without a sign.
pub(crate) fn whole(digits: &str) -> Option<u64> {
    let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_plain)
}
