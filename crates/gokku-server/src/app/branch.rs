//! The branch whose commits are deployed.

use gokku_core::app::branch_name::BranchName;
use gokku_core::{AppName, CommitId};
use gokku_git::Repository;

use crate::app::apps;
use crate::error::Error;

/// Returns the deploy branch and its commit.
pub(crate) fn deployable(
    repository: &Repository,
    app: &AppName,
    record: &apps::App,
) -> Result<(BranchName, CommitId), Error> {
    let branch = record.branch.clone().ok_or_else(|| {
        Error::missing(format!(
            "{app} has had no push yet: `git push` deploys it the first time"
        ))
    })?;
    let commit = repository.head_of(&branch)?.ok_or_else(|| {
        Error::missing(format!(
            "{app} has no commit on {branch}: push one with git first"
        ))
    })?;
    Ok((branch, commit))
}
