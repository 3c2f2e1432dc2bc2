//! Trying again: soon at first, then more slowly. How long to wait is decided here; whoever tries does the waiting.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(20);

/// The pauses between attempts; each is twice as long as the one before, up to a limit.
#[derive(Clone, Copy, Debug)]
pub struct Pause {
    first: Duration,
    next: Duration,
    longest: Duration,
}

impl Pause {
    /// Begins with 20 ms.
    pub fn up_to(longest: Duration) -> Self {
        Self::between(FIRST, longest)
    }

    /// Begins with another one.
    pub fn between(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            next: first,
            longest,
        }
    }

    /// The pause before the next attempt.
    pub fn take(&mut self) -> Duration {
        let now = self.next;
        self.next = (now * 2).min(self.longest);
        now
    }

    /// An attempt went well.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_twice_as_long_up_to_the_longest() {
        let mut pause = Pause::up_to(Duration::from_millis(100));
        let taken: Vec<u128> = (0..5).map(|_| pause.take().as_millis()).collect();
        assert_eq!(taken, [20, 40, 80, 100, 100]);
        pause.reset();
        assert_eq!(pause.take(), FIRST);
    }
}
