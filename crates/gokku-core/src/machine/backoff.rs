//! Trying again: soon at first, then more slowly. How long to wait is decided here; whoever tries does the waiting.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(20);
/// How many times as long as the one before a pause is, as a fraction.
const TWICE: (u32, u32) = (2, 1);
const A_FIFTH_MORE: (u32, u32) = (6, 5);

/// The pauses between attempts: each is longer than the one before, up to a limit.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    next: Duration,
    longest: Duration,
    growth: (u32, u32),
}

impl Backoff {
    /// Returns a backoff that begins with 20 ms.
    pub fn up_to(longest: Duration) -> Self {
        Self::between(FIRST, longest)
    }

    /// Returns a backoff that begins with another pause.
    pub fn between(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            next: first,
            longest,
            growth: TWICE,
        }
    }

    /// Returns a backoff whose pauses grow by a fifth: for what may come true at any moment, and holds up whoever waits.
    pub fn slowly(first: Duration, longest: Duration) -> Self {
        Self {
            growth: A_FIFTH_MORE,
            ..Self::between(first, longest)
        }
    }

    /// Returns the pause before the next attempt, and makes the one after it longer.
    pub fn take(&mut self) -> Duration {
        let now = self.next;
        let (times, parts) = self.growth;
        self.next = (now * times / parts).min(self.longest);
        now
    }

    /// Begins anew, after an attempt that went well.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slowly_is_a_fifth_longer_each_time() {
        let mut pause = Backoff::slowly(FIRST, Duration::from_millis(40));
        let taken: Vec<u128> = (0..6).map(|_| pause.take().as_micros()).collect();
        assert_eq!(taken, [20_000, 24_000, 28_800, 34_560, 40_000, 40_000]);
    }

    #[test]
    fn each_is_twice_as_long_up_to_the_longest() {
        let mut pause = Backoff::up_to(Duration::from_millis(100));
        let taken: Vec<u128> = (0..5).map(|_| pause.take().as_millis()).collect();
        assert_eq!(taken, [20, 40, 80, 100, 100]);
        pause.reset();
        assert_eq!(pause.take(), FIRST);
    }
}
