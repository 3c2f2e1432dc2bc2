//! One transition of an app at a time: a file lock, which the kernel frees when its holder dies. The file is
//! never unlinked; in it stands who holds it. Who waits for it stands in [`crate::queue::waiting`].

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use gokku_core::logs::event;
use gokku_core::machine::backoff::Backoff;
pub use gokku_core::transition::Purpose;
use gokku_core::{AppName, ReleaseId};
use serde::{Deserialize, Serialize};

use crate::fs::app_dir::AppDir;
use crate::os::{clock, process};
use crate::queue::Error;
use crate::queue::pending_ref::PendingRef;

/// Who holds an app, or waits for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Who asked for it.
    pub by: String,
    /// What for.
    pub what: Purpose,
    /// The transition.
    pub id: ReleaseId,
}

impl Holder {
    /// Returns whether nobody's transition is under way: gokku itself has the app for a moment.
    pub fn is_brief(&self) -> bool {
        matches!(
            self.what,
            Purpose::Recovery | Purpose::SwitchRestart | Purpose::Prune
        )
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} by {}", self.what, self.id, self.by)
    }
}

/// Who holds an app, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who.
    pub holder: Holder,
    /// Since when, RFC 3339.
    pub since: String,
}

impl From<Held> for event::Held {
    fn from(held: Held) -> Self {
        let Holder { pid, by, what, id } = held.holder;
        Self {
            what,
            id,
            by,
            since: held.since,
            process: pid,
        }
    }
}

/// As people read it.
impl Serialize for Held {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} since {} (process {})",
            self.holder, self.since, self.holder.pid
        )
    }
}

/// What stands in the lock file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Written {
    pid: u32,
    by: String,
    what: Purpose,
    id: ReleaseId,
    #[serde(default)]
    since: String,
    /// The last push whose deploy went well: it stays when its holder has gone, for whoever comes next.
    #[serde(rename = "landing", default, skip_serializing_if = "Option::is_none")]
    pending_ref: Option<PendingRef>,
}

impl Written {
    fn held(self) -> Held {
        Held {
            holder: Holder {
                pid: self.pid,
                by: self.by,
                what: self.what,
                id: self.id,
            },
            since: self.since,
        }
    }
}

/// The lock, held until it is dropped.
#[derive(Debug)]
pub struct AppLock {
    file: File,
    written: Written,
}

impl AppLock {
    /// Returns the push before this transition, whose branch git may still have to move.
    pub fn pending_ref(&self) -> Option<&PendingRef> {
        self.written.pending_ref.as_ref()
    }

    /// Leaves word for whoever comes next that git is about to move a branch.
    pub fn set_pending_ref(&mut self, pending_ref: PendingRef) -> std::io::Result<()> {
        self.written.pending_ref = Some(pending_ref);
        self.write()
    }

    fn write(&mut self) -> std::io::Result<()> {
        // The file is the lock, so that it is written in place; whoever reads it checks that it is held.
        let text = serde_json::to_vec(&self.written).unwrap_or_default();
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(&text)
    }
}

/// How an attempt to get the lock ended.
#[derive(Debug)]
pub enum Attempt {
    /// It is held now.
    Got(AppLock),
    /// Somebody else holds it.
    Busy(Option<Held>),
}

fn open(dir: &AppDir) -> Result<File, Error> {
    let app = dir.app();
    let path = dir.lock();
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::NoApp(app.clone()),
            _ => Error::file(&path, error),
        })
}

/// How long somebody may take who holds an app to write who it is.
const WORD_LIMIT: Duration = Duration::from_secs(1);
/// The longest pause between two looks at that.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// What a look at a lock comes to.
enum Looked {
    /// Nobody else has it.
    Free,
    /// Somebody has; it may not be known who.
    Held(Option<Held>),
}

/// Who holds an app, by what stands in its file: `look` locks it, or says that somebody has. Who has only just got it has not written
/// it yet: until then there is nothing, or the word of somebody who has gone.
fn who_holds(file: &mut File, look: impl Fn(&File) -> Result<(), TryLockError>) -> std::io::Result<Looked> {
    let (until, mut pause) = (Instant::now() + WORD_LIMIT, Backoff::up_to(LONGEST_PAUSE));
    loop {
        match look(file) {
            Ok(()) => return Ok(Looked::Free),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {
                let held = read(file).map(Written::held);
                let lives = |held: &Held| process::watch(held.holder.pid).is_some();
                if held.as_ref().is_some_and(lives) || Instant::now() >= until {
                    return Ok(Looked::Held(held));
                }
            }
        }
        std::thread::sleep(pause.take());
    }
}

/// Tries once.
pub fn try_acquire(dir: &AppDir, holder: &Holder) -> Result<Attempt, Error> {
    let mut file = open(dir)?;
    match who_holds(&mut file, lock) {
        Ok(Looked::Free) => {
            let before = read(&mut file);
            let mut lock = AppLock {
                file,
                written: Written {
                    pid: holder.pid,
                    by: holder.by.clone(),
                    what: holder.what.clone(),
                    id: holder.id,
                    since: clock::now_text(),
                    pending_ref: before.and_then(|before| before.pending_ref),
                },
            };
            lock.write().map_err(|error| Error::file(&dir.lock(), error))?;
            Ok(Attempt::Got(lock))
        }
        Ok(Looked::Held(held)) => Ok(Attempt::Busy(held)),
        Err(error) => Err(Error::file(&dir.lock(), error)),
    }
}

