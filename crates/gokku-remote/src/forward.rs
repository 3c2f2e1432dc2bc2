//! A command line that runs on a server as if it ran here: its words byte for byte, input, output and errors passed
//! through unmixed, a terminal where there is one, Ctrl-C, and the exit code.

use std::ffi::OsString;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

use gokku_core::AppName;
use gokku_core::client::Client;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

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
        let signals = Relay::begin()?;
        let mut child = call.command.spawn().map_err(Error::NoSsh)?;
        let relay = signals.to(&child);
        let status = child.wait()?;
        let asked = relay.end();
        if let Some(signal) = asked {
            let code = u8::try_from(128 + signal).unwrap_or(1);
            return Ok(Ended {
                code,
                words: String::new(),
            });
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

fn ended(call: &Call, status: std::process::ExitStatus, needs: Needs) -> Result<Ended, Error> {
    let code = call.check(status, needs.any_code)?;
    Ok(Ended {
        code,
        words: call.words(),
    })
}

/// Signals that are sent to this program while another does the work. Ctrl-C reaches that one from the terminal; the
/// others are passed on.
struct Relay {
    signals: Signals,
}

/// The same, with somebody to pass them to.
struct Relaying {
    handle: signal_hook::iterator::Handle,
    thread: thread::JoinHandle<()>,
    last: Arc<AtomicI32>,
}

impl Relay {
    fn begin() -> Result<Self, Error> {
        Ok(Self {
            signals: Signals::new([SIGINT, SIGTERM, SIGHUP])?,
        })
    }

    fn to(mut self, child: &Child) -> Relaying {
        let last = Arc::new(AtomicI32::new(0));
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let handle = self.signals.handle();
        let heard = Arc::clone(&last);
        let thread = thread::spawn(move || {
            for signal in self.signals.forever() {
                heard.store(signal, Ordering::SeqCst);
                // One that was sent to this process alone has to be sent on; ssh takes a second one as it takes one.
                if let Some(pid) = pid {
                    let _ = kill_process(
                        pid,
                        if signal == SIGINT {
                            Signal::INT
                        } else {
                            Signal::TERM
                        },
                    );
                }
            }
        });
        Relaying { handle, thread, last }
    }
}

impl Relaying {
    /// The signal that was sent, if any.
    fn end(self) -> Option<i32> {
        self.handle.close();
        // It ends with its signals.
        let _ = self.thread.join();
        Some(self.last.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
    }
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
