//! What a finished program said.

use std::fmt;
use std::io::Write;
use std::process::{Command, Stdio};

/// A program's exit and output. Shows all of it when a check fails.
#[derive(Clone, Debug)]
pub struct Output {
    command: String,
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output, bytes that are no UTF-8 replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// Standard output, exactly.
    pub stdout_bytes: Vec<u8>,
}

impl Output {
    /// Runs a command to its end.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[track_caller]
    pub fn of(command: &mut Command) -> Self {
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{} could not be run: {error}", shown(command)));
        Self::from_parts(shown(command), output)
    }

    /// Runs a command to its end, with this on its standard input.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[track_caller]
    pub fn with_input(command: &mut Command, input: &[u8]) -> Self {
        let name = shown(command);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} could not be run: {error}"));
        if let Some(mut stdin) = child.stdin.take() {
            // A program may end without reading all of it; its exit code tells.
            let _ = stdin.write_all(input);
        }
        let output = child
            .wait_with_output()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        Self::from_parts(name, output)
    }

    pub(crate) fn from_parts(command: String, output: std::process::Output) -> Self {
        Self {
            command,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            stdout_bytes: output.stdout,
        }
    }

    /// Must have succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Must have ended with this code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert!(self.code == Some(code), "should have exited with {code}\n{self}");
        self
    }

    /// Standard output must contain this.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "should have said {text:?}\n{self}");
        self
    }

    /// Standard error must contain this.
    #[track_caller]
    pub fn complains(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "should have complained {text:?}\n{self}"
        );
        self
    }

    /// Standard output without its last line end.
    pub fn line(&self) -> &str {
        self.stdout.trim_end_matches('\n')
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error})\n{self}"))
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self
            .code
            .map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        write!(
            f,
            "$ {}\nexit: {code}\nstdout:\n{}\nstderr:\n{}",
            self.command, self.stdout, self.stderr
        )
    }
}

/// The program and its arguments, without the environment: that may hold secrets.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
