//! A file that one process at a time has, and that has no content: who reads, changes and replaces another file holds it meanwhile.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use gokku_core::machine::backoff::Backoff;
use tokio::time::{Instant, sleep};

use crate::fs::Error;

const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Waits for a lock and has it until the file is dropped; the kernel frees it when the process dies.
pub(crate) fn hold(path: &Path) -> Result<File, Error> {
    let file = open(path)?;
    file.lock().map_err(|error| Error::file(path, error))?;
    Ok(file)
}

/// Waits for a lock, but no longer than that: whoever has it may wait for somebody else.
pub(crate) async fn hold_within(path: &Path, limit: Duration) -> Result<File, Error> {
    let file = open(path)?;
    let began = Instant::now();
    let mut pause = Backoff::up_to(LONGEST_PAUSE);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(Error::file(path, error)),
            Err(TryLockError::WouldBlock) if began.elapsed() > limit => {
                return Err(Error::Locked {
                    path: path.to_owned(),
                    limit,
                });
            }
            Err(TryLockError::WouldBlock) => sleep(pause.take()).await,
        }
    }
}

fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| Error::file(path, error))
}
