//! Commands that change what runs: handed to a worker, and followed.

use gokku_core::AppName;
use gokku_server::follow::follow;
use gokku_server::request::{Ask, Submitted, submit};
use gokku_server::{Server, apps};

use crate::error::Error;
use crate::printer::Printer;
use crate::render::{Renderer, exit_code};

/// Asks for a transition and follows it to its end; a busy app refuses it.
pub(super) fn run(server: &Server, app: &AppName, ask: Ask, printer: Printer) -> Result<u8, Error> {
    apps::load(&server.root, app)?;
    follow_to_end(server, app, submit(server, app, ask, false)?, printer)
}

/// Follows a worker to its end.
pub(super) fn follow_to_end(
    server: &Server,
    app: &AppName,
    mut submitted: Submitted,
    printer: Printer,
) -> Result<u8, Error> {
    let mut renderer = Renderer::new(printer);
    let finish = follow(&server.root, app, submitted.id, submitted.child.id(), |event| {
        renderer.show(event);
    })?;
    // It has said its last word: only its end is missing.
    let _ = submitted.child.try_wait();
    Ok(exit_code(&finish))
}
