//! What git runs for a push: pre-receive, before it takes the push's objects, and proc-receive, which moves the refs.

use std::path::Path;

use gokku_core::AppName;
use gokku_core::logs::audit::Change;
use gokku_core::logs::event::Finish;
use gokku_core::push::rules::RefUpdate;
use gokku_server::Server;
use gokku_server::app::{intake, refs};
use gokku_server::record::audit_log;
use gokku_server::worker::push::{Pushed, Received, Reported, judge_push, listen, receive, report};

use super::transition::end_of;
use super::wait;
use crate::cli::Hook;
use crate::context;
use crate::error::{DONE, Error};
use crate::printer::{Look, Printer};
use crate::render::exit_code;

pub(super) fn run(server: &Server, app: &AppName, hook: &Hook, printer: Printer) -> Result<u8, Error> {
    intake::bound_memory(server)?;
    let result = match hook {
        // What becomes of a good one is known in the end.
        Hook::PreReceive => pre_receive(server, app).map(|()| None),
        Hook::ProcReceive => proc_receive(server, app, printer).map(Some),
    };
    // git itself ends well, also when it rejects a push: only here is known what became of it.
    let code = result
        .as_ref()
        .map_or_else(|error| Some(error.code), |code| *code);
    if let Some(code) = code.filter(|_| context::key().is_some()) {
        let command = "push".to_owned();
        audit_log::note(
            &server.root,
            &server.by,
            Some(app),
            Change::Commanded { command, code },
        );
    }
    // git has been told what became of each ref: to it that is a good end.
    result.map(|_| DONE)
}

fn pre_receive(server: &Server, app: &AppName) -> Result<(), Error> {
    let updates = intake::told(server, std::io::stdin().lock())?;
    Ok(judge_push(server, app, &updates)?)
}

fn proc_receive(server: &Server, app: &AppName, printer: Printer) -> Result<u8, Error> {
    let (mut stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    let wanted =
        listen(&mut stdin, &mut stdout).map_err(|error| Error::failed(format!("the push: {error}")))?;
    // Push options are for whichever server the pusher has set them for.
    let pushed = Pushed {
        mover: mover(),
        updates: wanted.updates,
    };
    let updates = pushed.updates.clone();
    let (code, reported) = deploy(server, app, pushed, printer).unwrap_or_else(|error| {
        printer.error(&error);
        (error.code, Reported::Refused("refused, see above".to_owned()))
    });
    report(&mut stdout, updates.iter().map(|update| (update, &reported))).map_err(|error| {
        Error::failed(format!(
            "what became of the push could not be told to git: {error}"
        ))
    })?;
    Ok(code)
}

/// Whether git has to move the refs itself, and its process then: it tells by this variable of commits that come without
/// their parents (shallow), and notes those that it has not seen before when it moves a ref.
fn mover() -> Option<u32> {
    let told = std::env::var_os("GIT_SHALLOW_FILE")?;
    let has_new = refs::has_new_roots(Path::new(&told));
    // git runs the hook itself: the hook's few lines of shell have become this process.
    let git = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs());
    has_new.then_some(git)
}

/// Does with a push what is to be done; what became of its refs, which share one end.
fn deploy(server: &Server, app: &AppName, pushed: Pushed, printer: Printer) -> Result<(u8, Reported), Error> {
    let moved = match pushed.mover {
        Some(_) => Reported::LeftToGit,
        None => Reported::Moved,
    };
    let tell = |lines: &[String]| {
        for line in lines {
            printer.note(Look::Plain, &format!("-----> {line}"));
        }
    };
    match wait(async { Ok(receive(server, app, pushed).await?) })? {
        Received::Stored(lines) => {
            tell(&lines);
            Ok((DONE, Reported::LeftToGit))
        }
        Received::Deployed(lines) => {
            tell(&lines);
            Ok((DONE, moved))
        }
        Received::Deploying { submitted, deploy } => {
            tell(&deploy.lines);
            let finish = end_of(server, app, submitted, printer)?;
            Ok(if ended(server, app, &finish, &deploy.refs, &moved) {
                (DONE, moved)
            } else {
                let why = match &finish {
                    // It may be long, and was told.
                    Finish::Refused { .. } => "refused, see above".to_owned(),
                    other => other.words(),
                };
                (exit_code(&finish), Reported::Refused(why))
            })
        }
    }
}

/// Whether a push has come to a good end: its commit runs, and is what the branch is.
fn ended(server: &Server, app: &AppName, finish: &Finish, pushed: &[RefUpdate], moved: &Reported) -> bool {
    match finish {
        Finish::Succeeded { .. } => true,
        // Nobody heard the end: where the branch has moved, it was good.
        Finish::LeftUnfinished { .. } => {
            *moved == Reported::Moved && refs::is_moved(&server.root, app, pushed).unwrap_or(false)
        }
        _ => false,
    }
}
