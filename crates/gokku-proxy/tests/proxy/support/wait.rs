//! Waiting for what others do.

use std::time::{Duration, Instant};

/// How long a test waits for what should take moments: generous, because machines are busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What must come to an end, and gives up with these words where it does not.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let ended = tokio::time::timeout(PATIENCE, future).await;
    ended.unwrap_or_else(|_| panic!("waited {} s in vain for: {what}", PATIENCE.as_secs()))
}

/// Looks again and again, at first every 2 ms and then less often, until there is a result.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let began = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "waited {} s in vain for: {what}",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_millis(200));
    }
}
