//! Follows a transition's log as it is written, until it ends: by its process, or by whoever took over what that left when it
//! died.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use gokku_core::logs::event::{Event, Finish, Stamped};
use gokku_core::{AppName, ReleaseId};

use crate::fs::root::Root;
use crate::os::{clock, process};
use crate::queue::Error;
use crate::queue::lock::Purpose;
use crate::queue::{journal, lock};
use crate::record::jsonl::{Lines, Watch, WatchFlags};

/// How long what a process has left, in the midst of its work, may wait for the daemon, which looks every two seconds.
const TAKEN_OVER: Duration = Duration::from_secs(10);
/// How long a pusher waits for the end of what its process said that it leaves: a disk that failed may work again at once, an
/// engine that hangs may do so for hours.
const LEFT: Duration = Duration::from_secs(15);
/// How often it is looked whether somebody has taken it over.
const LOOK: Duration = Duration::from_millis(250);

/// Gives every event to `on_event`, from the log's beginning to its end, and gives the end. What its process leaves unfinished is
/// waited for a while: the daemon may end it at once.
pub fn follow(
    root: &Root,
    app: &AppName,
    id: ReleaseId,
    pid: u32,
    mut on_event: impl FnMut(&Stamped),
) -> Result<Finish, Error> {
    let end = follow_patiently(root, app, id, pid, LEFT, |stamped| {
        on_event(stamped);
        ControlFlow::<Infallible>::Continue(())
    })?;
    match end {
        ControlFlow::Continue(finish) => Ok(finish),
        ControlFlow::Break(never) => match never {},
    }
}

/// The same, until `on_event` has seen enough. What its process says that it leaves unfinished is the end.
pub fn follow_until<B>(
    root: &Root,
    app: &AppName,
    id: ReleaseId,
    pid: u32,
    on_event: impl FnMut(&Stamped) -> ControlFlow<B>,
) -> Result<ControlFlow<B, Finish>, Error> {
    follow_patiently(root, app, id, pid, Duration::ZERO, on_event)
}

/// `patience` is how long the end of what its process leaves unfinished is waited for.
fn follow_patiently<B>(
    root: &Root,
    app: &AppName,
    id: ReleaseId,
    pid: u32,
    patience: Duration,
    mut on_event: impl FnMut(&Stamped) -> ControlFlow<B>,
) -> Result<ControlFlow<B, Finish>, Error> {
    let path = root.log(app, id);
    let began = Instant::now();
    let failed = |error: std::io::Error| Error::file(&path, error);
    let watch = Watch::begin(&path, WatchFlags::MODIFY).map_err(failed)?;
    let process = process::watch(pid);
    // Until when somebody may take over what its process has left.
    let mut until: Option<Instant> = None;
    // What the process said itself, if it could, of why it left; and until when that is no end.
    let mut left: Option<(String, Instant)> = None;
    let mut lines = Lines::open(&path).map_err(failed)?;
    loop {
        // What the process said before it died is read after its death is known.
        let died = process
            .as_ref()
            .is_none_or(|watched| process::has_ended(watched, Duration::ZERO));
        while let Some(stamped) = lines.next::<Stamped>().map_err(failed)? {
            if matches!(stamped.event, Event::Finished { .. }) {
                // Nobody is told of an end that a power cut takes back.
                lines.file().sync_all().map_err(failed)?;
            }
            // That is no end yet: as when the process had died, somebody takes it over. Who has done so and leaves it, too, is
            // not waited for once more.
            let told = match stamped.event {
                Event::Finished {
                    outcome: Finish::LeftUnfinished { detail },
                    ..
                } if until.is_none() && !patience.is_zero() => {
                    left = Some((detail.clone(), Instant::now() + patience));
                    Stamped {
                        at: stamped.at,
                        event: Event::LeftBehind { detail },
                    }
                }
                event => Stamped { event, ..stamped },
            };
            if let ControlFlow::Break(enough) = on_event(&told) {
                return Ok(ControlFlow::Break(enough));
            }
            if let Event::Finished { outcome, .. } = told.event {
                return Ok(ControlFlow::Continue(outcome));
            }
            if left.is_some() || until.is_some() {
                until = Some(Instant::now() + TAKEN_OVER);
            }
        }
        if !died {
            watch.wait(process.as_ref(), None).map_err(failed)?;
            continue;
        }
        if until.is_none() && is_begun(root, app, id) {
            until = Some(Instant::now() + TAKEN_OVER);
            // It could not say so itself.
            if let ControlFlow::Break(enough) = on_event(&stamped(Event::ProcessDied { process: pid })) {
                return Ok(ControlFlow::Break(enough));
            }
        }
        if is_taken_over(root, app, id) {
            until = Some(Instant::now() + TAKEN_OVER);
        }
        let is_late = left.as_ref().is_some_and(|(_, limit)| Instant::now() >= *limit);
        if let Some(until) = until
            && Instant::now() < until
            && !is_late
        {
            // That somebody takes it over is seen when it is looked at, not heard of.
            watch.wait(None, Some(LOOK)).map_err(failed)?;
            continue;
        }
        let why = left.map_or_else(
            || format!("the process {pid} that ran it is gone"),
            |(why, _)| why,
        );
        let outcome = Finish::LeftUnfinished {
            detail: format!("{why}; the daemon finishes or undoes it (`gokku status -a {app}`)"),
        };
        let told = stamped(Event::Finished {
            outcome: outcome.clone(),
            took: began.elapsed(),
        });
        return Ok(match on_event(&told) {
            ControlFlow::Break(enough) => ControlFlow::Break(enough),
            ControlFlow::Continue(()) => ControlFlow::Continue(outcome),
        });
    }
}

