//! A release's code.

use std::path::Path;

use gokku_core::{AppName, CommitId};
use gokku_git::Repository;

use crate::error::Error;
use crate::root::Root;

/// Puts a commit's files into a folder that is not there yet; an empty one where there is no commit.
pub(crate) fn put(root: &Root, app: &AppName, commit: Option<&CommitId>, folder: &Path) -> Result<(), Error> {
    match commit {
        Some(commit) => Ok(Repository::at(root.repository(app)).export(commit, folder)?),
        None => std::fs::create_dir(folder).map_err(|error| Error::file(folder, &error)),
    }
}
