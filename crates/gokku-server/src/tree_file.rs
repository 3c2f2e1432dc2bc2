//! A file of a release's code, for this process to read: never one outside of it, wherever a link in it leads.

use std::io::ErrorKind;
use std::path::Path;

use gokku_core::intake::LARGEST_READ;

use crate::atomic;
use crate::error::Error;

/// Whether there is a file or a link of this name: one that leads nowhere good is there, too, and is told when it is read.
pub(crate) fn is_there(tree: &Path, name: &str) -> bool {
    let path = tree.join(name);
    path.is_file() || path.is_symlink()
}

/// What is in a file; none when there is none. Links are followed within the tree; one to nothing is meant to be something.
pub(crate) fn read(tree: &Path, name: &str) -> Result<Option<Vec<u8>>, Error> {
    let path = tree.join(name);
    let wrong = |path: &Path, error| Error::file(path, &error);
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            if path.is_symlink() {
                return Err(gokku_git::Error::LeadsNowhere(name.to_owned()).into());
            }
            return Ok(None);
        }
        Err(error) => return Err(wrong(&path, error)),
    };
    let top = tree.canonicalize().map_err(|error| wrong(tree, error))?;
    if !real.starts_with(&top) {
        return Err(gokku_git::Error::LeadsOut(name.to_owned()).into());
    }
    // A file of another size than a person writes is not what it is called.
    if real.metadata().is_ok_and(|about| about.len() > LARGEST_READ) {
        return Err(gokku_git::Error::TooLarge(name.to_owned()).into());
    }
    atomic::read(&real)
}
