//! The system's `ssh`, run from one place: the user's configuration, agent, known hosts and shared connections all
//! hold. What ssh itself says is kept apart from what the command on the other side says.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

use tempfile::NamedTempFile;

use crate::destination::Destination;

/// The exit code by which ssh says that it failed itself, see ssh(1).
const OWN_FAILURE: i32 = 255;

/// Why a command could not be run on a server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no ssh here.
    #[error("ssh could not be run: {0}. Install it: apt-get install openssh-client")]
    NoSsh(io::Error),
    /// ssh did not reach the server, or lost it.
    #[error("{destination} could not be reached: {words}")]
    Unreachable {
        /// Which.
        destination: Destination,
        /// ssh's own words.
        words: String,
    },
    /// An argument that no program can be given.
    #[error("an argument has a NUL byte in it, which no program can be given")]
    Nul,
    /// A file around it could not be written or read.
    #[error("{0}")]
    File(#[from] io::Error),
}

/// How a command on a server is run.
#[derive(Clone, Debug)]
pub struct Ssh {
    destination: Destination,
    options: Vec<OsString>,
}

/// An ssh that is about to run, with the place where it leaves its own words.
pub struct Call {
    /// It; input, output and error are still to be said.
    pub command: Command,
    destination: Destination,
    words: NamedTempFile,
}

/// A command's bytes as a shell of the other side reads them back: one word for each.
pub fn quoted(words: &[impl AsRef<OsStr>]) -> Result<OsString, Error> {
    let all = words.iter().map(|word| word.as_ref().as_bytes());
    let quoter = shlex::bytes::Quoter::new();
    let line = quoter.join(all).map_err(|_| Error::Nul)?;
    Ok(OsStr::from_bytes(&line).to_owned())
}

impl Ssh {
    /// To this server.
    pub fn to(destination: Destination) -> Self {
        Self {
            destination,
            options: Vec::new(),
        }
    }

    /// With one more option of ssh's own.
    #[must_use]
    pub fn with(mut self, option: impl Into<OsString>) -> Self {
        self.options.push(option.into());
        self
    }

    /// The server.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// A command on the server, its words kept byte for byte; with a terminal or without one.
    pub fn call(&self, words: &[impl AsRef<OsStr>], terminal: bool) -> Result<Call, Error> {
        let line = quoted(words)?;
        let words = NamedTempFile::with_prefix("gokku-ssh-")?;
        let mut command = Command::new("ssh");
        command
            .args(&self.options)
            .arg("-E")
            .arg(words.path())
            .arg(if terminal { "-t" } else { "-T" })
            .args(self.destination.args())
            .arg(line);
        Ok(Call {
            command,
            destination: self.destination.clone(),
            words,
        })
    }

    /// Runs a command to its end with this on its standard input, and gives what it printed and its exit code.
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

impl Call {
    /// The command's exit code, or ssh's own failure in its own words. A command that may exit with any code is told
    /// from ssh by whether ssh said anything.
    pub fn check(&self, status: ExitStatus, any_code: bool) -> Result<u8, Error> {
        let words = self.words();
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

    /// What ssh itself has said so far, but for good-byes.
    pub fn words(&self) -> String {
        let said = fs::read(self.words.path()).unwrap_or_default();
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
