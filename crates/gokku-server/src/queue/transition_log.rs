//! What a transition tells, written down line by line as JSON.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use gokku_core::ReleaseId;
use gokku_core::logs::audit::Change;
use gokku_core::logs::event::{Event, Stamped};
use gokku_core::logs::kept_output::Kept;
use gokku_core::transition::OperationName;

use crate::app::{records, server_config};
use crate::fs::app_dir::AppDir;
use crate::os::clock;
use crate::queue::Error;
use crate::record::audit_log;
use crate::record::jsonl;

/// How many logs of an app are kept.
const KEPT: usize = 50;

/// A transition's log. Its begin and its end are recorded with the server's other changes, too.
#[derive(Debug)]
pub struct Log {
    dir: AppDir,
    id: ReleaseId,
    file: File,
    kept: Kept,
    /// What was asked for, once told or looked up.
    started: Option<Event>,
}

/// The id that comes after every one that the app has given: now, or where the clock has been set back since, the second
/// after the last one. So the order of ids is the order in which they were given.
pub(crate) fn next_id(dir: &AppDir) -> ReleaseId {
    let now = ReleaseId::at(clock::now_seconds());
    let given = list(dir).into_iter().chain(records::ids(dir));
    given.max().map_or(now, |last| now.max(last.following()))
}

/// Takes the next id, and makes its log.
pub fn allocate(dir: &AppDir) -> Result<ReleaseId, Error> {
    let mut id = next_id(dir);
    loop {
        let path = dir.log(id);
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
        {
            Ok(_) => return Ok(id),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && id < id.following() => {
                id = id.following();
            }
            Err(error) => return Err(Error::file(&path, error)),
        }
    }
}

impl Log {
    /// Opens a transition's log to write on at its end.
    pub fn open(dir: &AppDir, id: ReleaseId) -> Result<Self, Error> {
        let path = dir.log(id);
        let most = server_config::read(dir.root()).unwrap_or_default().deploy.max_log;
        let open = || -> io::Result<File> {
            let mut file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&path)?;
            if jsonl::ends_torn(&file)? {
                file.write_all(b"\n")?;
            }
            Ok(file)
        };
        open()
            .map(|file| Self {
                dir: dir.clone(),
                id,
                file,
                kept: Kept::up_to(most),
                started: None,
            })
            .map_err(|error| Error::file(&path, error))
    }

    /// The same log once more, for what is told while something else writes on it.
    pub(crate) fn beside(&self) -> Option<Self> {
        let file = self.file.try_clone().ok()?;
        Some(Self {
            dir: self.dir.clone(),
            id: self.id,
            file,
            kept: self.kept.beside(),
            started: self.started.clone(),
        })
    }

    /// Tells an event; of output no more than is kept. A log that cannot be written does not stop a transition.
    pub fn tell(&mut self, event: Event) {
        let length = self.file.metadata().map_or(0, |about| about.len());
        for event in self.kept.take(event, length) {
            self.write(event);
        }
    }

    fn write(&mut self, event: Event) {
        let stamped = Stamped {
            at: clock::now_ms(),
            event,
        };
        let Ok(line) = jsonl::line(&stamped) else { return };
        // Whoever follows this log tells the end as soon as it stands here: it is recorded, and what was told before is on
        // the disk, by then.
        let ends = matches!(stamped.event, Event::Finished { .. });
        if ends {
            self.record(stamped.event.clone());
            if let Err(error) = self.file.sync_all() {
                tracing::warn!("{}: {error}", self.dir.log(self.id).display());
            }
        }
        if let Err(error) = self.file.write_all(&line) {
            tracing::warn!("an event could not be written: {error}");
        }
        if !ends {
            self.record(stamped.event);
        }
    }

    fn record(&mut self, event: Event) {
        let change = match &event {
            Event::Started {
                id,
                what,
                release,
                commit,
                image,
                ..
            } => Change::TransitionStarted {
                id: *id,
                what: *what,
                release: *release,
                commit: commit.clone(),
                image: image.clone(),
            },
            Event::Resumed => Change::TransitionResumed { id: self.id },
            Event::Finished { outcome, took } => {
                let (what, release) = match self.started() {
                    Some(Event::Started { what, release, .. }) => (*what, *release),
                    _ => (OperationName::Unknown, None),
                };
                Change::TransitionFinished {
                    id: self.id,
                    what,
                    release,
                    outcome: outcome.words(),
                    took: *took,
                }
            }
            _ => return,
        };
        if matches!(event, Event::Started { .. }) {
            self.started = Some(event);
        }
        let by = match (&change, self.started()) {
            (Change::TransitionResumed { .. }, _) => None,
            (_, Some(Event::Started { by, .. })) => by.clone(),
            _ => None,
        };
        audit_log::note(
            self.dir.root(),
            by.as_deref().unwrap_or(audit_log::DAEMON),
            Some(self.dir.app()),
            change,
        );
    }

    /// What was asked for; by another process maybe, which died.
    fn started(&mut self) -> Option<&Event> {
        if self.started.is_none() {
            self.started = read(&self.dir, self.id)
                .into_iter()
                .map(|stamped| stamped.event)
                .find(|event| matches!(event, Event::Started { .. }));
        }
        self.started.as_ref()
    }
}

