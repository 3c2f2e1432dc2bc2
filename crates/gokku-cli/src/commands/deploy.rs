//! `gokku deploy`: the current commit again, or an image; the deploy under way followed or ended.

use std::ops::ControlFlow;

use gokku_core::AppName;
use gokku_core::config::image_ref::ImageRef;
use gokku_core::logs::event::{Event, Finish};
use gokku_server::Server;
use gokku_server::queue::abort;
use gokku_server::queue::follow::{follow, follow_until};
use gokku_server::queue::lock::{self, Holder};
use gokku_server::worker::push;

use super::transition::follow_to_end;
use super::wait;
use crate::error::{DONE, Error, FAILED, MISSING};
use crate::printer::{Look, Printer};
use crate::render::{Renderer, exit_code};

pub(super) fn again(server: &Server, app: &AppName, rebuild: bool, printer: Printer) -> Result<u8, Error> {
    is_free(server, app)?;
    let submitted = wait(async { Ok(push::deploy_again(server, app, rebuild).await?) })?;
    follow_to_end(server, app, submitted, printer)
}

pub(super) fn image(server: &Server, app: &AppName, image: &ImageRef, printer: Printer) -> Result<u8, Error> {
    is_free(server, app)?;
    let submitted = wait(async { Ok(push::deploy_image(server, app, image.clone()).await?) })?;
    follow_to_end(server, app, submitted, printer)
}

fn is_free(server: &Server, app: &AppName) -> Result<(), Error> {
    if let Some(holder) = lock::holder(&server.root, app)?
        && !holder.holder.is_brief()
    {
        return Err(lock::busy(app, Some(&holder)).into());
    }
    Ok(())
}

fn nothing_under_way(app: &AppName) -> Error {
    Error {
        code: MISSING,
        message: format!(
            "nothing is under way for {app}; `gokku status -a {app}` shows how the last deploy ended"
        ),
    }
}

pub(super) fn attach(server: &Server, app: &AppName, printer: Printer) -> Result<u8, Error> {
    let held = lock::holder(&server.root, app)?.map(|held| held.holder);
    let holder = held.filter(|held| !held.is_brief());
    let holder = holder.ok_or_else(|| nothing_under_way(app))?;
    let mut renderer = Renderer::new(printer);
    let finish = follow(&server.root, app, holder.id, holder.pid, |event| {
        renderer.show(event);
    })?;
    Ok(exit_code(&finish))
}

/// P24: frees a stuck deploy.
pub(super) fn abort(
    server: &Server,
    app: &AppName,
    which: Option<&str>,
    printer: Printer,
) -> Result<u8, Error> {
    let choices = abort::choices(&server.root, app)?;
    let holder = choose(app, &choices, which)?;
    abort::ask(&server.root, app, holder, &server.by)?;
    printer.note(Look::Plain, &format!("asked the {holder} to stop"));
    let mut renderer = Renderer::new(printer);
    let end = follow_until(&server.root, app, holder.id, holder.pid, |stamped| {
        renderer.show(stamped);
        match &stamped.event {
            Event::AbortRefused { why, .. } => ControlFlow::Break(why.clone()),
            _ => ControlFlow::Continue(()),
        }
    })?;
    let late = match end {
        ControlFlow::Continue(Finish::Succeeded { .. }) => "it has ended, and well".to_owned(),
        ControlFlow::Continue(Finish::LeftUnfinished { .. }) => return Ok(FAILED),
        ControlFlow::Continue(_) => {
            tell_next(app, &abort::choices(&server.root, app)?, printer);
            return Ok(DONE);
        }
        ControlFlow::Break(why) => why,
    };
    Err(Error::failed(format!(
        "it is too late to end the {holder}: {late}. `gokku rollback -a {app}` goes back to the release before, `gokku deploy --attach -a {app}` shows what is left to do"
    )))
}

/// The one that is meant: named, or the first.
fn choose<'a>(app: &AppName, choices: &'a [Holder], which: Option<&str>) -> Result<&'a Holder, Error> {
    let Some(which) = which else {
        return choices.first().ok_or_else(|| nothing_under_way(app));
    };
    let found = choices.iter().find(|holder| holder.id.to_string() == which);
    found.ok_or_else(|| {
        let all: Vec<String> = choices.iter().map(ToString::to_string).collect();
        Error {
            code: MISSING,
            message: match &all[..] {
                [] => format!(
                    "{which} is not under way, and nothing is; `gokku status -a {app}` shows how the last deploy ended"
                ),
                all => format!("{which} is not under way; there is {}", all.join(", ")),
            },
        }
    })
}

/// What was waiting behind it comes next.
fn tell_next(app: &AppName, choices: &[Holder], printer: Printer) {
    for holder in choices {
        let line = format!(
            "The {holder} comes next; `gokku deploy --abort {} -a {app}` ends it, too",
            holder.id
        );
        printer.note(Look::Plain, &line);
    }
}
