//! Release ids: the second of a release's birth, UTC, as `20240115-113000`.
//!
//! An id sorts as its time does, both as text and as a value. The calendar here is the proleptic
//! Gregorian one; the clock is read by the caller.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::utc_time::civil_from_days;

/// A release's id, `YYYYMMDD-HHMMSS` in UTC. Years 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseId {
    /// Seconds since 1970-01-01T00:00:00Z.
    seconds: i64,
}

/// Why a text is not a release id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a release id: it looks like 20240115-113000 (UTC), and `gokku releases` lists them")]
pub struct ReleaseIdError(pub String);

/// 9999-12-31T23:59:59Z
const LAST_SECOND: i64 = 253_402_300_799;

impl ReleaseId {
    /// Returns the id of a release born at `seconds` since 1970-01-01T00:00:00Z; times outside the years 1970 to
    /// 9999 are moved to the nearest second inside.
    pub fn at(seconds: i64) -> Self {
        Self {
            seconds: seconds.clamp(0, LAST_SECOND),
        }
    }

    /// Returns the seconds since 1970-01-01T00:00:00Z.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Returns the id one second later: what a second release in the same second takes, if it is free.
    #[must_use]
    pub fn following(self) -> Self {
        Self::at(self.seconds + 1)
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.seconds.div_euclid(86_400));
        let second = self.seconds.rem_euclid(86_400);
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        f.pad(&format!("{year:04}{month:02}{day:02}-{h:02}{m:02}{s:02}"))
    }
}

impl FromStr for ReleaseId {
    type Err = ReleaseIdError;

    fn from_str(text: &str) -> Result<Self, ReleaseIdError> {
        let refused = || ReleaseIdError(text.to_owned());
        let bytes = text.as_bytes();
        if bytes.len() != 15 || bytes[8] != b'-' {
            return Err(refused());
        }
        let number = |from: usize, to: usize| {
            bytes[from..to].iter().try_fold(0_i64, |sum, byte| {
                byte.is_ascii_digit()
                    .then(|| sum * 10 + i64::from(byte - b'0'))
                    .ok_or_else(refused)
            })
        };
        let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
        let (h, m, s) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
        if year < 1970 || h > 23 || m > 59 || s > 59 {
            return Err(refused());
        }
        let id = Self {
            seconds: days_from_civil(year, month, day) * 86_400 + h * 3600 + m * 60 + s,
        };
        // A month 13 or a 30 February lands on another day: only what prints the same was a date.
        if id.to_string() == text {
            Ok(id)
        } else {
            Err(refused())
        }
    }
}

impl TryFrom<String> for ReleaseId {
    type Error = ReleaseIdError;

    fn try_from(text: String) -> Result<Self, ReleaseIdError> {
        text.parse()
    }
}

impl From<ReleaseId> for String {
    fn from(id: ReleaseId) -> Self {
        id.to_string()
    }
}

/// (year, month, day) to days since 1970-01-01: Howard Hinnant's `days_from_civil`.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}
