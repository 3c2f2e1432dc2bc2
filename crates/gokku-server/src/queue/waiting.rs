//! Those that wait for an app: a file for each, locked as long as its process lives. Of those that do the same the
//! newest stays, and the others give way.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use gokku_core::ReleaseId;
use gokku_core::machine::backoff::Backoff;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::fs::app_dir::AppDir;
use crate::fs::atomic;
use crate::queue::Error;
use crate::queue::abort::asked;
use crate::queue::lock::{self, AppLock, Attempt, Holder};

const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How the wait ended.
#[derive(Debug)]
pub enum Waited {
    /// The app is held now.
    Got(AppLock),
    /// A newer one took its place.
    Superseded(Holder),
    /// Somebody asked for its end.
    Aborted,
}

/// A place in the queue, until it is dropped.
struct Ticket {
    path: PathBuf,
    _file: File,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // One that cannot be removed is not locked any more, and nobody heeds it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Takes a place: it is locked before anyone can see it.
fn enter(dir: &AppDir, holder: &Holder) -> Result<Ticket, Error> {
    let folder = dir.queue();
    let path = folder.join(holder.id.to_string());
    let failed = |error: std::io::Error| Error::file(&path, error);
    fs::create_dir_all(&folder).map_err(failed)?;
    atomic::sweep(&folder);
    let mut file = atomic::temporary().tempfile_in(&folder).map_err(failed)?;
    let text = serde_json::to_vec(holder).unwrap_or_default();
    let written = file.write_all(&text).and_then(|()| file.as_file().lock());
    written.map_err(failed)?;
    let file = file.persist(&path).map_err(|error| failed(error.error))?;
    Ok(Ticket { path, _file: file })
}

/// Returns those that wait, oldest first. What a killed one has left is removed.
pub fn waiting(dir: &AppDir) -> Vec<Holder> {
    let entries = fs::read_dir(dir.queue()).into_iter().flatten().flatten();
    let mut all: Vec<Holder> = entries
        .filter_map(|entry| {
            let path = entry.path();
            let _: ReleaseId = entry.file_name().to_str()?.parse().ok()?;
            let file = File::open(&path).ok()?;
            if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
                let _ = fs::remove_file(&path);
                return None;
            }
            serde_json::from_slice(&fs::read(&path).ok()?).ok()
        })
        .collect();
    all.sort_by_key(|holder| holder.id);
    all
}

/// Waits for the app, until a newer one of its kind does or has it, or somebody asks for its end.
pub async fn wait(
    dir: &AppDir,
    holder: &Holder,
    mut receiver: watch::Receiver<bool>,
) -> Result<Waited, Error> {
    let _ticket = enter(dir, holder)?;
    let newer = |other: &Holder| other.what == holder.what && other.id > holder.id;
    let mut pause = Backoff::up_to(LONGEST_PAUSE);
    loop {
        if let Some(other) = waiting(dir).into_iter().rfind(newer) {
            return Ok(Waited::Superseded(other));
        }
        match lock::try_acquire(dir, holder)? {
            Attempt::Got(lock) => return Ok(Waited::Got(lock)),
            Attempt::Busy(Some(other)) if newer(&other.holder) => {
                return Ok(Waited::Superseded(other.holder));
            }
            Attempt::Busy(_) => {}
        }
        tokio::select! {
            () = sleep(pause.take()) => {}
            () = asked(&mut receiver) => return Ok(Waited::Aborted),
        }
    }
}

#[cfg(test)]
mod tests {
    use gokku_core::transition::OperationName;

    use gokku_core::AppName;

    use super::*;
    use crate::fs::root::Root;
    use crate::queue::lock::Purpose;

    fn holder(id: i64, what: OperationName) -> Holder {
        Holder {
            pid: std::process::id(),
            by: "anna".to_owned(),
            what: Purpose::Operation(what),
            id: ReleaseId::at(id),
        }
    }

    fn held(dir: &AppDir, holder: &Holder) -> AppLock {
        match lock::try_acquire(dir, holder) {
            Ok(Attempt::Got(lock)) => lock,
            other => panic!("it should be free: {other:?}"),
        }
    }

    #[tokio::test]
    async fn the_newest_of_a_kind_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let app: AppName = "api".parse().expect("a name");
        let dir = root.app_dir(&app);
        fs::create_dir(dir.path()).expect("a folder");
        let lock = held(&dir, &holder(1, OperationName::Deploy));
        let (_keep, abort) = watch::channel(false);

        // The older one comes last, as happens when its process was slow.
        let newer = enter(&dir, &holder(4, OperationName::Deploy)).expect("a place");
        let config = enter(&dir, &holder(5, OperationName::Config)).expect("a place");
        let older = wait(&dir, &holder(3, OperationName::Deploy), abort.clone()).await;
        assert!(
            matches!(&older, Ok(Waited::Superseded(other)) if other.id == ReleaseId::at(4)),
            "{older:?}"
        );
        assert_eq!(
            waiting(&dir),
            [holder(4, OperationName::Deploy), holder(5, OperationName::Config)],
            "one does not take the place of another kind"
        );
        drop((newer, config));

        // What a killed one has left counts for nothing, and goes.
        let left = dir.queue().join(ReleaseId::at(9).to_string());
        fs::write(
            &left,
            serde_json::to_vec(&holder(9, OperationName::Deploy)).expect("text"),
        )
        .expect("written");
        assert_eq!(waiting(&dir), []);
        assert!(!left.exists());

        drop(lock);
        let got = wait(&dir, &holder(6, OperationName::Deploy), abort).await;
        assert!(matches!(got, Ok(Waited::Got(_))), "{got:?}");
        assert_eq!(fs::read_dir(dir.queue()).expect("a folder").count(), 0);
    }

    #[tokio::test]
    async fn an_older_one_gives_way_to_the_newer_that_has_it_already() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let app: AppName = "api".parse().expect("a name");
        let dir = root.app_dir(&app);
        fs::create_dir(dir.path()).expect("a folder");
        let _lock = held(&dir, &holder(2, OperationName::Deploy));
        let (asks, abort) = watch::channel(false);
        let older = wait(&dir, &holder(1, OperationName::Deploy), abort.clone()).await;
        assert!(
            matches!(&older, Ok(Waited::Superseded(other)) if other.id == ReleaseId::at(2)),
            "{older:?}"
        );
        asks.send_replace(true);
        let aborted = wait(&dir, &holder(3, OperationName::Deploy), abort).await;
        assert!(matches!(aborted, Ok(Waited::Aborted)), "{aborted:?}");
    }
}
