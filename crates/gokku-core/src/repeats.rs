//! Lines of a log that come again and again: told once, and then counted.

use std::collections::BTreeMap;

/// For how long a line that came is not told again, in milliseconds.
pub const WINDOW: u64 = 60_000;
/// How many lines are remembered.
const MOST: usize = 64;

/// The lines that came within the last minute.
#[derive(Debug, Default)]
pub struct Repeats {
    lines: BTreeMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    since: u64,
    more: u64,
}

impl Seen {
    fn words(&self, line: &str) -> Option<String> {
        (self.more > 0).then(|| format!("{line} ({} more times within a minute)", self.more))
    }
}

impl Repeats {
    /// What is to be written when this line comes, `now` milliseconds after any beginning: how often others came, and
    /// the line itself unless it came already.
    pub fn take(&mut self, line: &str, now: u64) -> Vec<String> {
        let mut told = Vec::new();
        self.lines.retain(|line, seen| {
            let fresh = now.saturating_sub(seen.since) < WINDOW;
            if !fresh {
                told.extend(seen.words(line));
            }
            fresh
        });
        if let Some(seen) = self.lines.get_mut(line) {
            seen.more += 1;
            return told;
        }
        if self.lines.len() >= MOST
            && let Some(oldest) = self
                .lines
                .iter()
                .min_by_key(|(_, seen)| seen.since)
                .map(|(line, _)| line.clone())
            && let Some(seen) = self.lines.remove(&oldest)
        {
            told.extend(seen.words(&oldest));
        }
        self.lines.insert(line.to_owned(), Seen { since: now, more: 0 });
        told.push(line.to_owned());
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_is_told_once_a_minute_with_how_often() {
        let mut repeats = Repeats::default();
        let mut told = Vec::new();
        // Two that take turns, every millisecond, for two minutes.
        for now in 0..2 * WINDOW {
            let line = if now % 2 == 0 { "full" } else { "no files" };
            told.extend(repeats.take(line, now));
        }
        assert_eq!(
            told,
            [
                "full",
                "no files",
                "full (29999 more times within a minute)",
                "full",
                "no files (29999 more times within a minute)",
                "no files",
            ]
        );
    }

    #[test]
    fn what_differs_is_told_each_time_and_does_not_fill_the_memory() {
        let mut repeats = Repeats::default();
        for number in 0..10_000 {
            let line = format!("request {number}");
            assert_eq!(repeats.take(&line, 0), [line]);
            assert!(repeats.lines.len() <= MOST);
        }
    }

    #[test]
    fn what_was_forgotten_for_others_is_counted_all_the_same() {
        let mut repeats = Repeats::default();
        repeats.take("often", 0);
        repeats.take("often", 1);
        let told: Vec<String> = (0..100)
            .flat_map(|number| repeats.take(&number.to_string(), 2))
            .collect();
        assert!(told.contains(&"often (1 more times within a minute)".to_owned()));
    }
}
