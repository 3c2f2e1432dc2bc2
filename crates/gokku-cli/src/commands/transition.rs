//! Commands that change what runs: handed to a worker, and followed.

use gokku_core::AppName;
use gokku_core::logs::event::Finish;
use gokku_server::Server;
use gokku_server::app::apps;
use gokku_server::command::status;
use gokku_server::queue::follow::follow;
use gokku_server::worker::request::{Operation, Submitted, submit};

use super::wait;
use crate::error::{DONE, Error};
use crate::printer::{Look, Printer};
use crate::render::{Renderer, exit_code};

/// Asks for a transition and follows it to its end; a busy app refuses it.
pub(super) fn run(
    server: &Server,
    app: &AppName,
    operation: Operation,
    printer: Printer,
) -> Result<u8, Error> {
    apps::load(&server.root, app)?;
    follow_to_end(server, app, submit(server, app, operation, false)?, printer)
}

/// Starts an app that was stopped; one that runs is left alone.
pub(super) fn start(server: &Server, app: &AppName, printer: Printer) -> Result<u8, Error> {
    apps::load(&server.root, app)?;
    if wait(async { Ok(status::answers(server, app).await?) })? {
        printer.note(
            Look::Plain,
            &format!("{app} runs already; `gokku restart -a {app}` gives it a new container"),
        );
        return Ok(DONE);
    }
    run(server, app, Operation::Start, printer)
}

/// Follows a worker to its end.
pub(super) fn follow_to_end(
    server: &Server,
    app: &AppName,
    submitted: Submitted,
    printer: Printer,
) -> Result<u8, Error> {
    Ok(exit_code(&end_of(server, app, submitted, printer)?))
}

/// The same, and then whichever newer one of its kind took its place and does what it was to do.
pub(super) fn follow_to_newest(
    server: &Server,
    app: &AppName,
    submitted: Submitted,
    printer: Printer,
) -> Result<u8, Error> {
    let mut finish = end_of(server, app, submitted, printer)?;
    while let Finish::Superseded { id, process, .. } = finish {
        let mut renderer = Renderer::new(printer);
        finish = follow(&server.root, app, id, process, |event| renderer.show(event))?;
    }
    Ok(exit_code(&finish))
}

/// Follows a worker to whatever end it comes to.
pub(super) fn end_of(
    server: &Server,
    app: &AppName,
    mut submitted: Submitted,
    printer: Printer,
) -> Result<Finish, Error> {
    let mut renderer = Renderer::new(printer);
    let finish = follow(&server.root, app, submitted.id, submitted.child.id(), |event| {
        renderer.show(event);
    })?;
    // It has said its last word: only its end is missing.
    let _ = submitted.child.try_wait();
    Ok(finish)
}
