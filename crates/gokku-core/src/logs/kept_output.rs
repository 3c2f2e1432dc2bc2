//! What a transition's log keeps of what builds, migrations and apps print: all of it up to a limit, and then the last
//! lines of each.
//!
//! Steps, notes and the end are no output, and always kept.

use std::collections::VecDeque;

use crate::logs::event::{Event, Source};
use crate::text::size::Size;

/// How many of the last lines are kept beyond the limit.
const LAST_LINES: usize = 50;
/// How many bytes of them.
const LAST_BYTES: usize = 64 * 1024;

/// What is written of a log's events.
#[derive(Clone, Debug)]
pub struct Kept {
    limit: Size,
    /// Whether it was said that something is not kept.
    said: bool,
    left_out: Option<LeftOut>,
}

/// Output that is not kept, but for its end.
#[derive(Clone, Debug)]
struct LeftOut {
    source: Source,
    lines: u64,
    bytes: u64,
    last: VecDeque<String>,
    held: usize,
}

fn length(line: &str) -> u64 {
    u64::try_from(line.len()).unwrap_or(u64::MAX)
}

impl LeftOut {
    fn of(source: Source) -> Self {
        Self {
            source,
            lines: 0,
            bytes: 0,
            last: VecDeque::new(),
            held: 0,
        }
    }

    fn push(&mut self, line: String) {
        self.held += line.len();
        self.last.push_back(line);
        while self.last.len() > LAST_LINES || (self.held > LAST_BYTES && self.last.len() > 1) {
            if let Some(line) = self.last.pop_front() {
                self.held -= line.len();
                self.lines += 1;
                self.bytes += length(&line);
            }
        }
    }

    fn end(self) -> impl Iterator<Item = Event> {
        let Self {
            source, lines, bytes, ..
        } = self;
        let gap = (lines > 0).then_some(Event::OutputLeftOut { lines, bytes });
        let last = self
            .last
            .into_iter()
            .map(move |line| Event::Output { source, line });
        gap.into_iter().chain(last)
    }
}

impl Kept {
    /// Returns what keeps up to so many bytes of log; 0 for all there is.
    pub fn up_to(limit: Size) -> Self {
        Self {
            limit,
            said: false,
            left_out: None,
        }
    }

    /// Returns the same for somebody else who writes on that log.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::up_to(self.limit)
    }

    /// Returns what is to be written for an event, to a log of `length` bytes.
    pub fn take(&mut self, event: Event, length: u64) -> Vec<Event> {
        let Event::Output { source, line } = event else {
            return self.rest().into_iter().chain([event]).collect();
        };
        let mut events = Vec::new();
        if self
            .left_out
            .as_ref()
            .is_some_and(|left_out| left_out.source != source)
        {
            events = self.rest();
        }
        if self.left_out.is_none() {
            if self.limit.0 == 0 || length < self.limit.0 {
                events.push(Event::Output { source, line });
                return events;
            }
            if !std::mem::replace(&mut self.said, true) {
                events.push(Event::OutputLimited { limit: self.limit });
            }
        }
        self.left_out
            .get_or_insert_with(|| LeftOut::of(source))
            .push(line);
        events
    }

    /// The last lines of what was left out, which come before what is told next.
    fn rest(&mut self) -> Vec<Event> {
        self.left_out.take().into_iter().flat_map(LeftOut::end).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const ENDED: Event = Event::Resumed;

    /// What is written of these events, each with so many bytes.
    fn written(limit: u64, events: impl IntoIterator<Item = Event>) -> Vec<String> {
        let mut kept = Kept::up_to(Size(limit));
        let (mut length, mut all) = (0, Vec::new());
        for event in events {
            for event in kept.take(event, length) {
                let text = match event {
                    Event::Output { source, line } => format!("{source:?} {line}"),
                    other => format!("{other:?}"),
                };
                length += u64::try_from(text.len()).unwrap();
                all.push(text);
            }
        }
        all
    }

    fn output(source: Source, lines: std::ops::Range<u32>) -> impl Iterator<Item = Event> {
        lines.map(move |number| Event::Output {
            source,
            line: format!("line {number}"),
        })
    }

    #[test]
    fn within_the_limit_everything_is_kept_as_it_came() {
        let all = written(1 << 20, output(Source::Build, 0..1000).chain([ENDED]));
        assert_eq!(all.len(), 1001);
        assert_eq!(all[999], "Build line 999");
        // And without one.
        let all = written(0, output(Source::Build, 0..100_000).chain([ENDED]));
        assert_eq!(all.len(), 100_001);
    }

    #[test]
    fn beyond_it_the_last_lines_come_before_the_end_and_it_is_said_once() {
        let events = output(Source::Build, 0..1000)
            .chain([ENDED])
            .chain(output(Source::Migration, 0..1000))
            .chain(output(Source::App, 0..3))
            .chain([ENDED]);
        let all = written(100, events);
        let said = |all: &[String]| {
            all.iter()
                .filter(|line| *line == "OutputLimited { limit: Size(100) }")
                .count()
        };
        assert_eq!(said(&all), 1);
        assert_eq!(all[8], "Build line 8");
        assert_eq!(all[9], "OutputLimited { limit: Size(100) }");
        let ends: Vec<usize> = (0..all.len()).filter(|at| all[*at] == "Resumed").collect();
        assert_eq!(all[ends[0] - 1], "Build line 999");
        assert_eq!(all[ends[0] - 50], "Build line 950");
        assert!(
            all[ends[0] - 51].starts_with("OutputLeftOut { lines: 941, "),
            "{}",
            all[ends[0] - 51]
        );
        // Of another source the last lines are kept, too, and all where there are few.
        assert!(
            all.contains(&"Migration line 999".to_owned()) && !all.contains(&"Migration line 949".to_owned())
        );
        assert_eq!(
            all[ends[1] - 3..ends[1]],
            ["App line 0", "App line 1", "App line 2"]
        );
        assert!(all.len() < 200, "{}", all.len());
    }

    #[test]
    fn long_lines_are_not_held() {
        let mut kept = Kept::up_to(Size(1));
        let line = "x".repeat(16 * 1024);
        for _ in 0..1000 {
            let source = Source::Build;
            kept.take(
                Event::Output {
                    source,
                    line: line.clone(),
                },
                1,
            );
            let held: usize = kept
                .left_out
                .iter()
                .flat_map(|left| &left.last)
                .map(String::len)
                .sum();
            assert!(held <= LAST_BYTES + line.len(), "{held}");
        }
    }
}
