//! A disk of a story's own, which can be filled.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Output;

/// How much is written at once, in bytes: a page.
const PAGE: usize = 4096;

/// A file system in memory, mounted somewhere. It is unmounted when it goes, whoever uses it still.
pub struct Disk {
    at: PathBuf,
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
        Self { at: at.to_owned() }
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

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Output::of(Command::new("umount").arg("--lazy").arg(&self.at));
    }
}
