//! Waiting for something to become true.

use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for what should take moments: generous, because machines are busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Looks again and again, at first every 20 ms and then less often, until there is a result.
///
/// # Panics
///
/// Once the time is over, saying what was waited for.
#[track_caller]
pub fn wait_until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        if began.elapsed() >= patience {
            in_vain(what, patience);
        }
        thread::sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_millis(500));
    }
}

/// Waits for what must come to an end.
///
/// # Panics
///
/// With these words, where it does not.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let ended = tokio::time::timeout(PATIENCE, future).await;
    ended.unwrap_or_else(|_| in_vain(what, PATIENCE))
}

/// Looks again and again, at first every 2 ms and then less often, until there is a result.
///
/// # Panics
///
/// Once the time is over, saying what was waited for.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let began = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        if began.elapsed() >= PATIENCE {
            in_vain(what, PATIENCE);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_millis(200));
    }
}

#[track_caller]
fn in_vain(what: &str, patience: Duration) -> ! {
    panic!("waited {} s in vain for: {what}", patience.as_secs())
}
