//! Follows an app's output on a server: when the connection is lost, it goes on after the last line that came, with none
//! lost and none twice.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use gokku_core::logs::log_cursor::LogCursor;
use gokku_core::logs::log_line::AppLine;
use gokku_core::machine::backoff::Backoff;

use super::command::Error;
use super::forward::{Exit, Forward, Needs, exit_of};
use super::signal_relay::SignalRelay;

/// The longest pause before the server is asked again.
const LONGEST: Duration = Duration::from_secs(5);

/// What happens while an app's output is followed.
#[derive(Debug)]
pub enum LogUpdate<'a> {
    /// The app has printed this.
    Line(&'a AppLine),
    /// The connection was lost, for this reason: it is tried again.
    ConnectionLost(&'a Error),
    /// The connection is there again.
    Reconnected,
}

/// Follows an app's output until somebody ends it; `on_update` returns false when it wants no more. `always` are arguments
/// of every request, `asked` those of the first: once a line has come, later ones ask for what comes after it.
pub fn follow_logs(
    there: &Forward,
    always: &[OsString],
    asked: &[OsString],
    mut on_update: impl FnMut(LogUpdate<'_>) -> bool,
) -> Result<Exit, Error> {
    let relay = SignalRelay::begin()?;
    let mut pause = Backoff::up_to(LONGEST);
    let mut last: Option<LogCursor> = None;
    let mut was_there = false;
    let mut is_lost = false;
    loop {
        let words = words(always, asked, last.as_ref());
        let mut call = there.ssh.call(&there.words(&words), false)?;
        call.command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = call.command.spawn().map_err(Error::NoSsh)?;
        relay.watch(&child);
        let mut wanted = true;
        if let Some(stdout) = child.stdout.take() {
            // Its end is that of the connection. What was cut off in the midst of a line comes again.
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                was_there = true;
                pause.reset();
                if std::mem::take(&mut is_lost) && !on_update(LogUpdate::Reconnected) {
                    wanted = false;
                    break;
                }
                let Ok(piece) = serde_json::from_slice::<AppLine>(&line) else {
                    continue;
                };
                last = Some(piece.cursor());
                if !on_update(LogUpdate::Line(&piece)) {
                    wanted = false;
                    break;
                }
            }
        }
        if !wanted {
            // It has nobody to write to any more, and ssh ends with it.
            let _ = child.kill();
        }
        let status = child.wait()?;
        relay.done();
        if let Some(code) = relay.code() {
            return Ok(Exit::with(code));
        }
        if !wanted {
            return Ok(Exit::with(0));
        }
        match exit_of(&call, status, Needs::default()) {
            Err(error @ Error::Unreachable { .. }) if was_there => {
                if !is_lost && !on_update(LogUpdate::ConnectionLost(&error)) {
                    return Err(error);
                }
                is_lost = true;
            }
            exit => return exit,
        }
        relay.pause(pause.take());
        if let Some(code) = relay.code() {
            return Ok(Exit::with(code));
        }
    }
}

/// Returns the command line that asks for the output.
fn words(always: &[OsString], asked: &[OsString], last: Option<&LogCursor>) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["logs", "--follow", "--json"].map(OsString::from).to_vec();
    words.extend_from_slice(always);
    match last {
        Some(place) => words.extend(["--resume".into(), place.to_string().into()]),
        None => words.extend_from_slice(asked),
    }
    words
}
