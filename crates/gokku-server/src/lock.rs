//! One transition of an app at a time: a file lock, which the kernel frees when its holder dies. The file is
//! never unlinked; in it stands who holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use gokku_core::{AppName, ReleaseId};
use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::error::{Error, Kind};
use crate::pause::Pause;
use crate::root::Root;

/// What the daemon does with an app that it ends a transition of, or mends.
pub(crate) const RECOVERY: &str = "recovery";
/// What whoever replaces the daemon does with every app.
pub(crate) const RESTART_OF_SWITCH: &str = "restart of the traffic switch";

/// Who holds an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Who asked for it.
    pub by: String,
    /// What it does: `deploy`, `rollback`, ….
    pub what: String,
    /// The transition.
    pub id: ReleaseId,
}

impl Holder {
    /// Whether the app is only held for a moment, and nobody's transition is under way.
    pub(crate) fn is_brief(&self) -> bool {
        self.what == RECOVERY || self.what == RESTART_OF_SWITCH
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {} by {} (process {})",
            self.what, self.id, self.by, self.pid
        )
    }
}

/// The lock, held until it is dropped.
#[derive(Debug)]
pub struct AppLock {
    _file: File,
}

/// How an attempt to get the lock ended.
#[derive(Debug)]
pub enum Attempt {
    /// It is held now.
    Got(AppLock),
    /// Somebody else holds it.
    Busy(Option<Holder>),
    /// A newer one waits for it too, and this one gives way.
    Superseded,
}

fn open(root: &Root, app: &AppName) -> Result<File, Error> {
    let path = root.lock(app);
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::missing(format!("there is no app {app}")),
            _ => Error::file(&path, &error),
        })
}

/// Tries once.
pub fn try_acquire(root: &Root, app: &AppName, holder: &Holder) -> Result<Attempt, Error> {
    let mut file = open(root, app)?;
    match file.try_lock() {
        Ok(()) => {
            // The file is the lock, so that it is written in place; whoever reads it checks that it is held.
            let text = serde_json::to_vec(holder).unwrap_or_default();
            let written = file
                .set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| file.write_all(&text));
            written.map_err(|error| Error::file(&root.lock(app), &error))?;
            Ok(Attempt::Got(AppLock { _file: file }))
        }
        Err(TryLockError::WouldBlock) => Ok(Attempt::Busy(read(&mut file))),
        Err(TryLockError::Error(error)) => Err(Error::file(&root.lock(app), &error)),
    }
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Waits for the lock. Of several that wait, the newest gets it and the others give way.
pub fn wait(root: &Root, app: &AppName, holder: &Holder) -> Result<Attempt, Error> {
    let ticket = root.waiting(app);
    let mine = holder.id.to_string();
    atomic::replace(&ticket, mine.as_bytes(), 0o644)?;
    let mut pause = Pause::up_to(Duration::from_millis(500));
    loop {
        match try_acquire(root, app, holder)? {
            Attempt::Busy(_) => {}
            got => return Ok(got),
        }
        let newest = atomic::read(&ticket)?.unwrap_or_default();
        if newest.as_slice() > mine.as_bytes() {
            return Ok(Attempt::Superseded);
        }
        std::thread::sleep(pause.next());
    }
}

/// Who holds an app now; none when nobody does.
pub fn holder(root: &Root, app: &AppName) -> Result<Option<Holder>, Error> {
    let mut file = open(root, app)?;
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(read(&mut file)),
        Err(TryLockError::Error(error)) => Err(Error::file(&root.lock(app), &error)),
    }
}

/// Marks a push's code as in use by this process, for as long as the file is open. It need not be there.
pub fn use_code(incoming: &Path) -> Option<File> {
    let folder = File::open(incoming).ok()?;
    folder.lock_shared().ok()?;
    Some(folder)
}

/// Whether a push's code is in use by a process that lives.
pub fn code_is_used(incoming: &Path) -> bool {
    let locked = File::open(incoming).map(|folder| folder.try_lock());
    matches!(locked, Ok(Err(TryLockError::WouldBlock)))
}

/// The error for a busy app.
pub fn busy(app: &AppName, holder: Option<&Holder>) -> Error {
    let who = holder.map_or_else(|| "something".to_owned(), ToString::to_string);
    Error::new(
        Kind::Busy,
        format!(
            "{app} is busy with {who}: wait for it (`gokku deploy --attach -a {app}` follows it), or end it with `gokku deploy --abort -a {app}`"
        ),
    )
}
