//! A file of a release's code, for this process to read: never one outside of it, wherever a link in it leads.

use std::io::ErrorKind;
use std::path::Path;

use crate::atomic;
use crate::error::Error;

/// What is in a file; none when there is none. Links are followed within the tree.
pub(crate) fn read(tree: &Path, name: &str) -> Result<Option<Vec<u8>>, Error> {
    let path = tree.join(name);
    let wrong = |path: &Path, error| Error::file(path, &error);
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(wrong(&path, error)),
    };
    let top = tree.canonicalize().map_err(|error| wrong(tree, error))?;
    if !real.starts_with(&top) {
        return Err(Error::input(format!(
            "{name} is a link that leads out of the repository, or lies behind one: commit the file itself"
        )));
    }
    atomic::read(&real)
}
