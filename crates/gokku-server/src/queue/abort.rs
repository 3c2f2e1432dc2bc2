//! Somebody asks for a transition's end: who that is stands in a file beside its log, and a signal says to look.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

use gokku_core::ReleaseId;
use tokio::sync::watch;

use crate::fs::app_dir::AppDir;
use crate::fs::atomic;
use crate::os::process;
use crate::queue::Error;
use crate::queue::lock::{self, Holder};
use crate::queue::waiting;

fn path(dir: &AppDir, id: ReleaseId) -> PathBuf {
    dir.deploys().join(format!("{id}.abort"))
}

/// Returns those whose end can be asked for: the one that is under way, then those that wait.
pub fn choices(dir: &AppDir) -> Result<Vec<Holder>, Error> {
    // One that gets the app meanwhile is seen twice rather than not at all.
    let mut waiting = waiting::waiting(dir);
    // The daemon itself, when it mends something, is nobody's to end.
    let held = lock::holder(dir)?.map(|held| held.holder);
    let held = held.filter(|held| !held.is_brief());
    waiting.retain(|one| held.as_ref().is_none_or(|held| held.id != one.id));
    Ok(held.into_iter().chain(waiting).collect())
}

/// Asks for it.
pub fn ask(dir: &AppDir, holder: &Holder, by: &str) -> Result<(), Error> {
    let path = path(dir, holder.id);
    // There with the name in it, or not at all: whoever asks next sends the signal at once.
    let named = || -> io::Result<()> {
        let mut file = atomic::temporary().tempfile_in(dir.deploys())?;
        file.write_all(by.as_bytes())?;
        file.persist_noclobber(&path)
            .map(drop)
            .map_err(|error| error.error)
    };
    match named() {
        // Who asks first is named.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        written => written.map_err(|error| Error::file(&path, error))?,
    }
    // One that has ended by itself says in its log how.
    if let Err(source) = process::terminate(holder.pid) {
        atomic::remove(&path)?;
        return Err(Error::NotAsked {
            holder: Box::new(holder.clone()),
            source,
        });
    }
    Ok(())
}

/// Waits until somebody has asked; for ever when nobody can any more.
pub(crate) async fn asked(receiver: &mut watch::Receiver<bool>) {
    if receiver.wait_for(|asked| *asked).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Returns who asked for a transition's end; none when it was somebody's plain signal.
pub fn asked_by(dir: &AppDir, id: ReleaseId) -> Option<String> {
    let text = fs::read_to_string(path(dir, id)).ok()?;
    let name = text.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Forgets who asked for a transition's end: it has ended.
pub fn forget(dir: &AppDir, id: ReleaseId) {
    // What stays is removed with the app's old logs.
    let _ = atomic::remove(&path(dir, id));
}
