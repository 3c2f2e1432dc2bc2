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
use std::fmt;

use crate::app::process_key::{ProcessType, ProcessTypeError};
use crate::config::env_file::LONGEST;
use crate::text::shell::{self, Line};

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

/// Everything that is wrong with a `Procfile`, in its order; at least one thing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ProcfileErrors(pub Vec<ProcfileError>);

impl fmt::Display for ProcfileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
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
    /// Linux starts no program with a word of this length.
    #[error(
        "the command has more than {LONGEST_COMMAND} bytes, and no program can be given as much in one word"
    )]
    TooLong,
}

/// A parsed `Procfile`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Procfile {
    /// The command of each type.
    pub processes: BTreeMap<ProcessType, Command>,
    /// `release`: the migration.
    pub release: Option<Command>,
}

/// The most bytes of a command: all of it is one word for the shell that may run it, with something before it.
const LONGEST_COMMAND: usize = LONGEST - 1024;

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
        if text.len() > LONGEST_COMMAND {
            return Err(CommandError::TooLong);
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

/// A line that says something.
struct Entry<'a> {
    /// Its number, from 1.
    number: usize,
    whole: &'a str,
    /// It without what it is indented by.
    bare: &'a str,
}

impl<'a> Entry<'a> {
    /// The type and the command, each without what surrounds it.
    fn parts(&self) -> Option<(&'a str, &'a str)> {
        let (kind, command) = self.bare.split_once(':')?;
        Some((kind.trim_end(), command.trim_start()))
    }
}

fn entries(text: &str) -> impl Iterator<Item = Entry<'_>> {
    let lines = text.split('\n').zip(1..);
    lines.filter_map(|(whole, number)| {
        let whole = whole.strip_suffix('\r').unwrap_or(whole);
        let bare = whole.trim_start();
        let says = !bare.is_empty() && !bare.starts_with('#');
        says.then_some(Entry { number, whole, bare })
    })
}

/// The types of a `Procfile` and their commands, of the lines that have one: for whoever looks at a file that somebody else
/// checks.
pub(crate) fn named(text: &str) -> impl Iterator<Item = (&str, &str)> {
    entries(text).filter_map(|entry| entry.parts())
}

impl Procfile {
    /// Reads the text of a file called `file`, which errors begin with.
    pub fn parse(file: &str, text: &str) -> Result<Self, ProcfileErrors> {
        let mut all = Self::default();
        let mut wrong = Vec::new();
        let mut said = BTreeMap::new();
        for line in entries(text) {
            let mut note = |rest: &str, what: String| {
                wrong.push(ProcfileError {
                    file: file.to_owned(),
                    line: line.number,
                    column: line.whole.chars().count() - rest.chars().count() + 1,
                    what,
                });
            };
            let Some((kind, command)) = line.parts() else {
                note(
                    line.bare,
                    "this is no process: a line is `type: command`".to_owned(),
                );
                continue;
            };
            let kind: Option<ProcessType> = kind
                .parse()
                .map_err(|error: ProcessTypeError| note(line.bare, error.to_string()))
                .ok();
            let named = kind.as_ref().map_or_else(String::new, |kind| format!("{kind}: "));
            let parsed: Option<Command> = command
                .parse()
                .map_err(|error: CommandError| note(command, format!("{named}{error}")))
                .ok();
            let Some(kind) = kind else { continue };
            if let Some(first) = said.insert(kind.clone(), line.number) {
                note(
                    line.bare,
                    format!("{kind} stands here twice: it is in line {first}, too"),
                );
            }
            let Some(parsed) = parsed else { continue };
            if kind.as_str() == RELEASE {
                all.release = Some(parsed);
            } else {
                all.processes.insert(kind, parsed);
            }
        }
        if wrong.is_empty() {
            Ok(all)
        } else {
            Err(ProcfileErrors(wrong))
        }
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
    fn herokus_names_are_valid() {
        let text = "Web: a\nmy-worker: b\nSIDEKIQ_high: c\n1st: d\nworker-2: e\n_x: f\nrelease : g";
        let all = Procfile::parse("Procfile", text).unwrap();
        let kinds: Vec<&str> = all.processes.keys().map(ProcessType::as_str).collect();
        assert_eq!(
            kinds,
            ["1st", "SIDEKIQ_high", "Web", "_x", "my-worker", "worker-2"]
        );
        assert!(all.release.is_some());
        let named: Vec<_> = named(" web : ./a b\r\n#x: y\nno process\n").collect();
        assert_eq!(named, [("web", "./a b")]);
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
            "web one: a",
            "web: a\nmy.worker: b",
            "web: a\n  web: b",
            "web: a\nrelease: b\nrelease: c",
            ": a",
            "web: ''",
            "web: a\u{7}",
            "-worker: a",
            "wörker: ",
            // Everything at once.
            "web\n\n# why\nweb: 'a\n  web: b\n\tmy worker: ./a\r\nworker: \n: ''\nworker: c\nclock: ./c\n",
        ]
        .map(|text| Procfile::parse("Procfile", text).unwrap_err().to_string())
        .to_vec();
        insta::assert_snapshot!(told.join("\n"), @r#"
        Procfile:1:1: this is no process: a line is `type: command`
        Procfile:1:6: web: the command names no program
        Procfile:1:6: web: the command has a quote that is never closed, or ends in a backslash
        Procfile:1:1: "web one" is not a process type: it is letters, digits, - and _, at most 63 in all, and does not begin with -
        Procfile:2:1: "my.worker" is not a process type: it is letters, digits, - and _, at most 63 in all, and does not begin with -
        Procfile:2:3: web stands here twice: it is in line 1, too
        Procfile:3:1: release stands here twice: it is in line 2, too
        Procfile:1:1: "" is not a process type: it is letters, digits, - and _, at most 63 in all, and does not begin with -
        Procfile:1:6: web: the command names no program
        Procfile:1:6: web: the command has a control character in it
        Procfile:1:1: "-worker" is not a process type: it is letters, digits, - and _, at most 63 in all, and does not begin with -
        Procfile:1:1: "wörker" is not a process type: it is letters, digits, - and _, at most 63 in all, and does not begin with -
        Procfile:1:9: the command names no program
        Procfile:1:1: this is no process: a line is `type: command`
        Procfile:4:6: web: the command has a quote that is never closed, or ends in a backslash
        Procfile:5:3: web stands here twice: it is in line 4, too
        Procfile:6:2: "my worker" is not a process type: it is letters, digits, - and _, at most 63 in all, and does not begin with -
        Procfile:7:9: worker: the command names no program
        Procfile:8:1: "" is not a process type: it is letters, digits, - and _, at most 63 in all, and does not begin with -
        Procfile:8:3: the command names no program
        Procfile:9:1: worker stands here twice: it is in line 7, too
        "#);
    }
}
