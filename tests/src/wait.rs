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
        assert!(
            began.elapsed() < patience,
            "waited {} s in vain for: {what}",
            patience.as_secs()
        );
        thread::sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_millis(500));
    }
}
