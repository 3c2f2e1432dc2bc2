//! Follows a transition's log as it is written, until it ends: by its process, or by whoever took over what that left when it
//! died.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use gokku_core::ReleaseId;
use gokku_core::logs::event::{Event, Finish, Stamped};

use crate::fs::app_dir::AppDir;
use crate::os::{clock, process};
use crate::queue::Error;
use crate::queue::lock::Purpose;
use crate::queue::takeover::{Patience, Takeover};
use crate::queue::{journal, lock};
use crate::record::jsonl::{Lines, Watch, WatchFlags};

/// How long is waited for whoever takes over what a process has left.
const PATIENCE: Patience = Patience {
    taken_over: Duration::from_secs(10),
    left: Duration::from_secs(15),
    silent: Duration::from_secs(60 * 60),
    after_its_word: true,
};
/// How often it is looked whether somebody has taken it over.
const LOOK: Duration = Duration::from_millis(250);

/// Gives every event to `on_event`, from the log's beginning to its end, and gives the end. What its process leaves unfinished is
/// waited for a while: the daemon may end it at once.
pub fn follow(
    dir: &AppDir,
    id: ReleaseId,
    pid: u32,
    mut on_event: impl FnMut(&Stamped),
) -> Result<Finish, Error> {
    let end = follow_patiently(dir, id, pid, &PATIENCE, |stamped| {
        on_event(stamped);
        ControlFlow::<Infallible>::Continue(())
    })?;
    match end {
        ControlFlow::Continue(finish) => Ok(finish),
        ControlFlow::Break(never) => match never {},
    }
}

/// Follows until `on_event` has seen enough. What its process says that it leaves unfinished is the end.
pub fn follow_until<B>(
    dir: &AppDir,
    id: ReleaseId,
    pid: u32,
    on_event: impl FnMut(&Stamped) -> ControlFlow<B>,
) -> Result<ControlFlow<B, Finish>, Error> {
    let patience = Patience {
        after_its_word: false,
        ..PATIENCE
    };
    follow_patiently(dir, id, pid, &patience, on_event)
}

fn follow_patiently<B>(
    dir: &AppDir,
    id: ReleaseId,
    pid: u32,
    patience: &Patience,
    mut on_event: impl FnMut(&Stamped) -> ControlFlow<B>,
) -> Result<ControlFlow<B, Finish>, Error> {
    let app = dir.app();
    let path = dir.log(id);
    let began = Instant::now();
    let failed = |error: std::io::Error| Error::file(&path, error);
    let watch = Watch::begin(&path, WatchFlags::MODIFY).map_err(failed)?;
    let process = process::watch(pid);
    let mut takeover = Takeover::new(*patience, began);
    let mut lines = Lines::open(&path).map_err(failed)?;
    loop {
        // What the process said before it died is read after its death is known.
        let died = process
            .as_ref()
            .is_none_or(|watched| process::has_ended(watched, Duration::ZERO));
        while let Some(Stamped { at, event }) = lines.next::<Stamped>().map_err(failed)? {
            if matches!(event, Event::Finished { .. }) {
                // Nobody is told of an end that a power cut takes back.
                lines.file().sync_all().map_err(failed)?;
            }
            let event = takeover.read(event, Instant::now());
            let told = Stamped { at, event };
            if let ControlFlow::Break(enough) = on_event(&told) {
                return Ok(ControlFlow::Break(enough));
            }
            if let Event::Finished { outcome, .. } = told.event {
                return Ok(ControlFlow::Continue(outcome));
            }
            takeover.told(Instant::now());
        }
        if !died {
            watch.wait(process.as_ref(), None).map_err(failed)?;
            continue;
        }
        if takeover.process_died(|| is_begun(dir, id), Instant::now())
            && let ControlFlow::Break(enough) = on_event(&stamped(Event::ProcessDied { process: pid }))
        {
            return Ok(ControlFlow::Break(enough));
        }
        takeover.looked(taken_over(dir, id), Instant::now());
        if !takeover.is_awaited(Instant::now()) {
            break;
        }
        // That somebody takes it over is seen when it is looked at, not heard of.
        watch.wait(None, Some(LOOK)).map_err(failed)?;
    }
    let why = takeover.into_word();
    let why = why.unwrap_or_else(|| format!("the process {pid} that ran it is gone"));
    let outcome = Finish::LeftUnfinished {
        detail: format!("{why}; the daemon finishes or undoes it (`gokku status -a {app}`)"),
    };
    let told = stamped(Event::Finished {
        outcome: outcome.clone(),
        took: began.elapsed(),
    });
    Ok(match on_event(&told) {
        ControlFlow::Break(enough) => ControlFlow::Break(enough),
        ControlFlow::Continue(()) => ControlFlow::Continue(outcome),
    })
}

