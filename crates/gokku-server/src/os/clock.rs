//! The time, and how people write it.
//!
//! What is told and recorded has the wall clock's time, which can be set ahead and back. Nothing is decided by it, and how
//! long something took is what [`elapsed_ms`] says.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Seconds since then.
pub fn now_seconds() -> i64 {
    Timestamp::now().as_second()
}

/// Returns the milliseconds since then, by a clock that nobody can set.
pub fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since the machine was started, the time that it slept included: `CLOCK_BOOTTIME`, see `clock_gettime(2)`.
/// The same for every process, and never set.
pub fn uptime_ms() -> i64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec
        .saturating_mul(1000)
        .saturating_add(now.tv_nsec / 1_000_000)
}

/// Returns how long ago something was, by a time that was recorded of it; never longer than `most`, which is known by a clock
/// that nobody can set.
pub fn ago(recorded_ms: i64, most: Duration) -> Duration {
    let ago = now_ms().saturating_sub(recorded_ms).max(0);
    Duration::from_millis(ago.unsigned_abs()).min(most)
}

/// Returns now, RFC 3339 in UTC, to the second.
pub fn now_text() -> String {
    text(now_seconds())
}

/// Now, where that is another time than `seconds` since 1970: before it, by more than it takes from the one to the other.
pub(crate) fn unlike(seconds: i64) -> Option<String> {
    const NEAR: i64 = 60;
    (now_seconds() < seconds - NEAR).then(now_text)
}

/// Returns a time, RFC 3339 in UTC.
pub fn text(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map(|at| at.to_string())
        .unwrap_or_default()
}

/// Seconds since 1970 of an RFC 3339 time.
pub fn parse(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// Milliseconds since 1970 of an RFC 3339 time.
pub fn parse_ms(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// Returns how long something took or lasts, in the two largest units: `3d 4h`, `2m 5s`, `41s`.
pub fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, m) => format!("{m}m {}s", seconds % 60),
        (0, h, m) => format!("{h}h {m}m"),
        (d, h, _) => format!("{d}d {h}h"),
    }
}

/// Returns the time that `--since` means: `10m`, `2h30m`, or RFC 3339; in seconds since 1970.
pub fn since(given: &str) -> Option<i64> {
    if let Some(at) = parse(given) {
        return Some(at);
    }
    let ago: SignedDuration = given.parse().ok()?;
    (!ago.is_negative()).then(|| now_seconds().saturating_sub(ago.as_secs()).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_since() {
        assert_eq!(
            (span(41), span(125), span(7_300)),
            ("41s".into(), "2m 5s".into(), "2h 1m".into())
        );
        assert_eq!(span(90_000 * 3), "3d 3h");
        assert_eq!(since("2024-01-15T11:30:00Z"), Some(1_705_318_200));
        assert!(since("10m").is_some_and(|at| (now_seconds() - at - 600).abs() < 5));
        assert_eq!((since("-10m"), since("soon")), (None, None));
        assert_eq!(since("9223372036854775807s"), Some(0), "before there was time");
    }

    #[test]
    fn a_clock_that_was_set_does_not_make_a_wait_longer_or_shorter_than_it_can_have_been() {
        let year = 365 * 86_400_000;
        let most = Duration::from_secs(3);
        for (recorded, least, longest) in [
            (now_ms() - year, 3000, 3000),
            (now_ms() + year, 0, 0),
            (now_ms() - 1000, 1000, 2999),
            (i64::MIN, 3000, 3000),
            (i64::MAX, 0, 0),
        ] {
            let ago = ago(recorded, most).as_millis();
            assert!((least..=longest).contains(&ago), "{recorded}: {ago}");
        }
    }
}
