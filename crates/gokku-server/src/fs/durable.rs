//! What was written is brought to the disk before it is said to be done, so that a power cut takes nothing of it.
//!
//! A whole file system at a time, syncfs(2): a release's code may be thousands of files, and an image's layers, which no
//! engine brings to the disk, are files that only root may open. What is few files is brought there file by file.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirEntryExt as _, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{major, minor};

use crate::fs::Error;

/// How long the disks may take. A file system is written with all that others have changed in it.
pub(crate) const DISK_LIMIT: Duration = Duration::from_secs(120);

/// The folders whose file systems have what an app is made of: the server's own, and those of the engine's data.
pub(crate) fn folders(root: &Path, data: Vec<PathBuf>) -> Vec<PathBuf> {
    std::iter::once(root.to_owned()).chain(data).collect()
}

/// Something that is brought to the disk beside everything else.
#[derive(Debug)]
pub(crate) struct Pending {
    /// What came of it. Behind a lock, so that threads can share it.
    written: Mutex<Receiver<Result<(), Error>>>,
    tell: Sender<Result<(), Error>>,
}

impl Pending {
    /// Begins to bring what is in these folders' file systems to their disks. A thread of the runtime's own would keep the
    /// process from ending as long as the disks take.
    pub(crate) fn begin(folders: Vec<PathBuf>) -> Self {
        let (tell, written) = mpsc::channel();
        let writer = tell.clone();
        std::thread::spawn(move || {
            let done = std::panic::catch_unwind(|| write_all(&folders));
            // Nobody hears it where nobody waits any more.
            let _ = writer.send(done.unwrap_or(Err(Error::WriterDied)));
        });
        Self {
            written: Mutex::new(written),
            tell,
        }
    }

    /// Waits for its end. It is waited on a thread of the runtime's, which knows by that, also where its time is paused, that
    /// something is still to come.
    pub(crate) async fn end(self) -> Result<(), Error> {
        let _given_up = GivenUp(self.tell.clone());
        let waited = tokio::task::spawn_blocking(move || self.wait()).await;
        waited.unwrap_or(Err(Error::WriterDied))
    }

    fn wait(&self) -> Result<(), Error> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written
            .recv_timeout(DISK_LIMIT)
            .unwrap_or(Err(Error::Slow { limit: DISK_LIMIT }))
    }
}

/// Ends the wait on the runtime's thread, once nobody waits for that any more: the disk is not waited for in its place.
struct GivenUp(Sender<Result<(), Error>>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        let _ = self.0.send(Ok(()));
    }
}

/// Brings what is in the file system of a folder to its disk, and waits for it.
pub(crate) fn write(folder: &Path) -> Result<(), Error> {
    Pending::begin(vec![folder.to_owned()]).wait()
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
    use std::time::Instant;

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

    /// A disk that takes nothing keeps nobody who has given up: neither a runtime nor its process.
    #[test]
    fn who_gives_up_waits_for_no_disk() {
        let (tell, written) = mpsc::channel();
        let pending = Pending {
            written: Mutex::new(written),
            tell,
        };
        let began = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let waited =
            runtime.block_on(async { tokio::time::timeout(Duration::from_millis(20), pending.end()).await });
        assert!(waited.is_err(), "{waited:?}");
        // Waits for its threads.
        drop(runtime);
        assert!(began.elapsed() < DISK_LIMIT / 2, "{:?}", began.elapsed());
    }

    /// What is written takes real time, which is none of the paused one.
    #[test]
    fn paused_time_does_not_pass_while_the_disk_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let ended = runtime.block_on(async {
            let pending = Pending::begin(folders(folder.path(), Vec::new()));
            tokio::time::timeout(Duration::from_nanos(1), pending.end()).await
        });
        ended.expect("no time has passed").expect("on the disk");
    }
}
