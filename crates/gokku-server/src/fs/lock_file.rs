//! A file that one process at a time has, and that has no content: who reads, changes and replaces another file holds it meanwhile.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::fs::Error;

/// Waits for a lock and has it until the file is dropped; the kernel frees it when the process dies.
pub(crate) fn hold(path: &Path) -> Result<File, Error> {
    let failed = |error| Error::file(path, error);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}
