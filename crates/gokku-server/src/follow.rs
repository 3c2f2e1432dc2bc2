//! Follows a transition's log as it is written, until it ends or its process has died.

use std::convert::Infallible;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::time::Duration;

use gokku_core::event::{Event, Finish, Stamped};
use gokku_core::{AppName, ReleaseId};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify;

use crate::error::Error;
use crate::root::Root;
use crate::{clock, log, process};

/// Gives every event to `on_event`, from the log's beginning to its end, and gives the end.
pub fn follow(
    root: &Root,
    app: &AppName,
    id: ReleaseId,
    pid: u32,
    mut on_event: impl FnMut(&Stamped),
) -> Result<Finish, Error> {
    let end = follow_until(root, app, id, pid, |stamped| {
        on_event(stamped);
        ControlFlow::<Infallible>::Continue(())
    })?;
    match end {
        ControlFlow::Continue(finish) => Ok(finish),
        ControlFlow::Break(never) => match never {},
    }
}

/// The same, until `on_event` has seen enough.
pub fn follow_until<B>(
    root: &Root,
    app: &AppName,
    id: ReleaseId,
    pid: u32,
    mut on_event: impl FnMut(&Stamped) -> ControlFlow<B>,
) -> Result<ControlFlow<B, Finish>, Error> {
    let path = root.log(app, id);
    let began = clock::now_ms();
    let failed = |error: std::io::Error| Error::file(&path, &error);
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
        .map_err(|error| failed(error.into()))?;
    inotify::add_watch(&watch, &path, inotify::WatchFlags::MODIFY).map_err(|error| failed(error.into()))?;
    let process = process::watch(pid);
    let mut reader = BufReader::new(File::open(&path).map_err(failed)?);
    let mut line = Vec::new();
    loop {
        // What the process said before it died is read after its death is known.
        let died = process
            .as_ref()
            .is_none_or(|watched| process::has_ended(watched, Duration::ZERO));
        loop {
            reader.read_until(b'\n', &mut line).map_err(failed)?;
            if !line.ends_with(b"\n") {
                break;
            }
            if let Some(stamped) = log::event(&line) {
                if let ControlFlow::Break(enough) = on_event(&stamped) {
                    return Ok(ControlFlow::Break(enough));
                }
                if let Event::Finished { outcome, .. } = stamped.event {
                    return Ok(ControlFlow::Continue(outcome));
                }
            }
            line.clear();
        }
        if died {
            let outcome = Finish::LeftUnfinished {
                detail: format!(
                    "the process {pid} that ran it is gone; the daemon finishes or undoes it (`gokku status -a {app}`)"
                ),
            };
            let at = clock::now_ms();
            let ms = u64::try_from(at - began).unwrap_or(0);
            // It could not say so itself.
            let told = Stamped {
                at,
                event: Event::Finished {
                    outcome: outcome.clone(),
                    ms,
                },
            };
            return Ok(match on_event(&told) {
                ControlFlow::Break(enough) => ControlFlow::Break(enough),
                ControlFlow::Continue(()) => ControlFlow::Continue(outcome),
            });
        }
        wait(&watch, process.as_ref());
    }
}

/// Waits until the log has grown or the process has died.
fn wait(watch: &impl std::os::fd::AsFd, process: Option<&impl std::os::fd::AsFd>) {
    let mut fds = vec![PollFd::new(watch, PollFlags::IN)];
    fds.extend(process.map(|process| PollFd::new(process, PollFlags::IN)));
    // An interruption by a signal only means to look again.
    let _ = poll(&mut fds, None);
    let mut space = [std::mem::MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(watch, &mut space);
    while events.next().is_ok() {}
}