/// Locks it, unless somebody holds it. Whoever only looks has it for a moment too, and is no holder.
fn lock(file: &File) -> Result<(), TryLockError> {
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => file.try_lock_shared()?,
            result => return result,
        }
        file.unlock().map_err(TryLockError::Error)?;
        std::thread::yield_now();
    }
}

fn read(file: &mut File) -> Option<Written> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Returns the last push whose deploy went well.
pub fn pending_ref(dir: &AppDir) -> Result<Option<PendingRef>, Error> {
    let mut file = open(dir)?;
    Ok(read(&mut file).and_then(|written| written.pending_ref))
}

/// Returns who holds an app now; none when nobody does.
pub fn holder(dir: &AppDir) -> Result<Option<Held>, Error> {
    let mut file = open(dir)?;
    match who_holds(&mut file, File::try_lock_shared) {
        Ok(Looked::Free) => Ok(None),
        Ok(Looked::Held(held)) => Ok(held),
        Err(error) => Err(Error::file(&dir.lock(), error)),
    }
}

/// Marks a push's code as in use by this process, for as long as the file is open. It need not be there.
pub fn use_code(incoming: &Path) -> Option<File> {
    let folder = File::open(incoming).ok()?;
    folder.lock_shared().ok()?;
    Some(folder)
}

/// Returns whether a push's code is in use by a process that lives.
pub fn code_is_used(incoming: &Path) -> bool {
    let locked = File::open(incoming).map(|folder| folder.try_lock());
    matches!(locked, Ok(Err(TryLockError::WouldBlock)))
}

/// Returns the error for a busy app.
pub fn busy(app: &AppName, held: Option<&Held>) -> Error {
    Error::Busy {
        app: app.clone(),
        held: held.cloned().map(Box::new),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use gokku_core::app::branch_name::BranchName;
    use gokku_core::transition::OperationName;

    use super::*;
    use crate::fs::root::Root;

    fn me(id: i64) -> Holder {
        Holder {
            pid: std::process::id(),
            by: "anna".to_owned(),
            what: Purpose::Operation(OperationName::Deploy),
            id: ReleaseId::at(id),
        }
    }

    /// What the version before has written, and this one writes again the same.
    #[test]
    fn locks_of_the_version_before() {
        for (before, purpose) in [
            (
                include_str!("../../tests/fixtures/lock-scale"),
                Purpose::Operation(OperationName::Scale),
            ),
            (
                include_str!("../../tests/fixtures/lock-recovery"),
                Purpose::Recovery,
            ),
            (include_str!("../../tests/fixtures/lock-landing"), Purpose::Push),
        ] {
            let written: Written = serde_json::from_str(before).expect("a lock");
            assert_eq!(written.what, purpose);
            assert_eq!(serde_json::to_string(&written).expect("text"), before);
        }
    }

    #[test]
    fn one_holds_it_and_the_next_hears_of_the_push_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let app: AppName = "api".parse().expect("a name");
        let dir = root.app_dir(&app);
        assert!(holder(&dir).is_err(), "an app that is not there has no holder");
        std::fs::create_dir(dir.path()).expect("a folder");
        let Ok(Attempt::Got(mut lock)) = try_acquire(&dir, &me(1)) else {
            panic!("it is free")
        };
        let Ok(Attempt::Busy(Some(other))) = try_acquire(&dir, &me(2)) else {
            panic!("it is held")
        };
        assert_eq!(other.holder, me(1));
        assert!(busy(&app, Some(&other)).to_string().contains(" by anna since 20"));
        let pending_ref = PendingRef {
            branch: BranchName::main(),
            commit: "1".repeat(40).parse().expect("an id"),
            receiver: 1,
            until: 0,
        };
        lock.set_pending_ref(pending_ref.clone()).expect("written");
        drop(lock);
        assert_eq!(holder(&dir).expect("read"), None);
        // Also when another transition comes between.
        for id in [2, 3] {
            let Ok(Attempt::Got(lock)) = try_acquire(&dir, &me(id)) else {
                panic!("it is free")
            };
            assert_eq!(lock.pending_ref(), Some(&pending_ref));
        }
    }

    /// Nobody is told of an app that somebody has it, and not who.
    #[test]
    fn who_has_it_is_told_though_it_is_only_just_had() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let dir = root.app_dir(&"api".parse().expect("a name"));
        std::fs::create_dir(dir.path()).expect("a folder");
        let gone = Written {
            pid: u32::from(u16::MAX) << 8,
            by: "somebody who has gone".to_owned(),
            what: me(1).what,
            id: me(1).id,
            since: String::new(),
            pending_ref: None,
        };
        for before in [String::new(), serde_json::to_string(&gone).expect("text")] {
            std::fs::write(dir.lock(), before).expect("written");
            let file = open(&dir).expect("the file");
            file.lock().expect("locked");
            let (tell, answers) = mpsc::channel();
            for only_looks in [false, true] {
                let (dir, tell) = (dir.clone(), tell.clone());
                std::thread::spawn(move || {
                    let held = if only_looks {
                        holder(&dir).expect("read")
                    } else {
                        match try_acquire(&dir, &me(2)).expect("tried") {
                            Attempt::Got(_) => None,
                            Attempt::Busy(held) => held,
                        }
                    };
                    tell.send(held).expect("heard");
                });
            }
            let early = answers.recv_timeout(WORD_LIMIT / 10);
            assert!(early.is_err(), "{early:?}");
            let mut written = gone.clone();
            (written.pid, written.by) = (std::process::id(), "anna".to_owned());
            let mut lock = AppLock { file, written };
            lock.write().expect("written");
            for _ in 0..2 {
                let held = answers.recv().expect("an answer").expect("a holder");
                assert_eq!(held.holder.by, "anna");
            }
        }
    }
}
