//! Which lines of a log are written: one that says what was said just now is counted, and told with its number later. What
//! goes wrong every second fills no disk, and hides nothing else.

use std::time::Duration;

use crate::text::fingerprint::Fingerprint;

/// How long a line is not written again.
const PAUSE: Duration = Duration::from_secs(60);
/// How many lines are remembered; of more than these the one that was said longest ago is forgotten.
const REMEMBERED: usize = 64;

/// The lines that were said lately.
#[derive(Debug, Default)]
pub struct Repeats {
    said: Vec<Said>,
}

#[derive(Debug)]
struct Said {
    line: Fingerprint,
    at: Duration,
    unsaid: u64,
}

impl Repeats {
    /// Whether a line is to be written at this time, and how often it was not since it was. Times are since any moment, and
    /// never go back.
    pub fn turn(&mut self, line: &str, now: Duration) -> Option<u64> {
        let text = line;
        let mut line = Fingerprint::default();
        line.add(text);
        if let Some(said) = self.said.iter_mut().find(|said| said.line == line) {
            if now < said.at + PAUSE {
                said.unsaid = said.unsaid.saturating_add(1);
                return None;
            }
            said.at = now;
            return Some(std::mem::take(&mut said.unsaid));
        }
        if self.said.len() >= REMEMBERED {
            let oldest = (0..self.said.len()).min_by_key(|index| self.said[*index].at);
            self.said.swap_remove(oldest.unwrap_or(0));
        }
        self.said.push(Said {
            line,
            at: now,
            unsaid: 0,
        });
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_minute_and_then_how_often() {
        let mut repeats = Repeats::default();
        let at = Duration::from_secs;
        for (line, now, turn) in [
            ("down", 0, Some(0)),
            ("down", 1, None),
            ("up", 1, Some(0)),
            ("down", 59, None),
            ("down", 60, Some(2)),
            ("down", 61, None),
            ("up", 200, Some(0)),
            ("down", 200, Some(1)),
        ] {
            assert_eq!(repeats.turn(line, at(now)), turn, "{line} {now}");
        }
    }

    #[test]
    fn so_many_lines_are_remembered_and_no_more() {
        let mut repeats = Repeats::default();
        let at = Duration::from_millis;
        for number in 0..1000 {
            assert_eq!(repeats.turn(&format!("line {number}"), at(number)), Some(0));
        }
        assert_eq!(repeats.said.len(), REMEMBERED);
        assert_eq!(repeats.turn("line 999", at(1000)), None);
        assert_eq!(repeats.turn("line 1", at(1000)), Some(0), "long forgotten");
    }
}