/// Returns the events of a log, as far as it goes.
pub fn read(dir: &AppDir, id: ReleaseId) -> Vec<Stamped> {
    events(&fs::read(dir.log(id)).unwrap_or_default())
}

/// Returns the events of a log's content. A line that is none, because it was cut off, is no event.
pub fn events(bytes: &[u8]) -> Vec<Stamped> {
    bytes.split(|byte| *byte == b'\n').filter_map(event).collect()
}

/// Returns the event of a line.
pub fn event(line: &[u8]) -> Option<Stamped> {
    serde_json::from_slice(line).ok()
}

/// Returns the transitions of an app that have a log, oldest first.
pub fn list(dir: &AppDir) -> Vec<ReleaseId> {
    let mut ids: Vec<ReleaseId> = fs::read_dir(dir.deploys())
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".log")?.parse().ok())
        .collect();
    ids.sort();
    ids
}

/// How much of a log's end is looked at for its last event, in bytes.
const LAST_EVENT: u64 = 64 * 1024;

/// Removes the oldest logs of those that have ended: what runs, and whoever holds the app, is not touched.
pub(crate) fn prune_ended(dir: &AppDir) {
    let ids = list(dir);
    for id in &ids[..ids.len().saturating_sub(KEPT)] {
        let path = dir.log(*id);
        if has_ended(&path).unwrap_or(false) {
            let _ = fs::remove_file(path);
        }
    }
}

fn has_ended(log: &Path) -> io::Result<bool> {
    let file = File::open(log)?;
    let length = file.metadata()?.len();
    let mut end = vec![0; usize::try_from(length.min(LAST_EVENT)).unwrap_or(0)];
    file.read_exact_at(&mut end, length - length.min(LAST_EVENT))?;
    let last = end.trim_ascii_end().rsplit(|byte| *byte == b'\n').next();
    let last = last.and_then(event).map(|stamped| stamped.event);
    Ok(matches!(last, Some(Event::Finished { .. })))
}

