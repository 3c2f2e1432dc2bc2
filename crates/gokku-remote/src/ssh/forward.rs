//! A command line that runs on a server as if it ran here: its words byte for byte, input, output and errors passed
//! through unmixed, a terminal where there is one, Ctrl-C, and the exit code.

use std::ffi::OsString;
use std::process::Stdio;

use gokku_core::AppName;
use gokku_core::access::client_hello::Client;

use super::command::{Error, Ssh, SshCall};
use super::signal_relay::SignalRelay;

/// Sends command lines to a server, and says who sends them.
#[derive(Clone, Debug)]
pub struct Forward {
    /// The server.
    pub ssh: Ssh,
    /// The server's folder; without, the server's default.
    pub root: Option<String>,
    /// The app that they are about, whatever `-a` calls it; without, the one that `-a` names.
    pub app: Option<AppName>,
    /// This program, as it introduces itself.
    pub client: Client,
}

/// Says what a command line needs of the terminal it is typed in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Needs {
    /// It needs a terminal on the server.
    pub terminal: bool,
    /// It reads standard input.
    pub input: bool,
    /// Its exit code is another program's, and may be any.
    pub any_code: bool,
}

/// Says how a command line ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The command's exit code.
    pub code: u8,
    /// What ssh printed besides, a warning for example; mostly empty.
    pub messages: String,
}

impl Exit {
    /// Makes one with this code, and without messages.
    pub(crate) fn with(code: u8) -> Self {
        Self {
            code,
            messages: String::new(),
        }
    }
}

impl Forward {
    /// Returns the words that run on the server.
    pub fn words(&self, typed: &[OsString]) -> Vec<OsString> {
        let mut words: Vec<OsString> =
            vec!["gokku".into(), "--client".into(), self.client.to_string().into()];
        if let Some(root) = &self.root {
            words.extend(["--root".into(), root.into()]);
        }
        if let Some(app) = &self.app {
            words.extend(["--as-app".into(), app.as_str().into()]);
        }
        words.extend_from_slice(typed);
        words
    }

    /// Runs a command line to its end.
    pub fn run(&self, typed: &[OsString], needs: Needs) -> Result<Exit, Error> {
        let mut call = self.ssh.call(&self.words(typed), needs.terminal)?;
        if !needs.input && !needs.terminal {
            call.command.stdin(Stdio::null());
        }
        // From before it begins, so that no signal falls in between: it ends this program only through ssh's end.
        let relay = SignalRelay::begin()?;
        let mut child = call.command.spawn().map_err(Error::NoSsh)?;
        relay.watch(&child);
        let status = child.wait()?;
        if let Some(code) = relay.code() {
            return Ok(Exit::with(code));
        }
        exit_of(&call, status, needs)
    }

    /// Runs a command line to its end and returns what it printed; its errors go where this program's go.
    pub fn capture(&self, typed: &[OsString]) -> Result<(Exit, Vec<u8>), Error> {
        let mut call = self.ssh.call(&self.words(typed), false)?;
        call.command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let child = call.command.spawn().map_err(Error::NoSsh)?;
        let output = child.wait_with_output()?;
        let exit = exit_of(&call, output.status, Needs::default())?;
        Ok((exit, output.stdout))
    }
}

/// Returns how a command ended, or why it was not reached.
pub(crate) fn exit_of(call: &SshCall, status: std::process::ExitStatus, needs: Needs) -> Result<Exit, Error> {
    let code = call.check(status, needs.any_code)?;
    Ok(Exit {
        code,
        messages: call.messages(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_stays_as_it_was_and_comes_last() {
        let forward = Forward {
            ssh: Ssh::to("ada@server".parse().expect("an address")),
            root: Some("/opt/gokku".to_owned()),
            app: "api".parse().ok(),
            client: "1:0.1.0".parse().expect("a client"),
        };
        let typed = ["run", "-a", "api-production", "--", "-a", "", "it's\n$5"].map(OsString::from);
        let words = forward.words(&typed);
        assert_eq!(
            words[..7],
            [
                "gokku",
                "--client",
                "1:0.1.0",
                "--root",
                "/opt/gokku",
                "--as-app",
                "api"
            ]
        );
        assert_eq!(words[7..], typed);
        let line = super::super::command::quote(&words).expect("no NUL");
        let again = shlex::bytes::Shlex::new(line.as_encoded_bytes()).collect::<Vec<_>>();
        assert!(
            again
                .iter()
                .zip(&words)
                .all(|(again, word)| again == word.as_encoded_bytes())
        );
    }
}
