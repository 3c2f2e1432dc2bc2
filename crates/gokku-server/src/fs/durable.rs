//! What was written is brought to the disk before it is said to be done, so that a power cut takes nothing of it.
//!
//! A whole file system at a time, syncfs(2): a release's code may be thousands of files, and an image's layers, which no
//! engine brings to the disk, are files that only root may open. What is few files is brought there file by file.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirEntryExt as _, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use rustix::fs::{major, minor};
use tokio::sync::oneshot;

use crate::fs::Error;

/// How long the disks may take. A file system is written with all that others have changed in it.
pub(crate) const DISK_LIMIT: Duration = Duration::from_secs(120);

/// The folders whose file systems have what an app is made of: the server's own, and those of the engine's data.
pub(crate) fn folders(root: &Path, data: Vec<PathBuf>) -> Vec<PathBuf> {
    std::iter::once(root.to_owned()).chain(data).collect()
}

/// Something that is brought to the disk beside everything else.
#[derive(Debug)]
pub(crate) struct Pending(oneshot::Receiver<Result<(), Error>>);

impl Pending {
    /// Begins to bring what is in these folders' file systems to their disks.
    pub(crate) fn begin(folders: Vec<PathBuf>) -> Self {
        let (tell, told) = oneshot::channel();
        let writer = move || {
            // Nobody hears it where nobody waits any more.
            let _ = tell.send(write_all(&folders));
        };
        // A thread of the runtime's own would keep the process from ending as long as the disks take.
        #[cfg(not(test))]
        std::thread::spawn(writer);
        // Where time is paused it waits for the runtime's own threads, and for no others.
        #[cfg(test)]
        tokio::task::spawn_blocking(writer);
        Self(told)
    }

    /// Waits for its end.
    pub(crate) async fn end(self) -> Result<(), Error> {
        match tokio::time::timeout(DISK_LIMIT, self.0).await {
            Ok(Ok(written)) => written,
            Ok(Err(_)) => Err(Error::WriterDied),
            Err(_) => Err(slow()),
        }
    }
}

/// Brings what is in the file system of a folder to its disk, and waits for it.
pub(crate) fn write(folder: &Path) -> Result<(), Error> {
    let (tell, told) = mpsc::channel();
    let folders = vec![folder.to_owned()];
    std::thread::spawn(move || tell.send(write_all(&folders)));
    told.recv_timeout(DISK_LIMIT).unwrap_or_else(|_| Err(slow()))
}

fn slow() -> Error {
    Error::Slow { limit: DISK_LIMIT }
}

fn write_all(folders: &[PathBuf]) -> Result<(), Error> {
    let mut done = BTreeSet::new();
    for folder in folders {
        let failed = |source: io::Error| Error::Unsynced {
            folder: folder.clone(),
            source,
        };
        let device = match fs::metadata(folder) {
            Ok(there) => there.dev(),
            // An engine on another machine keeps its data there.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(_) => {
                rustix::fs::sync();
                continue;
            }
        };
        if !done.insert(device) {
            continue;
        }
        match opened(folder, device) {
            Some(file) => rustix::fs::syncfs(&file).map_err(|error| failed(error.into()))?,
            // Everybody may ask for all file systems at once, and is told of no error.
            None => rustix::fs::sync(),
        }
    }
    Ok(())
}

/// Something that is open on a folder's file system: an engine's own folder is not for everybody.
fn opened(folder: &Path, device: u64) -> Option<File> {
    let is_there = |path: &Path| fs::metadata(path).is_ok_and(|there| there.dev() == device);
    let mut above = folder.ancestors().take_while(|path| is_there(path));
    above.find_map(|path| File::open(path).ok()).or_else(|| {
        // The same file system may be mounted elsewhere, too.
        let number = format!("{}:{}", major(device), minor(device));
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        mounts.lines().find_map(|line| {
            let mut words = line.split(' ');
            let place = words
                .nth(4)
                .filter(|_| line.split(' ').nth(2) == Some(&*number))?;
            File::open(place).ok().filter(|_| is_there(Path::new(place)))
        })
    })
}

/// Brings a folder to the disk with everything below it, file by file.
pub(crate) fn write_tree(folder: &Path) -> Result<(), Error> {
    let failed = |path: &Path, error: io::Error| Error::file(path, error);
    let mut seen = BTreeSet::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        let file = File::open(&path).map_err(|error| failed(&path, error))?;
        if path.is_dir() {
            for entry in fs::read_dir(&path).map_err(|error| failed(&path, error))? {
                let entry = entry.map_err(|error| failed(&path, error))?;
                let kind = entry.file_type().map_err(|error| failed(&path, error))?;
                if (kind.is_dir() || kind.is_file()) && seen.insert(entry.ino()) {
                    left.push(entry.path());
                }
            }
        }
        file.sync_all().map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

/// Brings one file to the disk, or a folder's list of names.
pub(crate) fn write_file(path: &Path) -> Result<(), Error> {
    let written = File::open(path).and_then(|file| file.sync_all());
    written.map_err(|error| Error::file(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_may_not_be_opened_is_reached_by_another_of_its_file_system() {
        let folder = tempfile::tempdir().expect("a folder");
        let device = fs::metadata(folder.path()).expect("there").dev();
        assert!(opened(folder.path(), device).is_some());
        // As a file system without a name, which no folder is on.
        assert!(opened(Path::new("/nothing/there"), u64::MAX).is_none());
        fs::create_dir(folder.path().join("below")).expect("made");
        fs::write(folder.path().join("below/file"), "text").expect("written");
        std::os::unix::fs::symlink("/nothing", folder.path().join("link")).expect("linked");
        write_tree(folder.path()).expect("on the disk");
        write(folder.path()).expect("on the disk");
        write_all(&folders(folder.path(), vec!["/nothing/there".into()])).expect("on the disk");
        assert!(write_file(&folder.path().join("none")).is_err());
    }
}