fn stamped(event: Event) -> Stamped {
    Stamped {
        at: clock::now_ms(),
        event,
    }
}

/// Whether a transition has changed something, so that whoever comes next ends it.
fn is_begun(root: &Root, app: &AppName, id: ReleaseId) -> bool {
    journal::load(root, app).is_ok_and(|journal| journal.is_some_and(|journal| journal.id == id))
}

/// Whether somebody ends it now.
fn is_taken_over(root: &Root, app: &AppName, id: ReleaseId) -> bool {
    let held = lock::holder(root, app).ok().flatten();
    held.is_some_and(|held| held.holder.id == id && held.holder.what == Purpose::Recovery)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use super::*;
    use crate::queue::transition_log;

    /// A log with these ends, and a process that has ended.
    fn logged(ends: &[Finish]) -> (tempfile::TempDir, Root, AppName, ReleaseId) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let app: AppName = "api".parse().expect("a name");
        std::fs::create_dir_all(root.deploys(&app)).expect("a folder");
        std::fs::create_dir_all(root.releases(&app)).expect("a folder");
        let id = transition_log::allocate(&root, &app).expect("an id");
        File::create(root.log(&app, id)).expect("a log");
        for end in ends {
            append(&root, &app, id, end.clone());
        }
        (folder, root, app, id)
    }

    fn append(root: &Root, app: &AppName, id: ReleaseId, outcome: Finish) {
        let line = serde_json::to_string(&stamped(Event::Finished {
            outcome,
            took: Duration::ZERO,
        }))
        .expect("a line");
        let mut file = File::options()
            .append(true)
            .open(root.log(app, id))
            .expect("a log");
        file.write_all(format!("{line}\n").as_bytes()).expect("written");
    }

    fn left() -> Finish {
        Finish::LeftUnfinished {
            detail: "switch: no space left on device".to_owned(),
        }
    }

    /// A process that is gone by now.
    fn gone() -> u32 {
        let mut child = std::process::Command::new("true").spawn().expect("a process");
        child.wait().expect("its end");
        child.id()
    }

    #[test]
    fn what_a_process_has_left_ends_with_who_takes_it_over() {
        let done = Finish::Succeeded { port: Some(8000) };
        let (_folder, root, app, id) = logged(&[left(), done.clone()]);
        let mut told = Vec::new();
        let end = follow(&root, &app, id, gone(), |stamped| {
            told.push(stamped.event.clone());
        })
        .expect("an end");
        assert_eq!(end, done);
        let [Event::LeftBehind { detail }, Event::Finished { .. }] = &told[..] else {
            panic!("{told:?}");
        };
        assert!(detail.contains("no space left on device"), "{detail}");
    }

    #[test]
    fn it_is_waited_for() {
        let (_folder, root, app, id) = logged(&[left()]);
        let done = Finish::Succeeded { port: None };
        let pid = gone();
        let end = std::thread::scope(|scope| {
            let (warned, heard) = std::sync::mpsc::channel();
            let (root, app, done) = (&root, &app, &done);
            scope.spawn(move || {
                heard.recv().expect("the warning");
                append(root, app, id, done.clone());
            });
            follow(root, app, id, pid, |_| {
                let _ = warned.send(());
            })
        });
        assert_eq!(end.expect("an end"), done);
    }
}
