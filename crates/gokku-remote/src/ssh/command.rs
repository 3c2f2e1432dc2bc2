//! The system's `ssh`, run from one place: the user's configuration, agent, known hosts and shared connections all
//! hold. What ssh itself says is kept apart from what the command on the other side says.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

use tempfile::NamedTempFile;

use super::destination::Destination;

/// The exit code by which ssh says that it failed itself, not the command it ran, see ssh(1).
const OWN_FAILURE: i32 = 255;

/// Why a command could not be run on a server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no ssh here.
    #[error("ssh could not be run: {0}. Install it: apt-get install openssh-client")]
    NoSsh(#[source] io::Error),
    /// ssh did not reach the server, or lost it.
    #[error("{destination} could not be reached: {words}")]
    Unreachable {
        /// The server.
        destination: Destination,
        /// What ssh printed.
        words: String,
    },
    /// An argument has a NUL byte in it.
    #[error("an argument has a NUL byte in it, which no program can be given")]
    Nul,
    /// The file that takes what ssh prints could not be written or read.
    #[error("{0}")]
    File(#[from] io::Error),
}

/// Runs commands on one server.
#[derive(Clone, Debug)]
pub struct Ssh {
    destination: Destination,
    options: Vec<OsString>,
}

/// An `ssh` that is about to run, with the file that takes its own messages.
pub struct SshCall {
    /// The process to start; its standard streams are not set yet.
    pub command: Command,
    destination: Destination,
    messages: NamedTempFile,
}

/// Quotes words so that a shell on the server reads back the same bytes, one word for each.
pub fn quote(words: &[impl AsRef<OsStr>]) -> Result<OsString, Error> {
    let all = words.iter().map(|word| word.as_ref().as_bytes());
    let quoter = shlex::bytes::Quoter::new();
    let line = quoter.join(all).map_err(|_| Error::Nul)?;
    Ok(OsStr::from_bytes(&line).to_owned())
}

impl Ssh {
    /// Makes one for this server.
    pub fn to(destination: Destination) -> Self {
        Self {
            destination,
            options: Vec::new(),
        }
    }

    /// Adds an option of ssh's own.
    #[must_use]
    pub fn with_option(mut self, option: impl Into<OsString>) -> Self {
        self.options.push(option.into());
        self
    }

    /// Returns the server.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Prepares a command on the server, its words kept byte for byte; with a terminal or without one.
    pub fn call(&self, words: &[impl AsRef<OsStr>], terminal: bool) -> Result<SshCall, Error> {
        let line = quote(words)?;
        let messages = NamedTempFile::with_prefix("gokku-ssh-")?;
        let mut command = Command::new("ssh");
        command
            .args(&self.options)
            .arg("-E")
            .arg(messages.path())
            .arg(if terminal { "-t" } else { "-T" })
            .args(self.destination.args())
            .arg(line);
        Ok(SshCall {
            command,
            destination: self.destination.clone(),
            messages,
        })
    }

    /// Runs a command to its end with `input` on its standard input, and returns what it printed and its exit code.
    pub fn output(&self, words: &[impl AsRef<OsStr>], input: &[u8]) -> Result<std::process::Output, Error> {
        let mut call = self.call(words, false)?;
        call.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = call.command.spawn().map_err(Error::NoSsh)?;
        let mut stdin = child.stdin.take();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                if let Some(stdin) = &mut stdin {
                    // Whoever does not read it all says so by its exit code.
                    let _ = stdin.write_all(input);
                }
                drop(stdin);
            });
            child.wait_with_output()
        })?;
        call.check(output.status, false)?;
        Ok(output)
    }
}

impl SshCall {
    /// Returns the command's exit code, or ssh's own failure. A command that may exit with any code is told from ssh by
    /// whether ssh has printed anything.
    pub fn check(&self, status: ExitStatus, any_code: bool) -> Result<u8, Error> {
        let words = self.messages();
        match status.code() {
            Some(OWN_FAILURE) if !(any_code && words.is_empty()) => Err(Error::Unreachable {
                destination: self.destination.clone(),
                words: if words.is_empty() {
                    "the connection was lost".to_owned()
                } else {
                    words
                },
            }),
            Some(code) => Ok(u8::try_from(code).unwrap_or(1)),
            // Whoever has this program end itself is told apart by then.
            None => Err(Error::Unreachable {
                destination: self.destination.clone(),
                words: format!(
                    "ssh was killed, by signal {}",
                    status.signal().unwrap_or_default()
                ),
            }),
        }
    }

    /// Returns what ssh itself has printed so far, without its good-byes.
    pub fn messages(&self) -> String {
        let said = fs::read(self.messages.path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&said);
        let is_good_bye = |line: &str| {
            (line.starts_with("Connection to ") || line.starts_with("Shared connection to "))
                && line.ends_with(" closed.")
        };
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty() && !is_good_bye(line))
            .collect();
        lines.join("; ")
    }
}
