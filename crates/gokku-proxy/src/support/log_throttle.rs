//! Limits how often the log says the same thing: once a second, and then how many times it was left out. Clients and apps
//! can do wrong as often as they like; a log is on a disk.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::support::lock::lock;

const INTERVAL: Duration = Duration::from_secs(1);

/// What was last logged, and when.
#[derive(Debug, Default)]
pub(crate) struct LogThrottle(Mutex<HashMap<&'static str, Last>>);

#[derive(Debug)]
struct Last {
    at: Instant,
    suppressed: u64,
}

impl LogThrottle {
    /// Returns how many lines were suppressed since the last one if this one may be logged now, and counts it as
    /// suppressed otherwise.
    pub(crate) fn admit(&self, words: &'static str, now: Instant) -> Option<u64> {
        let mut logged = lock(&self.0);
        let Some(last) = logged.get_mut(words) else {
            logged.insert(
                words,
                Last {
                    at: now,
                    suppressed: 0,
                },
            );
            return Some(0);
        };
        if now < last.at + INTERVAL {
            last.suppressed += 1;
            return None;
        }
        last.at = now;
        Some(std::mem::take(&mut last.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_second_and_then_how_many_more() {
        let throttle = LogThrottle::default();
        let now = Instant::now();
        assert_eq!(throttle.admit("one", now), Some(0));
        assert_eq!(throttle.admit("one", now), None);
        assert_eq!(throttle.admit("one", now + INTERVAL / 2), None);
        assert_eq!(throttle.admit("other", now), Some(0));
        assert_eq!(throttle.admit("one", now + INTERVAL), Some(2));
        assert_eq!(throttle.admit("one", now + INTERVAL), None);
    }
}
