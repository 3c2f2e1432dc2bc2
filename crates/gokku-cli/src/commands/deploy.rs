//! `gokku deploy`: the current commit again; the deploy under way followed or ended.

use gokku_core::AppName;
use gokku_server::follow::follow;
use gokku_server::{Server, hook, lock};
use rustix::process::{Pid, Signal, kill_process};

use super::transition::follow_to_end;
use crate::error::{Error, MISSING};
use crate::printer::{Look, Printer};
use crate::render::{Renderer, exit_code};

pub(super) fn again(server: &Server, app: &AppName, printer: Printer) -> Result<u8, Error> {
    if let Some(holder) = lock::holder(&server.root, app)? {
        return Err(lock::busy(app, Some(&holder)).into());
    }
    follow_to_end(server, app, hook::deploy_again(server, app)?, printer)
}

fn holder(server: &Server, app: &AppName) -> Result<lock::Holder, Error> {
    lock::holder(&server.root, app)?.ok_or_else(|| Error {
        code: MISSING,
        message: format!(
            "nothing is under way for {app}; `gokku status -a {app}` shows how the last deploy ended"
        ),
    })
}

pub(super) fn attach(server: &Server, app: &AppName, printer: Printer) -> Result<u8, Error> {
    let holder = holder(server, app)?;
    let mut renderer = Renderer::new(printer);
    let finish = follow(&server.root, app, holder.id, holder.pid, |event| {
        renderer.show(event);
    })?;
    Ok(exit_code(&finish))
}

/// P24: frees a stuck deploy.
pub(super) fn abort(server: &Server, app: &AppName, printer: Printer) -> Result<u8, Error> {
    let holder = holder(server, app)?;
    let pid = i32::try_from(holder.pid).ok().and_then(Pid::from_raw);
    let asked = pid.map(|pid| kill_process(pid, Signal::TERM));
    match asked {
        Some(Ok(())) => printer.note(Look::Plain, &format!("asked the {holder} to stop")),
        Some(Err(error)) => {
            return Err(Error::failed(format!(
                "the {holder} could not be asked to stop: {error}"
            )));
        }
        None => return Err(Error::failed(format!("the {holder} has no process"))),
    }
    let mut renderer = Renderer::new(printer);
    follow(&server.root, app, holder.id, holder.pid, |event| {
        renderer.show(event);
    })?;
    Ok(0)
}