/// Removes the oldest logs, and what somebody who asked for an end left.
pub fn prune(dir: &AppDir) {
    let ids = list(dir);
    let forgotten = ids[..ids.len().saturating_sub(1)].iter();
    for id in forgotten {
        crate::queue::abort::forget(dir, *id);
    }
    let paths: Vec<PathBuf> = ids[..ids.len().saturating_sub(KEPT)]
        .iter()
        .map(|id| dir.log(*id))
        .collect();
    for path in paths {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use gokku_core::AppName;
    use gokku_core::release::record::Record;

    use super::*;
    use crate::fs::root::Root;

    #[test]
    fn an_id_is_later_than_its_predecessors_whatever_the_clock_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let app: AppName = "api".parse().expect("a name");
        let dir = root.app_dir(&app);
        fs::create_dir_all(dir.deploys()).expect("a folder");
        fs::create_dir_all(dir.releases()).expect("a folder");
        let first = allocate(&dir).expect("an id");
        let second = allocate(&dir).expect("an id");
        assert!(first < second);
        // The clock was a year ahead when these were made; the log of the second is not kept any more.
        let ahead = |days: i64| ReleaseId::at(clock::now_seconds() + days * 86_400);
        fs::write(dir.log(ahead(365)), "").expect("written");
        let third = allocate(&dir).expect("an id");
        assert_eq!(third, ahead(365).following());
        let record = Record::begun(ahead(400));
        records::save(&dir, &record).expect("saved");
        let fourth = allocate(&dir).expect("an id");
        assert_eq!(fourth, record.id.following());
        // After the last second that has an id there is none.
        fs::write(dir.log(ReleaseId::at(i64::MAX)), "").expect("written");
        assert!(allocate(&dir).is_err());
    }

    #[test]
    fn of_those_that_fail_no_more_logs_are_kept_and_one_that_runs_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let app: AppName = "api".parse().expect("a name");
        let dir = root.app_dir(&app);
        fs::create_dir_all(dir.deploys()).expect("a folder");
        let runs = allocate(&dir).expect("an id");
        Log::open(&dir, runs).expect("a log").tell(Event::Resumed);
        for _ in 0..KEPT + 20 {
            let id = allocate(&dir).expect("an id");
            let mut log = Log::open(&dir, id).expect("a log");
            let outcome = gokku_core::logs::event::Finish::LeftUnfinished {
                detail: "words".repeat(100),
            };
            let took = std::time::Duration::from_millis(1);
            log.tell(Event::Finished { outcome, took });
            prune_ended(&dir);
            assert!(list(&dir).len() <= KEPT + 1);
        }
        assert!(dir.log(runs).exists());
    }

    #[test]
    fn output_beyond_the_limit_of_the_server_is_not_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        fs::write(root.config(), "[deploy]\nmax_log = \"10k\"\n").expect("written");
        let app: AppName = "api".parse().expect("a name");
        let dir = root.app_dir(&app);
        fs::create_dir_all(dir.deploys()).expect("a folder");
        let id = allocate(&dir).expect("an id");
        for _ in 0..3 {
            // Whoever goes on with it counts what there is already.
            let mut log = Log::open(&dir, id).expect("a log");
            for number in 0..2000 {
                let line = format!("line {number}");
                let source = gokku_core::logs::event::Source::Build;
                log.tell(Event::Output { source, line });
            }
            log.tell(Event::Resumed);
        }
        let length = fs::metadata(dir.log(id)).expect("there").len();
        assert!((10 << 10..30 << 10).contains(&length), "{length}");
        let events = read(&dir, id);
        let last = &events[events.len() - 2].event;
        assert!(
            matches!(last, Event::Output { line, .. } if line == "line 1999"),
            "{last:?}"
        );
    }

    #[test]
    fn a_line_that_was_cut_off_spoils_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let app: AppName = "api".parse().expect("a name");
        let dir = root.app_dir(&app);
        fs::create_dir_all(dir.deploys()).expect("a folder");
        let id = allocate(&dir).expect("an id");
        let note = |line: &str| Event::Noted {
            line: line.to_owned(),
        };
        let mut log = Log::open(&dir, id).expect("a log");
        log.tell(note("one"));
        // In the midst of a letter of two bytes.
        fs::write(
            dir.log(id),
            [
                &fs::read(dir.log(id)).expect("read")[..],
                b"{\"at\":1,\"event\":{\"noted\":{\"line\":\"\xc3",
            ]
            .concat(),
        )
        .expect("written");
        let mut log = Log::open(&dir, id).expect("a log");
        log.tell(note("two"));
        let told: Vec<Event> = read(&dir, id).into_iter().map(|stamped| stamped.event).collect();
        assert_eq!(told, [note("one"), note("two")]);
    }
}
