//! A command line that runs on a server as if it ran here: its words byte for byte, input, output and errors passed
//! through unmixed, a terminal where there is one, Ctrl-C, and the exit code.

use std::ffi::OsString;
use std::process::Stdio;

use gokku_core::AppName;
use gokku_core::access::client_hello::Client;

use crate::relay::Relay;
use crate::ssh::{Call, Error, Ssh};

/// Where command lines are sent, and as whose.
#[derive(Clone, Debug)]
pub struct Forward {
    /// The server.
    pub ssh: Ssh,
    /// The server's folder; its own default without.
    pub root: Option<String>,
    /// The app that they are about, whatever they call it; without, what they say.
    pub app: Option<AppName>,
    /// This program, as it introduces itself.
    pub client: Client,
}

/// What a command line needs of its surroundings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Needs {
    /// A terminal.
    pub terminal: bool,
    /// What is typed or piped into it.
    pub input: bool,
    /// Its exit code is a program's own, and may be any.
    pub any_code: bool,
}

/// How a command line ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code.
    pub code: u8,
    /// What ssh had to say besides, a warning say; empty mostly.
    pub words: String,
}

impl Ended {
    /// With this code, and nothing to say.
    pub(crate) fn with(code: u8) -> Self {
        Self {
            code,
            words: String::new(),
        }
    }
}

impl Forward {
    /// The words that run on the server.
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

    /// Runs it to its end.
    pub fn run(&self, typed: &[OsString], needs: Needs) -> Result<Ended, Error> {
        let mut call = self.ssh.call(&self.words(typed), needs.terminal)?;
        if !needs.input && !needs.terminal {
            call.command.stdin(Stdio::null());
        }
        // From before it begins, so that no signal falls in between: it ends this program only through ssh's end.
        let relay = Relay::begin()?;
        let mut child = call.command.spawn().map_err(Error::NoSsh)?;
        relay.watch(&child);
        let status = child.wait()?;
        if let Some(code) = relay.code() {
            return Ok(Ended::with(code));
        }
        ended(&call, status, needs)
    }

    /// Runs it to its end with this on its input, and gives what it printed; its errors go where this program's go.
    pub fn ask(&self, typed: &[OsString]) -> Result<(Ended, Vec<u8>), Error> {
        let mut call = self.ssh.call(&self.words(typed), false)?;
        call.command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let child = call.command.spawn().map_err(Error::NoSsh)?;
        let output = child.wait_with_output()?;
        let ended = ended(&call, output.status, Needs::default())?;
        Ok((ended, output.stdout))
    }
}

pub(crate) fn ended(call: &Call, status: std::process::ExitStatus, needs: Needs) -> Result<Ended, Error> {
    let code = call.check(status, needs.any_code)?;
    Ok(Ended {
        code,
        words: call.words(),
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
        let line = crate::ssh::quoted(&words).expect("no NUL");
        let again = shlex::bytes::Shlex::new(line.as_encoded_bytes()).collect::<Vec<_>>();
        assert!(
            again
                .iter()
                .zip(&words)
                .all(|(again, word)| again == word.as_encoded_bytes())
        );
    }
}
