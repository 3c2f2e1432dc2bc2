//! Moments as certificates have them, in whole seconds, and chance as a number that is given.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment: seconds since 1970 began, UTC. Sums end at the first and the last moment there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(pub i64);

impl UnixTime {
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

/// A number that was drawn by chance, all equally likely. It is drawn once for what is decided by it and kept with that: a
/// moment that were drawn anew with each look would come too early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Draw(pub u32);

impl Draw {
    /// Returns the part of a time that the number stands for: from nothing to all of it.
    pub fn part_of(self, whole: Duration) -> Duration {
        let whole = u128::from(whole.as_secs());
        let part = whole * u128::from(self.0) / u128::from(u32::MAX);
        Duration::from_secs(part.try_into().unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_end_where_time_does() {
        let last = UnixTime(i64::MAX);
        assert_eq!(last.after(Duration::MAX), last);
        assert_eq!(UnixTime::FIRST.before(Duration::MAX), UnixTime::FIRST);
        assert_eq!(UnixTime(10).since(UnixTime(40)), Duration::ZERO);
        assert_eq!(UnixTime(40).since(UnixTime(10)), Duration::from_secs(30));
        assert_eq!(last.since(UnixTime::FIRST), Duration::from_secs(i64::MAX as u64));
    }

    #[test]
    fn a_draw_is_a_part_of_a_time() {
        let day = Duration::from_secs(86_400);
        for (draw, part) in [(0, 0), (u32::MAX / 2, 43_199), (u32::MAX, 86_400)] {
            assert_eq!(Draw(draw).part_of(day).as_secs(), part, "{draw}");
        }
        assert_eq!(Draw(u32::MAX).part_of(Duration::MAX).as_secs(), u64::MAX);
    }
}
