//! Those that wait for an app: a file for each, locked as long as its process lives. Of those that do the same the
//! newest stays, and the others give way.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use gokku_core::machine::backoff::Backoff;
use gokku_core::{AppName, ReleaseId};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::fs::atomic;
use crate::fs::root::Root;
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
fn enter(root: &Root, app: &AppName, holder: &Holder) -> Result<Ticket, Error> {
    let folder = root.queue(app);
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

/// Those that wait, oldest first. What a killed one has left is removed.
pub fn waiting(root: &Root, app: &AppName) -> Vec<Holder> {
    let entries = fs::read_dir(root.queue(app)).into_iter().flatten().flatten();
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
    root: &Root,
    app: &AppName,
    holder: &Holder,
    mut receiver: watch::Receiver<bool>,
) -> Result<Waited, Error> {
    let _ticket = enter(root, app, holder)?;
    let newer = |other: &Holder| other.what == holder.what && other.id > holder.id;
    let mut pause = Backoff::up_to(LONGEST_PAUSE);
    loop {
        if let Some(other) = waiting(root, app).into_iter().rfind(newer) {
            return Ok(Waited::Superseded(other));
        }
        match lock::try_acquire(root, app, holder)? {
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

    use super::*;
    use crate::queue::lock::Purpose;

    fn holder(id: i64, what: OperationName) -> Holder {
        Holder {
            pid: std::process::id(),
            by: "anna".to_owned(),
            what: Purpose::Operation(what),
            id: ReleaseId::at(id),
        }
    }

    fn held(root: &Root, app: &AppName, holder: &Holder) -> AppLock {
        match lock::try_acquire(root, app, holder) {
            Ok(Attempt::Got(lock)) => lock,
            other => panic!("it should be free: {other:?}"),
        }
    }

    #[tokio::test]
    async fn the_newest_of_a_kind_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let app: AppName = "api".parse().expect("a name");
        fs::create_dir(root.app(&app)).expect("a folder");
        let lock = held(&root, &app, &holder(1, OperationName::Deploy));
        let (_keep, abort) = watch::channel(false);

        // The older one comes last, as happens when its process was slow.
        let newer = enter(&root, &app, &holder(4, OperationName::Deploy)).expect("a place");
        let config = enter(&root, &app, &holder(5, OperationName::Config)).expect("a place");
        let older = wait(&root, &app, &holder(3, OperationName::Deploy), abort.clone()).await;
        assert!(
            matches!(&older, Ok(Waited::Superseded(other)) if other.id == ReleaseId::at(4)),
            "{older:?}"
        );
        assert_eq!(
            waiting(&root, &app),
            [holder(4, OperationName::Deploy), holder(5, OperationName::Config)],
            "one does not take the place of another kind"
        );
        drop((newer, config));

        // What a killed one has left counts for nothing, and goes.
        let left = root.queue(&app).join(ReleaseId::at(9).to_string());
        fs::write(
            &left,
            serde_json::to_vec(&holder(9, OperationName::Deploy)).expect("text"),
        )
        .expect("written");
        assert_eq!(waiting(&root, &app), []);
        assert!(!left.exists());

        drop(lock);
        let got = wait(&root, &app, &holder(6, OperationName::Deploy), abort).await;
        assert!(matches!(got, Ok(Waited::Got(_))), "{got:?}");
        assert_eq!(fs::read_dir(root.queue(&app)).expect("a folder").count(), 0);
    }

    #[tokio::test]
    async fn an_older_one_gives_way_to_the_newer_that_has_it_already() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let app: AppName = "api".parse().expect("a name");
        fs::create_dir(root.app(&app)).expect("a folder");
        let _lock = held(&root, &app, &holder(2, OperationName::Deploy));
        let (asks, abort) = watch::channel(false);
        let older = wait(&root, &app, &holder(1, OperationName::Deploy), abort.clone()).await;
        assert!(
            matches!(&older, Ok(Waited::Superseded(other)) if other.id == ReleaseId::at(2)),
            "{older:?}"
        );
        asks.send_replace(true);
        let aborted = wait(&root, &app, &holder(3, OperationName::Deploy), abort).await;
        assert!(matches!(aborted, Ok(Waited::Aborted)), "{aborted:?}");
    }
}
