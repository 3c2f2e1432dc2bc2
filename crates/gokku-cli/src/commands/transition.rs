//! Hands what changes an app to a worker, and follows it to its end.

use gokku_core::AppName;
use gokku_core::logs::event::Finish;
use gokku_server::app::apps;
use gokku_server::queue::follow::follow;
use gokku_server::worker::request::{Operation, Submitted, submit};

use crate::context::Context;
use crate::error::{Error, exit_code_of};
use crate::render::Renderer;

/// Asks for a transition and follows it to its end; a busy app refuses it.
pub(super) fn run(context: &Context, app: &AppName, operation: Operation) -> Result<u8, Error> {
    let server = context.server()?;
    apps::load(&server.app_dir(app))?;
    follow_to_end(context, app, submit(server, app, operation, false)?)
}

/// Follows a worker to its end.
pub(super) fn follow_to_end(context: &Context, app: &AppName, submitted: Submitted) -> Result<u8, Error> {
    Ok(exit_code_of(&end_of(context, app, submitted)?))
}

/// Follows a worker to its end, and then whichever newer one of its kind took its place and does what it was to do.
pub(super) fn follow_to_newest(context: &Context, app: &AppName, submitted: Submitted) -> Result<u8, Error> {
    let mut finish = end_of(context, app, submitted)?;
    while let Finish::Superseded { id, process, .. } = finish {
        let mut renderer = Renderer::new(context.printer, context.server()?);
        finish = follow(&context.server()?.app_dir(app), id, process, |event| {
            renderer.show(event);
        })?;
    }
    Ok(exit_code_of(&finish))
}

/// Follows a worker, and returns whatever end it comes to.
pub(super) fn end_of(context: &Context, app: &AppName, mut submitted: Submitted) -> Result<Finish, Error> {
    let mut renderer = Renderer::new(context.printer, context.server()?);
    let dir = context.server()?.app_dir(app);
    let finish = follow(&dir, submitted.id, submitted.child.id(), |event| {
        renderer.show(event);
    })?;
    // It has said its last word: only its end is missing.
    let _ = submitted.child.try_wait();
    Ok(finish)
}
