//! BuildKit's progress: what the engine sends as `moby.buildkit.trace`.
//!
//! Each message is base64 of protobuf, `StatusResponse` of BuildKit's `api/services/control/control.proto`. Only
//! what a person reads is taken out of it: the steps' names and the lines they print.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::build::protobuf::Fields;
use crate::engine::failed_build::{Begun, FailedBuild};
use gokku_core::containers::lines::Unended;

/// Follows a build's progress.
#[derive(Debug, Default)]
pub struct Trace {
    begun: BTreeMap<Vec<u8>, Begun>,
    ended: BTreeSet<Vec<u8>>,
    /// What a step's stream has said without the end of its line: a message ends anywhere.
    held: BTreeMap<(Vec<u8>, u64), Unended>,
    failed: Option<FailedBuild>,
    loaded: Vec<String>,
}

impl Trace {
    /// Returns the images that BuildKit has looked for since this was asked last.
    pub fn loaded(&mut self) -> Vec<String> {
        std::mem::take(&mut self.loaded)
    }

    /// Returns the lines that a message brings.
    pub fn lines(&mut self, base64: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let Ok(bytes) = BASE64.decode(base64) else {
            return lines;
        };
        let of = |wanted| {
            Fields(&bytes)
                .filter(move |(number, _, _)| *number == wanted)
                .map(|(_, _, bytes)| bytes)
        };
        let mut steps: Vec<Step> = of(1).map(Step::read).collect();
        self.loaded
            .extend(steps.iter().filter_map(Step::image).map(str::to_owned));
        steps.retain(Step::is_shown);
        for step in &steps {
            if step.started && !self.begun.contains_key(&step.digest) {
                self.begun.insert(step.digest.clone(), Begun::new(&step.name));
                // One that was cached is over as soon as it is told.
                let over = step.completed && step.cached && self.ended.insert(step.digest.clone());
                lines.push(format!("{}{}", step.name, if over { " (cached)" } else { "" }));
            }
        }
        of(3).for_each(|bytes| self.log(bytes, &mut lines));
        for step in &steps {
            if step.completed && self.ended.insert(step.digest.clone()) {
                self.let_go(|(digest, _)| *digest == step.digest, &mut lines);
                if step.cached {
                    lines.push(format!("{} (cached)", step.name));
                }
                if !step.error.is_empty() {
                    lines.push(format!("  failed: {}", step.error));
                    self.note_failure(step);
                }
            }
        }
        lines
    }

    /// Returns what was said last, without the end of its line.
    pub fn rest(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        self.let_go(|_| true, &mut lines);
        lines
    }

    /// Returns the step that failed.
    pub fn failed(&mut self) -> Option<FailedBuild> {
        self.failed.take()
    }

    /// The steps beside a failed one fail too, because they are ended.
    fn note_failure(&mut self, step: &Step) {
        let begun = self.begun.get(&step.digest).cloned();
        if self.failed.is_none() && !step.error.contains("context canceled") {
            let begun = begun.unwrap_or_else(|| Begun::new(&step.name));
            self.failed = Some(begun.failed(step.error.clone()));
        }
    }

    fn log(&mut self, bytes: &[u8], lines: &mut Vec<String>) {
        let (mut digest, mut stream, mut said) = (&[][..], 0, &[][..]);
        for (number, value, bytes) in Fields(bytes) {
            match number {
                1 => digest = bytes,
                3 => stream = value,
                4 => said = bytes,
                _ => {}
            }
        }
        let held = self.held.entry((digest.to_vec(), stream)).or_default();
        let said = held.push(said);
        self.tell(digest, &said, lines);
    }

    fn let_go(&mut self, whose: impl Fn(&(Vec<u8>, u64)) -> bool, lines: &mut Vec<String>) {
        let over: Vec<_> = self.held.keys().filter(|key| whose(key)).cloned().collect();
        for key in over {
            let said = self.held.remove(&key).map(|mut said| said.rest());
            self.tell(&key.0, &said.unwrap_or_default(), lines);
        }
    }

    fn tell(&mut self, digest: &[u8], said: &[u8], lines: &mut Vec<String>) {
        for line in gokku_core::containers::lines::lines(said) {
            if let Some(begun) = self.begun.get_mut(digest) {
                begun.printed(&line);
            }
            lines.push(format!("  {line}"));
        }
    }
}

/// A step as a message shows it.
#[derive(Default)]
struct Step {
    digest: Vec<u8>,
    name: String,
    cached: bool,
    started: bool,
    completed: bool,
    error: String,
}

impl Step {
    fn read(bytes: &[u8]) -> Self {
        let mut step = Self::default();
        for (number, value, bytes) in Fields(bytes) {
            match number {
                1 => step.digest = bytes.to_vec(),
                3 => step.name = String::from_utf8_lossy(bytes).into_owned(),
                4 => step.cached = value != 0,
                5 => step.started = true,
                6 => step.completed = true,
                7 => step.error = String::from_utf8_lossy(bytes).into_owned(),
                _ => {}
            }
        }
        step
    }

    /// Not those that are BuildKit's own.
    fn is_shown(&self) -> bool {
        // The second is how the folder that was sent comes into the build.
        let own = self.name.starts_with("[internal]") || self.name == "copy /context /";
        !own && !self.name.is_empty()
    }

    /// The image that it looks for. What an instruction says has another beginning.
    fn image(&self) -> Option<&str> {
        let loads = self.name.strip_prefix("[internal] load metadata for ");
        loads.or_else(|| self.name.strip_prefix("FROM "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_message_ends_and_does_not_panic() {
        let message = [
            0x0a, 0x0a, 0x0a, 0x01, b'd', 0x1a, 0x01, b'n', 0x2a, 0x00, 0x20, 0x01,
        ];
        for end in 0..message.len() {
            for (_, _, bytes) in Fields(&message[..end]) {
                drop(Step::read(bytes));
                Trace::default().log(bytes, &mut Vec::new());
            }
        }
    }
}
