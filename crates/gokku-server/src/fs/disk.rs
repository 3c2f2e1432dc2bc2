//! Measures the disks: what is free of them, what folders hold. What follows from that is the core's (`gokku_core::release::disk`).

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use gokku_core::release::disk::Space;

/// What is free for everybody on the disk of a folder, and which disk that is. Of a folder that may not be looked into, as the
/// engine's may be, it is the one above that counts.
fn look(path: &Path) -> Option<(u64, u64)> {
    path.ancestors().find_map(|path| {
        let device = fs::metadata(path).ok()?.dev();
        let disk = rustix::fs::statvfs(path).ok()?;
        Some((disk.f_bavail.saturating_mul(disk.f_frsize), device))
    })
}

/// What is free on the disk of a folder, in bytes.
pub(crate) fn free(path: &Path) -> Option<u64> {
    look(path).map(|(free, _)| free)
}

/// What is free on the disk of the server's folder and on that of the engine's data.
pub(crate) fn space(root: &Path, data: &Path) -> Option<Space> {
    let ((root, root_device), (engine, engine_device)) = (look(root)?, look(data)?);
    Some(if root_device == engine_device {
        Space::One(root.min(engine))
    } else {
        Space::Two { root, engine }
    })
}

/// What a file, or everything in a folder, takes of the disk, in bytes. What cannot be read counts for nothing.
pub(crate) fn held(path: &Path) -> u64 {
    let mut total = 0;
    let mut left = vec![path.to_owned()];
    while let Some(path) = left.pop() {
        let Ok(there) = fs::symlink_metadata(&path) else {
            continue;
        };
        total += allocated(&there);
        if there.is_dir() {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            left.extend(entries.map(|entry| entry.path()));
        }
    }
    total
}

fn allocated(there: &Metadata) -> u64 {
    // st_blocks is in units of 512 bytes, whatever the disk's are.
    there.blocks() * 512
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_folder_holds_and_what_is_free() {
        let folder = tempfile::tempdir().expect("a folder");
        let there = folder.path();
        let before = held(there);
        fs::create_dir(there.join("below")).expect("a folder");
        fs::write(there.join("below/file"), vec![1; 3 << 20]).expect("written");
        std::os::unix::fs::symlink("/", there.join("elsewhere")).expect("a link");
        let grown = held(there) - before;
        assert!((3 << 20..4 << 20).contains(&grown), "{grown}");
        assert_eq!(held(&there.join("nothing")), 0);
        assert!(free(&there.join("not/there")).is_some_and(|free| free > 0));
        assert!(matches!(space(there, &there.join("below")), Some(Space::One(_))));
        let memory = Path::new("/dev/shm");
        if fs::metadata(memory).map(|there| there.dev()).ok()
            != fs::metadata(there).map(|there| there.dev()).ok()
        {
            assert!(matches!(space(there, memory), Some(Space::Two { .. })));
        }
    }
}
