//! Trying again: soon at first, then more slowly.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(20);

/// The pause before the next attempt; each is twice as long as the one before, up to a limit.
#[derive(Debug)]
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
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(self.longest);
    }

    /// An attempt went well.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }
}
