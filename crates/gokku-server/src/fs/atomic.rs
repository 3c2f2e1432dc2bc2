//! Files are replaced, never rewritten: temporary file in the same folder, fsync, rename, fsync of the folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use gokku_core::text::read_limits::{self, Limit};

use crate::fs::Error;
use crate::fs::bounded;
use crate::fs::durable;

/// What a temporary file's name begins with; the process that made it follows.
const PREFIX: &str = ".gokku-tmp-";

/// Makes temporary files that can be told from those of a process that has died.
pub(crate) fn temporary() -> tempfile::Builder<'static, 'static> {
    static NAME: LazyLock<String> = LazyLock::new(|| format!("{PREFIX}{}-", std::process::id()));
    let mut builder = tempfile::Builder::new();
    builder.prefix(NAME.as_str());
    builder
}

/// The temporary files and folders in a folder whose process has died.
pub(crate) fn left(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let name = entry.file_name();
        let maker = name.to_str()?.strip_prefix(PREFIX)?.split('-').next()?;
        (!Path::new("/proc").join(maker).exists()).then(|| entry.path())
    })
}

/// Removes them.
pub(crate) fn sweep(folder: &Path) {
    for path in left(folder) {
        // One that cannot be removed takes room, and no more than that.
        let _ = if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        };
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Replaces a file's content. On an error the old content is still there.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let write = || -> io::Result<()> {
        let mut file = temporary().tempfile_in(folder(path))?;
        file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(folder(path))?.sync_all()
    };
    write().map_err(|error| Error::file(path, error))
}

/// Points a symbolic link at something else, in one step.
pub fn replace_link(link: &Path, target: &Path) -> Result<(), Error> {
    let write = || -> io::Result<()> {
        let spare = temporary().tempdir_in(folder(link))?;
        let made = spare.path().join("link");
        std::os::unix::fs::symlink(target, &made)?;
        fs::rename(&made, link)?;
        File::open(folder(link))?.sync_all()
    };
    write().map_err(|error| Error::file(link, error))
}

/// Removes a file; one that is not there is no error.
pub fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file(path, error)),
        _ => Ok(()),
    }
}

/// Removes it so that a power cut does not bring it back.
pub fn remove_for_good(path: &Path) -> Result<(), Error> {
    remove(path)?;
    durable::write_file(folder(path))
}

/// Removes a folder and everything in it; one that is not there is no error.
pub fn remove_tree(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file(path, error)),
        _ => Ok(()),
    }
}

/// Removes a folder in one step, as far as anyone can see who looks for its name.
pub fn remove_whole(path: &Path) -> Result<(), Error> {
    let aside = temporary()
        .tempdir_in(folder(path))
        .map_err(|error| Error::file(path, error))?;
    match fs::rename(path, aside.path().join("gone")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file(path, error)),
        _ => aside.close().map_err(|error| Error::file(path, error)),
    }
}

/// Reads a file that gokku keeps; none when it is not there.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    read_of(path, read_limits::RECORD)
}

/// Reads a file; none when it is not there.
pub fn read_of(path: &Path, limit: Limit) -> Result<Option<Vec<u8>>, Error> {
    bounded::file(path, limit).map_err(|error| Error::file(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        replace(&path, b"one", 0o600).expect("written");
        replace(&path, b"two", 0o600).expect("written");
        assert_eq!(read(&path).expect("read").as_deref(), Some(b"two".as_slice()));
        assert_eq!(
            path.metadata().expect("there").permissions().mode() & 0o777,
            0o600
        );
        let link = folder.path().join("link");
        replace_link(&link, Path::new("a")).expect("linked");
        replace_link(&link, Path::new("b")).expect("linked");
        assert_eq!(fs::read_link(&link).expect("a link"), Path::new("b"));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);
    }

    #[test]
    fn what_a_dead_process_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        // No process has this number: it is above the kernel's limit, see proc(5).
        fs::write(at(".gokku-tmp-4194305-abc"), b"half").expect("written");
        fs::create_dir_all(at(".gokku-tmp-4194305-def/gone")).expect("made");
        let mine = format!(".gokku-tmp-{}-ghi", std::process::id());
        fs::write(at(&mine), b"").expect("written");
        fs::write(at("file"), b"").expect("written");
        sweep(folder.path());
        assert!(at(&mine).exists() && at("file").exists());
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);
    }

    #[test]
    fn a_full_disk_says_so_and_keeps_the_old_content() {
        // A file system of its own, of 64 KB; made in a mount namespace where the user is not root.
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(folder.path())
            .status()
            .expect("mount");
        assert!(
            mounted.success(),
            "this test mounts a tmpfs: run the tests as root"
        );
        let path = folder.path().join("file");
        let result = replace(&path, b"small", 0o600).and_then(|()| replace(&path, &vec![0; 1 << 20], 0o600));
        let kept = read(&path);
        let unmounted = std::process::Command::new("umount")
            .arg(folder.path())
            .status()
            .expect("umount");
        assert!(unmounted.success());
        let error = result.expect_err("1 MB does not fit").to_string();
        assert!(error.contains("The disk is full"), "{error}");
        assert_eq!(kept.expect("read").as_deref(), Some(b"small".as_slice()));
    }
}
