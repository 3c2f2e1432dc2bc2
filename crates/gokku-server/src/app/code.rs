//! A release's code: put in its place, and found to be there.

use std::fmt;
use std::path::{Path, PathBuf};

use gokku_core::release::record::Record;
use gokku_core::{CommitId, ReleaseId};
use gokku_git::Repository;

use crate::app::Error;
use crate::fs::app_dir::AppDir;
use crate::fs::{atomic, durable};

/// Puts a commit's files into a folder that is not there yet; an empty one where there is no commit.
pub(crate) fn put(dir: &AppDir, commit: Option<&CommitId>, folder: &Path) -> Result<(), Error> {
    match commit {
        Some(commit) => Ok(Repository::at(dir.repository()).export(commit, folder)?),
        None => std::fs::create_dir(folder).map_err(|error| Error::file(folder, error)),
    }
}

/// The files of a release's commit that its code does not have, or has without content: what a power cut leaves of code
/// that was not on the disk yet. None where that cannot be told, because the commit is not in the repository any more.
pub(crate) fn lost(dir: &AppDir, record: &Record) -> Vec<String> {
    let Some(commit) = &record.commit else {
        return Vec::new();
    };
    let lost = Repository::at(dir.repository()).lost(commit, &dir.tree(record.id));
    lost.unwrap_or_default()
}

/// What of a release's code is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The release.
    release: ReleaseId,
    /// One of the files.
    first: String,
    /// How many more there are.
    more: usize,
    /// Where the code is.
    tree: PathBuf,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the code of the release {} is not whole: {}",
            self.release, self.first
        )?;
        match self.more {
            0 => f.write_str(" is")?,
            more => write!(f, " and {more} more are")?,
        }
        let tree = self.tree.display();
        write!(f, " empty or missing in {tree}, as after a power cut")
    }
}

/// Looks whether something of a release's code is not there.
pub(crate) fn loss(dir: &AppDir, record: &Record) -> Option<Loss> {
    let lost = lost(dir, record);
    Some(Loss {
        release: record.id,
        more: lost.len().saturating_sub(1),
        first: lost.into_iter().next()?,
        tree: dir.tree(record.id),
    })
}

/// Takes a release's code out of the repository again where it is not whole; with what is to be told of that. Whoever calls
/// holds the app's lock.
pub(crate) fn repair(dir: &AppDir, record: &Record) -> Result<Option<String>, Error> {
    let root = dir.root();
    let Some(loss) = loss(dir, record) else {
        return Ok(None);
    };
    let (beside, place) = (dir.incoming(record.id), dir.tree(record.id));
    let replaced = || -> Result<(), Error> {
        atomic::remove_tree(&beside)?;
        put(dir, record.commit.as_ref(), &beside)?;
        durable::write(root.path())?;
        atomic::remove_whole(&place)?;
        std::fs::rename(&beside, &place).map_err(|error| Error::file(&place, error))
    };
    match replaced() {
        Ok(()) => Ok(Some(format!("{loss}; it was taken out of the repository again"))),
        Err(error) => {
            atomic::remove_tree(&beside)?;
            Err(Error::CodeLost {
                loss,
                source: Box::new(error),
            })
        }
    }
}
