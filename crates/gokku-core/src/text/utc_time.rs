//! A moment, as people and programs read it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

/// A moment in seconds since 1970, which is shown and kept as RFC 3339 has it: `2026-12-01T08:30:00Z`. Sums end at the first and
/// the last moment there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct UtcTime(pub i64);

impl UtcTime {
    /// The first moment: before all others.
    pub const FIRST: Self = Self(i64::MIN);

    /// Returns the moment that much later.
    #[must_use]
    pub fn after(self, pause: Duration) -> Self {
        Self(self.0.saturating_add(seconds(pause)))
    }

    /// Returns the moment that much earlier.
    #[must_use]
    pub fn before(self, pause: Duration) -> Self {
        Self(self.0.saturating_sub(seconds(pause)))
    }

    /// Returns how much later it is than another moment; nothing if it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        let seconds = self.0.saturating_sub(earlier.0);
        Duration::from_secs(seconds.try_into().unwrap_or_default())
    }
}

fn seconds(pause: Duration) -> i64 {
    pause.as_secs().try_into().unwrap_or(i64::MAX)
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: i64 = 86_400;
        let (year, month, day) = civil_from_days(self.0.div_euclid(DAY));
        let seconds = self.0.rem_euclid(DAY);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        f.pad(&format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        ))
    }
}

impl Serialize for UtcTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a text is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no moment: it is written as 2026-12-01T08:30:00Z")]
pub struct UtcTimeError(String);

impl FromStr for UtcTime {
    type Err = UtcTimeError;

    fn from_str(text: &str) -> Result<Self, UtcTimeError> {
        let parsed = parse(text).filter(|parsed| parsed.to_string() == text);
        parsed.ok_or_else(|| UtcTimeError(text.chars().take(40).collect()))
    }
}

impl TryFrom<String> for UtcTime {
    type Error = UtcTimeError;

    fn try_from(text: String) -> Result<Self, UtcTimeError> {
        text.parse()
    }
}

/// Returns the moment of a text in the form in which moments are shown; it may be none that there is, the 30th of February.
fn parse(text: &str) -> Option<UtcTime> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let number = |text: &str| text.parse::<u32>().ok().map(i64::from);
    let three = |text: &str, between| {
        let mut parts = text.split(between).map(number);
        Some((parts.next()??, parts.next()??, parts.next()??))
    };
    let ((year, month, day), (hour, minute, second)) = (three(date, '-')?, three(time, ':')?);
    let days = days_from_civil(year, month, day);
    Some(UtcTime(days * 86_400 + hour * 3600 + minute * 60 + second))
}

/// (year, month, day) to days since 1970-01-01: Howard Hinnant's `days_from_civil`.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Days since 1970-01-01 to (year, month, day): Howard Hinnant's `civil_from_days`.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_shown_as_rfc_3339_has_them() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_796_113_815, "2026-12-01T08:30:15Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(UtcTime(seconds).to_string(), shown, "{seconds}");
            assert_eq!(shown.parse(), Ok(UtcTime(seconds)), "{shown}");
        }
        for text in [
            "",
            "2026-12-01",
            "2026-12-01T08:30:15",
            "2026-12-01 08:30:15Z",
            "2026-02-30T00:00:00Z",
            "2026-12-01T24:00:00Z",
            "2026-12-01T08:30:15.5Z",
            "2026-12-01T08:30:15+01:00",
            "4294967295-12-01T08:30:15Z0",
        ] {
            assert!(text.parse::<UtcTime>().is_err(), "{text}");
        }
    }

    #[test]
    fn sums_end_where_time_does() {
        let last = UtcTime(i64::MAX);
        assert_eq!(last.after(Duration::MAX), last);
        assert_eq!(UtcTime::FIRST.before(Duration::MAX), UtcTime::FIRST);
        assert_eq!(UtcTime(10).since(UtcTime(40)), Duration::ZERO);
        assert_eq!(UtcTime(40).since(UtcTime(10)), Duration::from_secs(30));
        assert_eq!(last.since(UtcTime::FIRST), Duration::from_secs(i64::MAX as u64));
    }
}
