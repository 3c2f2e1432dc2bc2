//! The classic builder's progress: what the engine sends as `stream`.
//!
//! A message is whatever the builder or a step wrote at once, so a line may come in pieces; what a step writes to its
//! standard error comes in red. The counterpart of `trace.rs`.

use crate::engine::failed_build::{Begun, FailedBuild};
use gokku_core::containers::lines::{Unended, lines};

/// Follows a build's progress.
#[derive(Debug, Default)]
pub struct Classic {
    out: Unended,
    err: Unended,
    /// Whether the step under way gives an image that was there before.
    found: bool,
    made: Vec<String>,
    begun: Option<Begun>,
}

const RED: &str = "\u{1b}[91m";
const PLAIN: &str = "\u{1b}[0m";

impl Classic {
    /// The lines that a message completes.
    pub fn lines(&mut self, text: &str) -> Vec<String> {
        let red = text.strip_prefix(RED).and_then(|text| text.strip_suffix(PLAIN));
        let held = if red.is_some() {
            &mut self.err
        } else {
            &mut self.out
        };
        let lines = told(&held.push(red.unwrap_or(text).as_bytes()));
        for line in &lines {
            if red.is_none() {
                self.note(line);
            } else {
                self.printed(line);
            }
        }
        lines
    }

    /// What was said last, without the end of its line.
    pub fn rest(&mut self) -> Vec<String> {
        let mut rest = told(&self.out.rest());
        rest.extend(told(&self.err.rest()));
        for line in &rest {
            self.printed(line);
        }
        rest
    }

    /// The instruction under way, for which the build failed with these words.
    pub fn failed(&mut self, reason: String) -> FailedBuild {
        match self.begun.take() {
            Some(begun) => begun.failed(reason),
            None => FailedBuild {
                reason,
                ..FailedBuild::default()
            },
        }
    }

    fn printed(&mut self, line: &str) {
        if let Some(begun) = &mut self.begun {
            begun.printed(line);
        }
    }

    /// The images of the steps that were done, in their order. They have no name and, where the build fails, no use.
    pub fn made(&self) -> &[String] {
        &self.made
    }

    fn note(&mut self, line: &str) {
        if let Some(step) = line.strip_prefix("Step ") {
            self.found = step
                .split_once(" : ")
                .is_some_and(|(_, what)| what.starts_with("FROM"));
            self.begun = Some(Begun::new(line));
        } else if line == " ---> Using cache" {
            self.found = true;
        } else if let Some(id) = line.strip_prefix(" ---> ")
            && !self.found
            && id.len() == 12
            && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            self.made.push(id.to_owned());
        } else if !line.starts_with(" ---> ") && !line.starts_with("Removing intermediate container ") {
            self.printed(line);
        }
    }
}

/// The lines that are shown; empty ones are not.
fn told(said: &[u8]) -> Vec<String> {
    let mut lines = lines(said);
    lines.retain(|line| !line.trim().is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_pieces_are_put_together_for_each_stream() {
        let mut classic = Classic::default();
        assert_eq!(classic.lines("Step 1/2 : FROM scratch"), [""; 0]);
        assert_eq!(classic.lines("\n"), ["Step 1/2 : FROM scratch"]);
        assert_eq!(classic.lines("one\ntw"), ["one"]);
        assert_eq!(classic.lines("\u{1b}[91mwarn\u{1b}[0m"), [""; 0]);
        assert_eq!(classic.lines("o\r\n"), ["two"]);
        assert_eq!(classic.lines("\u{1b}[91ming\n\n\u{1b}[0m"), ["warning"]);
        assert_eq!(classic.lines("end"), [""; 0]);
        assert_eq!(classic.rest(), ["end"]);
        assert_eq!(classic.rest(), [""; 0]);
    }

    #[test]
    fn only_what_the_build_made_is_its_own() {
        let mut classic = Classic::default();
        classic.lines("Step 1/4 : FROM base:1\n ---> 0123456789ab\n");
        classic.lines("Step 2/4 : COPY app /app\n ---> Using cache\n ---> ab0123456789\n");
        assert_eq!(classic.made(), [""; 0]);
        classic.lines("Step 3/4 : ENV A=1\n ---> Running in cd0123456789\n");
        classic.lines("Removing intermediate container cd0123456789\n ---> ef0123456789\n");
        assert_eq!(classic.made(), ["ef0123456789"]);
        // What a step says is not what the builder says, and only looks like it.
        classic.lines("Step 4/4 : RUN x\n ---> Running in 010123456789\n ---> word\n");
        assert_eq!(classic.made(), ["ef0123456789"]);
    }
}
