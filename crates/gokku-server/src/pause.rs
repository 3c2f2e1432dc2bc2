//! Trying again: soon at first, then more slowly.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

const FIRST: Duration = Duration::from_millis(20);

/// The pause before the next attempt; each is twice as long as the one before, up to a limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    next: Duration,
    longest: Duration,
}

impl Pause {
    /// Begins with 20 ms.
    pub(crate) fn up_to(longest: Duration) -> Self {
        Self { next: FIRST, longest }
    }

    pub(crate) async fn wait(&mut self) {
        sleep_until(Instant::now() + self.next()).await;
    }

    /// How long to wait now; for whoever waits in another way.
    pub(crate) fn next(&mut self) -> Duration {
        let now = self.next;
        self.next = (self.next * 2).min(self.longest);
        now
    }

    /// An attempt went well.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }
}
