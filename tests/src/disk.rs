//! A disk of a story's own, which can be filled, or copied as a power cut would leave it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

use crate::Output;

/// How much is written at once, in bytes: a page.
const PAGE: usize = 4096;

/// Where the files are that disks are in: in memory, so that no other test's writing is waited for.
const MEMORY: &str = "/dev/shm";

/// A file system in memory, or in a file, mounted somewhere. It is unmounted when it goes, whoever uses it still.
pub struct Disk {
    at: PathBuf,
    /// The file it is in.
    image: Mutex<Option<NamedTempFile>>,
}

/// What was on a disk at some moment.
pub struct DiskCopy {
    image: NamedTempFile,
}

/// What fills a disk, for as long as it is kept.
pub struct Filler {
    file: PathBuf,
}

impl Disk {
    /// Mounts one of so many bytes on an empty folder.
    #[track_caller]
    pub fn mount(at: &Path, bytes: u64) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "a disk of a story's own takes root: run these stories as root"
        );
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]);
        Output::of(mount.arg(at)).ok();
        Self {
            at: at.to_owned(),
            image: Mutex::new(None),
        }
    }

    /// Mounts one in a file, ext4, of so many bytes on an empty folder. Nothing of what is written to it comes there by itself for
    /// minutes, unless somebody asks for it.
    #[track_caller]
    pub fn mount_file(at: &Path, bytes: u64) -> Self {
        let image = new_image();
        let sized = image.as_file().set_len(bytes);
        sized.unwrap_or_else(|error| panic!("{}: {error}", image.path().display()));
        let mut make = Command::new("mkfs.ext4");
        make.args(["-q", "-m", "0", "-J", "size=8"]);
        make.args(["-E", "lazy_itable_init=0,lazy_journal_init=0"]);
        Output::of(make.arg(image.path())).ok();
        DiskCopy { image }.mount(at)
    }

    /// What is on it now, as a power cut would leave it.
    #[track_caller]
    pub fn copy(&self) -> DiskCopy {
        let copy = new_image();
        let image = self.image.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(image) = image.as_ref() else {
            panic!("{} is not in a file", self.at.display())
        };
        let mut cp = Command::new("cp");
        Output::of(cp.arg("--sparse=always").arg(image.path()).arg(copy.path())).ok();
        DiskCopy { image: copy }
    }

    /// Puts a copy in its place, as the machine finds it when the power is back.
    #[track_caller]
    pub fn become_copy(&self, copy: DiskCopy) {
        unmount(&self.at);
        copy.attach(&self.at);
        *self.image.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy.image);
    }

    /// How many bytes are free.
    #[track_caller]
    pub fn free(&self) -> u64 {
        let disk = rustix::fs::statvfs(&self.at);
        let disk = disk.unwrap_or_else(|error| panic!("{}: {error}", self.at.display()));
        disk.f_bavail * disk.f_frsize
    }

    /// Fills it but for so many pages.
    #[track_caller]
    pub fn fill(&self, but_for: u64) -> Filler {
        // A name that git takes for no ref, where the disk holds refs.
        let path = self.at.join("filler.lock");
        let mut file = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // In large pieces as long as they fit, then page by page: what is left of a piece that did not fit is kept.
        let piece = vec![0; 256 * PAGE];
        while file.write_all(&piece).is_ok() {}
        while file.write_all(&piece[..PAGE]).is_ok() {}
        let length = file.metadata().map_or(0, |there| there.len());
        let page = PAGE as u64;
        let kept = file.set_len((length / page).saturating_sub(but_for) * page);
        kept.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Filler { file: path }
    }
}

impl DiskCopy {
    /// Mounts it on an empty folder.
    #[track_caller]
    pub fn mount(self, at: &Path) -> Disk {
        self.attach(at);
        Disk {
            at: at.to_owned(),
            image: Mutex::new(Some(self.image)),
        }
    }

    /// One more of it.
    #[track_caller]
    pub fn again(&self) -> Self {
        let image = new_image();
        let mut cp = Command::new("cp");
        Output::of(cp.arg("--sparse=always").arg(self.image.path()).arg(image.path())).ok();
        Self { image }
    }

    #[track_caller]
    fn attach(&self, at: &Path) {
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop,commit=900"]).arg(self.image.path());
        Output::of(mount.arg(at)).ok();
    }
}

#[track_caller]
fn new_image() -> NamedTempFile {
    let memory = Path::new(MEMORY);
    let folder = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    let image = tempfile::Builder::new().prefix("gokku-disk-").tempfile_in(folder);
    image.unwrap_or_else(|error| panic!("a file for a disk could not be made: {error}"))
}

fn unmount(at: &Path) {
    Output::of(Command::new("umount").arg("--lazy").arg(at));
}

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.at);
    }
}
