//! How often the log is told of the same thing: once a second, and then how many times more it was. Clients and apps can
//! do wrong as often as they want to; a log is on a disk.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const PAUSE: Duration = Duration::from_secs(1);

/// What was told of one app.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<HashMap<&'static str, Last>>);

#[derive(Debug)]
struct Last {
    at: Instant,
    unsaid: u64,
}

impl Told {
    /// Whether this is to be told now, and how many times it was not told since it was.
    pub(crate) fn turn(&self, words: &'static str, now: Instant) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = told.get_mut(words) else {
            told.insert(words, Last { at: now, unsaid: 0 });
            return Some(0);
        };
        if now < last.at + PAUSE {
            last.unsaid += 1;
            return None;
        }
        last.at = now;
        Some(std::mem::take(&mut last.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_second_and_then_how_many_more() {
        let told = Told::default();
        let now = Instant::now();
        assert_eq!(told.turn("one", now), Some(0));
        assert_eq!(told.turn("one", now), None);
        assert_eq!(told.turn("one", now + PAUSE / 2), None);
        assert_eq!(told.turn("other", now), Some(0));
        assert_eq!(told.turn("one", now + PAUSE), Some(2));
        assert_eq!(told.turn("one", now + PAUSE), None);
    }
}
