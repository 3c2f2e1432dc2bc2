//! A `Procfile`: the commands of an app's processes, one type a line.
//!
//! ```text
//! # type: command
//! web: ./server --port $PORT
//! worker: ./server work
//! release: ./server migrate
//! ```
//!
//! A [`Command`] runs as it is written: as a program and its words, or where it has something in it that only a shell
//! understands, by the image's `/bin/sh`, which leaves its place to a single program: see [`shell`].

use std::collections::BTreeMap;

use crate::process::ProcessType;
use crate::shell::{self, Line};

/// The file's name.
pub const PROCFILE: &str = "Procfile";

/// The type whose command is the migration.
pub(crate) const RELEASE: &str = "release";

/// What is wrong with a `Procfile`, and where. Line and column count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}")]
pub struct ProcfileError {
    /// The file's name.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
    /// What is wrong.
    pub what: String,
}

/// A command line that can be run. It may have a secret in it, and is shown to whoever may read the code only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    text: String,
    words: Vec<String>,
}

/// Why a command line cannot be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// A quote is open at its end, or a backslash is the last character.
    #[error("the command has a quote that is never closed, or ends in a backslash")]
    Quotes,
    /// It has no first word.
    #[error("the command names no program")]
    Empty,
    /// It has a NUL or another control character in it.
    #[error("the command has a control character in it")]
    Control,
}

/// A parsed `Procfile`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Procfile {
    /// The command of each type.
    pub processes: BTreeMap<ProcessType, Command>,
    /// `release`: the migration.
    pub release: Option<Command>,
}

impl Command {
    /// How it looks: as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is run: the program and its arguments.
    pub fn words(&self) -> &[String] {
        &self.words
    }
}

impl std::str::FromStr for Command {
    type Err = CommandError;

    fn from_str(text: &str) -> Result<Self, CommandError> {
        let text = text.trim();
        if text.chars().any(|c| c.is_control() && c != '\t') {
            return Err(CommandError::Control);
        }
        let words = shlex::split(text);
        if words
            .as_ref()
            .is_some_and(|words| words.first().is_none_or(String::is_empty))
        {
            return Err(CommandError::Empty);
        }
        let by_shell = |script: String| vec!["/bin/sh".to_owned(), "-c".to_owned(), script];
        let words = match (shell::read(text), words) {
            (
                Line::One {
                    needs_shell: false, ..
                }
                | Line::Unclosed,
                None,
            ) => return Err(CommandError::Quotes),
            (
                Line::One {
                    needs_shell: false, ..
                },
                Some(words),
            ) => words,
            // One program: it takes the shell's place, so that it is the one that is told to stop.
            (Line::One { .. }, _) => by_shell(shell::in_its_place(text).unwrap_or_else(|| text.to_owned())),
            (Line::Several | Line::Unclosed, _) => by_shell(text.to_owned()),
        };
        Ok(Self {
            text: text.to_owned(),
            words,
        })
    }
}

impl Procfile {
    /// Reads the text of a file called `file`, which errors begin with.
    pub fn parse(file: &str, text: &str) -> Result<Self, ProcfileError> {
        let mut all = Self::default();
        for (at, line) in text.split('\n').enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            let bare = line.trim_start();
            if bare.is_empty() || bare.starts_with('#') {
                continue;
            }
            let wrong = |rest: &str, what: String| ProcfileError {
                file: file.to_owned(),
                line: at + 1,
                column: line.chars().count() - rest.chars().count() + 1,
                what,
            };
            let Some((kind, command)) = bare.split_once(':') else {
                let what = "this is no process: a line is `type: command`".to_owned();
                return Err(wrong(bare, what));
            };
            let kind: ProcessType = kind
                .trim_end()
                .parse()
                .map_err(|error: crate::process::ProcessTypeError| wrong(bare, error.to_string()))?;
            let rest = command.trim_start();
            let parsed = rest
                .parse()
                .map_err(|error: CommandError| wrong(rest, format!("{kind}: {error}")))?;
            let before = if kind.as_str() == RELEASE {
                all.release.replace(parsed)
            } else {
                all.processes.insert(kind.clone(), parsed)
            };
            if before.is_some() {
                return Err(wrong(bare, format!("{kind} stands here twice")));
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.parse::<Command>().unwrap().words
    }

    #[test]
    fn types_and_commands() {
        let text =
            "# what runs\r\nweb: ./server --port 80\n\n  worker : ./work 'a b'\r\nrelease: ./migrate\n";
        let all = Procfile::parse("Procfile", text).unwrap();
        let kinds: Vec<&str> = all.processes.keys().map(ProcessType::as_str).collect();
        assert_eq!(kinds, ["web", "worker"]);
        assert_eq!(all.processes[&"worker".parse().unwrap()].words, ["./work", "a b"]);
        assert_eq!(all.release.unwrap().text(), "./migrate");
        assert_eq!(Procfile::parse("Procfile", "").unwrap(), Procfile::default());
    }

    #[test]
    fn a_shell_only_where_one_is_needed() {
        assert_eq!(words("./server -b 0.0.0.0:80"), ["./server", "-b", "0.0.0.0:80"]);
        assert_eq!(words("echo '$PORT' \\$PORT"), ["echo", "$PORT", "$PORT"]);
        assert_eq!(words("run # why"), ["run"]);
        assert_eq!(words("serve -p $PORT"), ["/bin/sh", "-c", "exec serve -p $PORT"]);
        assert_eq!(
            words("serve \"${A}\" 2>&1"),
            ["/bin/sh", "-c", "exec serve \"${A}\" 2>&1"]
        );
        assert_eq!(words("A=1 b"), ["/bin/sh", "-c", "A=1 exec b"]);
        assert_eq!(words("env A=1 b"), ["env", "A=1", "b"]);
        let quoted = "a \"$(b 'c\"d')\"";
        assert_eq!(words(quoted), ["/bin/sh", "-c", &format!("exec {quoted}")]);
        for several in [
            "a && b",
            "a | b",
            "a; b",
            "cd x",
            "exec a $B",
            "(a)",
            "a &",
            "a `b",
        ] {
            assert_eq!(words(several), ["/bin/sh", "-c", several]);
        }
    }

    #[test]
    fn wrong_in_each_way() {
        let told: Vec<String> = [
            "web",
            "web: ",
            "web: 'a",
            "Web: a",
            "web: a\nmy-worker: b",
            "web: a\n  web: b",
            "web: a\nrelease: b\nrelease: c",
            ": a",
            "web: ''",
            "web: a\u{7}",
            "abcdefghijklmnop: a",
        ]
        .map(|text| Procfile::parse("Procfile", text).unwrap_err().to_string())
        .to_vec();
        insta::assert_snapshot!(told.join("\n"), @r#"
        Procfile:1:1: this is no process: a line is `type: command`
        Procfile:1:6: web: the command names no program
        Procfile:1:6: web: the command has a quote that is never closed, or ends in a backslash
        Procfile:1:1: "Web" is not a process type: it is a lower-case letter, then letters and digits, at most 15 in all
        Procfile:2:1: "my-worker" is not a process type: it is a lower-case letter, then letters and digits, at most 15 in all
        Procfile:2:3: web stands here twice
        Procfile:3:1: release stands here twice
        Procfile:1:1: "" is not a process type: it is a lower-case letter, then letters and digits, at most 15 in all
        Procfile:1:6: web: the command names no program
        Procfile:1:6: web: the command has a control character in it
        Procfile:1:1: "abcdefghijklmnop" is not a process type: it is a lower-case letter, then letters and digits, at most 15 in all
        "#);
    }
}
