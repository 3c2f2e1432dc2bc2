//! A release's code: put in its place, and found to be there.

use std::path::Path;

use gokku_core::CommitId;
use gokku_core::release::code_loss::CodeLoss;
use gokku_core::release::record::Record;
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

/// Looks whether something of a release's code is not there.
pub(crate) fn loss(dir: &AppDir, record: &Record) -> Option<CodeLoss> {
    let lost = lost(dir, record);
    Some(CodeLoss {
        release: record.id,
        more: lost.len().saturating_sub(1),
        first: lost.into_iter().next()?,
        tree: dir.tree(record.id).display().to_string(),
    })
}

/// Takes a release's code out of the repository again where it is not whole; with what was lost of it. Whoever calls
/// holds the app's lock.
pub(crate) fn repair(dir: &AppDir, record: &Record) -> Result<Option<CodeLoss>, Error> {
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
        Ok(()) => Ok(Some(loss)),
        Err(error) => {
            atomic::remove_tree(&beside)?;
            Err(Error::CodeLost {
                loss,
                source: Box::new(error),
            })
        }
    }
}