fn stamped(event: Event) -> Stamped {
    Stamped {
        at: clock::now_ms(),
        event,
    }
}

/// Whether a transition has changed something, so that whoever comes next ends it.
fn is_begun(dir: &AppDir, id: ReleaseId) -> bool {
    journal::load(dir).is_ok_and(|journal| journal.is_some_and(|journal| journal.id == id))
}

/// Since when somebody has it to end it, in the words of the lock; nothing if nobody has.
fn taken_over(dir: &AppDir, id: ReleaseId) -> Option<String> {
    let held = lock::holder(dir).ok().flatten();
    let held = held.filter(|held| held.holder.id == id && held.holder.what == Purpose::Recovery);
    held.map(|held| held.since)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;
    use std::sync::atomic::{AtomicBool, Ordering};

    use gokku_core::AppName;
    use gokku_core::transition::{Goal, Journal, Observed};

    use super::*;
    use crate::fs::root::Root;
    use crate::queue::lock::Holder;
    use crate::queue::transition_log;

    /// A log with these ends, and a process that has ended.
    fn logged(ends: &[Finish]) -> (tempfile::TempDir, AppDir, ReleaseId) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let app: AppName = "api".parse().expect("a name");
        let dir = root.app_dir(&app);
        std::fs::create_dir_all(dir.deploys()).expect("a folder");
        std::fs::create_dir_all(dir.releases()).expect("a folder");
        let id = transition_log::allocate(&dir).expect("an id");
        File::create(dir.log(id)).expect("a log");
        for end in ends {
            append(&dir, id, end.clone());
        }
        (folder, dir, id)
    }

    fn append(dir: &AppDir, id: ReleaseId, outcome: Finish) {
        let line = serde_json::to_string(&stamped(Event::Finished {
            outcome,
            took: Duration::ZERO,
        }))
        .expect("a line");
        let mut file = File::options().append(true).open(dir.log(id)).expect("a log");
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
        let done = Finish::Succeeded {
            port: Some(8000),
            url: None,
            tcp: vec![5432],
        };
        let (_folder, dir, id) = logged(&[left(), done.clone()]);
        let mut told = Vec::new();
        let end = follow(&dir, id, gone(), |stamped| {
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
        let (_folder, dir, id) = logged(&[left()]);
        let done = Finish::Succeeded {
            port: None,
            url: None,
            tcp: Vec::new(),
        };
        let pid = gone();
        let end = std::thread::scope(|scope| {
            let (warned, heard) = std::sync::mpsc::channel();
            let (dir, done) = (&dir, &done);
            scope.spawn(move || {
                heard.recv().expect("the warning");
                append(dir, id, done.clone());
            });
            follow(dir, id, pid, |_| {
                let _ = warned.send(());
            })
        });
        assert_eq!(end.expect("an end"), done);
    }

    /// The daemon takes it over again and again, and comes to no end.
    #[test]
    fn it_is_not_waited_for_for_ever() {
        let (_folder, dir, id) = logged(&[]);
        let journal = Journal::begin(id, Goal::Stop, &Observed::default());
        journal::save(&dir, &journal).expect("a journal");
        let over = AtomicBool::new(false);
        let patience = Patience {
            taken_over: Duration::from_secs(2),
            left: Duration::from_secs(1),
            ..PATIENCE
        };
        let end = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let holder = Holder {
                        pid: std::process::id(),
                        by: "gokku".to_owned(),
                        what: Purpose::Recovery,
                        id,
                    };
                    let held = lock::try_acquire(&dir, &holder).expect("tried");
                    std::thread::sleep(Duration::from_millis(1100));
                    drop(held);
                }
            });
            let end = follow_patiently(&dir, id, gone(), &patience, |_| {
                ControlFlow::<Infallible>::Continue(())
            });
            over.store(true, Ordering::Relaxed);
            end
        });
        let end = end.expect("an end").continue_value();
        assert!(matches!(end, Some(Finish::LeftUnfinished { .. })), "{end:?}");
    }
}
