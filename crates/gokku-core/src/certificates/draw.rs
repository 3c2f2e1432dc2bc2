//! Chance, as a number that is given.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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
    fn a_draw_is_a_part_of_a_time() {
        let day = Duration::from_secs(86_400);
        for (draw, part) in [(0, 0), (u32::MAX / 2, 43_199), (u32::MAX, 86_400)] {
            assert_eq!(Draw(draw).part_of(day).as_secs(), part, "{draw}");
        }
        assert_eq!(Draw(u32::MAX).part_of(Duration::MAX).as_secs(), u64::MAX);
    }
}
