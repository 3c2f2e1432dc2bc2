//! `gokku hook proc-receive`: a push is deployed, and its refs move with it, in place of git's own move.

use std::path::Path;

use clap::Args;
use gokku_core::AppName;
use gokku_core::logs::event::Finish;
use gokku_core::push::rules::RefUpdate;
use gokku_server::Server;
use gokku_server::app::refs;
use gokku_server::worker::push::{Pushed, Received, Reported, listen, receive, report};

use super::{begin, record};
use crate::commands::transition::end_of;
use crate::commands::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error, exit_code_of};
use crate::printer::Look;
use crate::spec::Spec;

/// When it has them, in place of moving the refs
#[derive(Debug, Args)]
pub(crate) struct ProcReceiveArgs {}

impl Run for ProcReceiveArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::internal("hook")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, app) = begin(context)?;
        let result = receive_push(context, server, &app);
        let code = result.as_ref().map_or_else(Error::exit_code, |code| *code);
        record(server, &app, code);
        // git has been told what became of each ref: to it that is a good end.
        result.map(|_| DONE)
    }
}

fn receive_push(context: &Context, server: &Server, app: &AppName) -> Result<u8, Error> {
    let (mut stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    let wanted = listen(&mut stdin, &mut stdout).map_err(|error| Error::failed(error).about("the push"))?;
    // Push options are for whichever server the pusher has set them for.
    let pushed = Pushed {
        mover: mover(),
        updates: wanted.updates,
    };
    let updates = pushed.updates.clone();
    let (code, reported) = deploy(context, server, app, pushed).unwrap_or_else(|error| {
        context.printer.error(&error);
        (
            error.exit_code(),
            Reported::Refused("refused, see above".to_owned()),
        )
    });
    report(&mut stdout, updates.iter().map(|update| (update, &reported)))
        .map_err(|error| Error::failed(error).about("what became of the push could not be told to git"))?;
    Ok(code)
}

/// Returns git's process, if git has to move the refs itself: it tells by this variable of commits that come without
/// their parents (shallow), and notes those that it has not seen before when it moves a ref.
fn mover() -> Option<u32> {
    let told = std::env::var_os("GIT_SHALLOW_FILE")?;
    let has_new = refs::has_new_roots(Path::new(&told));
    // git runs the hook itself: the hook's few lines of shell have become this process.
    let git = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs());
    has_new.then_some(git)
}

/// Does with a push what is to be done; returns what became of its refs, which share one end.
fn deploy(
    context: &Context,
    server: &Server,
    app: &AppName,
    pushed: Pushed,
) -> Result<(u8, Reported), Error> {
    let moved = match pushed.mover {
        Some(_) => Reported::LeftToGit,
        None => Reported::Moved,
    };
    let tell = |lines: &[String]| {
        for line in lines {
            context.printer.note(Look::Plain, &format!("-----> {line}"));
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
            let finish = end_of(context, app, submitted)?;
            Ok(if ended(server, app, &finish, &deploy.refs, &moved) {
                (DONE, moved)
            } else {
                let why = match &finish {
                    // It may be long, and was told.
                    Finish::Refused { .. } => "refused, see above".to_owned(),
                    other => other.words(),
                };
                (exit_code_of(&finish), Reported::Refused(why))
            })
        }
    }
}

/// Tells whether a push has come to a good end: its commit runs, and is what the branch is.
fn ended(server: &Server, app: &AppName, finish: &Finish, pushed: &[RefUpdate], moved: &Reported) -> bool {
    match finish {
        Finish::Succeeded { .. } => true,
        // Nobody heard the end: where the branch has moved, it was good.
        Finish::LeftUnfinished { .. } => {
            *moved == Reported::Moved && refs::is_moved(&server.app_dir(app), pushed).unwrap_or(false)
        }
        _ => false,
    }
}
