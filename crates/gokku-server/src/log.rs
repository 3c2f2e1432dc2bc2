//! What a transition tells, written down line by line as JSON.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use gokku_core::event::{Event, Stamped};
use gokku_core::{AppName, ReleaseId};

use crate::clock;
use crate::error::Error;
use crate::root::Root;

/// How many logs of an app are kept.
const KEPT: usize = 50;

/// A transition's log.
#[derive(Debug)]
pub struct Log {
    file: File,
}

/// Takes the first id from now on that no other transition of the app has, and makes its log.
pub fn allocate(root: &Root, app: &AppName) -> Result<ReleaseId, Error> {
    let mut id = ReleaseId::at(clock::now_seconds());
    loop {
        let path = root.log(app, id);
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
        {
            Ok(_) => return Ok(id),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => id = id.following(),
            Err(error) => return Err(Error::file(&path, &error)),
        }
    }
}

impl Log {
    /// Opens a transition's log to write on at its end.
    pub fn open(root: &Root, app: &AppName, id: ReleaseId) -> Result<Self, Error> {
        let path = root.log(app, id);
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path);
        file.map(|file| Self { file })
            .map_err(|error| Error::file(&path, &error))
    }

    /// The same log once more, for what is told while something else writes on it.
    pub(crate) fn beside(&self) -> Option<Self> {
        self.file.try_clone().ok().map(|file| Self { file })
    }

    /// Tells an event. A log that cannot be written does not stop a transition.
    pub fn tell(&mut self, event: Event) {
        let stamped = Stamped {
            at: clock::now_ms(),
            event,
        };
        let Ok(mut line) = serde_json::to_vec(&stamped) else {
            return;
        };
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            tracing::warn!("an event could not be written: {error}");
        }
    }
}

/// The events of a log, as far as it goes.
pub fn read(root: &Root, app: &AppName, id: ReleaseId) -> Vec<Stamped> {
    let text = fs::read_to_string(root.log(app, id)).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// The transitions of an app that have a log, oldest first.
pub fn list(root: &Root, app: &AppName) -> Vec<ReleaseId> {
    let mut ids: Vec<ReleaseId> = fs::read_dir(root.deploys(app))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".log")?.parse().ok())
        .collect();
    ids.sort();
    ids
}

/// Removes the oldest logs, and what somebody who asked for an end left.
pub fn prune(root: &Root, app: &AppName) {
    let ids = list(root, app);
    let forgotten = ids[..ids.len().saturating_sub(1)].iter();
    for id in forgotten {
        crate::abort::forget(root, app, *id);
    }
    let paths: Vec<PathBuf> = ids[..ids.len().saturating_sub(KEPT)]
        .iter()
        .map(|id| root.log(app, *id))
        .collect();
    for path in paths {
        let _ = fs::remove_file(path);
    }
}
