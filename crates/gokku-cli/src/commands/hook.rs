//! The pre-receive hook: what git runs before a push is accepted.

use std::io::Read;

use gokku_core::AppName;
use gokku_core::change::Change;
use gokku_server::hook::{Received, receive};
use gokku_server::{Server, events};

use super::transition::follow_to_end;
use super::wait;
use crate::context;
use crate::error::{DONE, Error};
use crate::printer::{Look, Printer};

pub(super) fn run(server: &Server, app: &AppName, printer: Printer) -> Result<u8, Error> {
    let result = judge(server, app, printer);
    // git itself ends well, also when it rejects a push: only here is known what became of it.
    if context::key().is_some() {
        let change = Change::Commanded {
            command: "push".to_owned(),
            code: *result.as_ref().unwrap_or_else(|error| &error.code),
        };
        events::note(&server.root, &server.by, Some(app), change);
    }
    result
}

fn judge(server: &Server, app: &AppName, printer: Printer) -> Result<u8, Error> {
    let mut told = Vec::new();
    std::io::stdin()
        .read_to_end(&mut told)
        .map_err(|error| Error::failed(format!("what git says of the push: {error}")))?;
    // git runs the hook itself: the hook's few lines of shell have become this process.
    let receiver = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs());
    let result = wait(async { Ok(receive(server, app, &told, receiver).await?) })?;
    match result {
        Received::Stored(lines) => {
            for line in lines {
                printer.note(Look::Plain, &format!("-----> {line}"));
            }
            Ok(DONE)
        }
        Received::Deploying(submitted) => follow_to_end(server, app, submitted, printer),
    }
}
