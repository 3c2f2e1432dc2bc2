//! An app's output, followed from afar: when the connection is lost, it goes on after the last line that came, with none
//! lost and none twice.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use gokku_core::logs::log_cursor::Place;
use gokku_core::logs::log_line::AppLine;
use gokku_core::machine::backoff::Pause;

use crate::forward::{Ended, Forward, Needs, ended};
use crate::relay::Relay;
use crate::ssh::Error;

/// The longest pause before the server is asked again.
const LONGEST: Duration = Duration::from_secs(5);

/// What is told of it.
#[derive(Debug)]
pub enum Told<'a> {
    /// A piece of what the app printed.
    Piece(&'a AppLine),
    /// The connection was lost, for this reason: it is tried again.
    Lost(&'a Error),
    /// It is there again.
    Back,
}

/// Follows it until somebody ends it; `on_told` gives false when it wants no more. `always` is what is asked for each time,
/// `asked` at first; from the first line on, what comes after the last that came is asked for.
pub fn follow(
    there: &Forward,
    always: &[OsString],
    asked: &[OsString],
    mut on_told: impl FnMut(Told<'_>) -> bool,
) -> Result<Ended, Error> {
    let relay = Relay::begin()?;
    let mut pause = Pause::up_to(LONGEST);
    let mut last: Option<Place> = None;
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
                if std::mem::take(&mut is_lost) && !on_told(Told::Back) {
                    wanted = false;
                    break;
                }
                let Ok(piece) = serde_json::from_slice::<AppLine>(&line) else {
                    continue;
                };
                last = Some(piece.place());
                if !on_told(Told::Piece(&piece)) {
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
            return Ok(Ended::with(code));
        }
        if !wanted {
            return Ok(Ended::with(0));
        }
        match ended(&call, status, Needs::default()) {
            Err(error @ Error::Unreachable { .. }) if was_there => {
                if !is_lost && !on_told(Told::Lost(&error)) {
                    return Err(error);
                }
                is_lost = true;
            }
            ended => return ended,
        }
        relay.pause(pause.take());
        if let Some(code) = relay.code() {
            return Ok(Ended::with(code));
        }
    }
}

/// The command line that asks for it.
fn words(always: &[OsString], asked: &[OsString], last: Option<&Place>) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["logs", "--follow", "--json"].map(OsString::from).to_vec();
    words.extend_from_slice(always);
    match last {
        Some(place) => words.extend(["--resume".into(), place.to_string().into()]),
        None => words.extend_from_slice(asked),
    }
    words
}
