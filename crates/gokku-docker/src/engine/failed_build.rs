//! Where a build failed: the instruction, the last it printed, how it ended, and what can be done.

use std::collections::VecDeque;
use std::fmt;

/// How many of an instruction's last lines are told again.
const LAST_LINES: usize = 20;

/// Why a build failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailedBuild {
    /// The instruction as the builder shows it, `[3/7] RUN npm run build`; none where no instruction was begun.
    pub instruction: Option<String>,
    /// The last that it printed.
    pub output: Vec<String>,
    /// The builder's words.
    pub reason: String,
}

/// An instruction under way, and the last it printed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Begun {
    pub(crate) instruction: String,
    last: VecDeque<String>,
}

impl Begun {
    pub(crate) fn new(instruction: impl Into<String>) -> Self {
        Self {
            instruction: instruction.into(),
            last: VecDeque::new(),
        }
    }

    pub(crate) fn printed(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
    }

    pub(crate) fn failed(self, reason: String) -> FailedBuild {
        FailedBuild {
            instruction: Some(self.instruction),
            output: self.last.into(),
            reason,
        }
    }
}

impl FailedBuild {
    /// Returns the exit code of the instruction's command, where that is why.
    pub fn exit_code(&self) -> Option<u32> {
        // BuildKit's words.
        let after = self.reason.rsplit_once("exit code: ")?.1;
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        after[..end].parse().ok()
    }

    /// What happened, in the builder's words or shorter ones.
    fn end(&self) -> String {
        match self.exit_code() {
            Some(code) => format!("exit code {code}"),
            // Which part of the builder has told it to which says nothing about the project.
            None => match self.reason.rsplit_once("failed to create LLB definition: ") {
                Some((_, reason)) => reason.to_owned(),
                None => self.reason.clone(),
            },
        }
    }

    fn what_to_do(&self) -> &'static str {
        let reason = self.reason.as_str();
        let has = |words: &[&str]| words.iter().any(|word| reason.contains(word));
        match self.exit_code() {
            Some(137) => "It was killed, most likely because the server had no more memory for it.",
            Some(127) => "There is no such command in the image at this place.",
            Some(_) => {
                "`docker build` in a fresh clone of the commit shows the same. Mend it, commit and push again."
            }
            None if has(&["not found: not found"]) => {
                "The build sees the commit's files: it was not committed, or .dockerignore leaves it out."
            }
            None if has(&["dockerfile parse error"]) => "Mend the Dockerfile, commit and push again.",
            None if is_denial(reason) => {
                "A base image is private, or its name is not right. `gokku registry login HOST --username USER` on the server stores a login for its registry."
            }
            None => "",
        }
    }
}

/// Engines say in words only that it was the registry which refused.
pub(crate) fn is_denial(words: &str) -> bool {
    let words = words.to_lowercase();
    let known = [
        "unauthorized",
        "denied",
        "no basic auth credentials",
        "authentication required",
    ];
    known.iter().any(|known| words.contains(known))
}

impl fmt::Display for FailedBuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(instruction) = &self.instruction {
            writeln!(f, "{instruction}")?;
        }
        for line in &self.output {
            writeln!(f, "    {line}")?;
        }
        f.write_str(&self.end())?;
        match self.what_to_do() {
            "" => Ok(()),
            words => write!(f, "\n{words}"),
        }
    }
}
