//! The branch whose commits are deployed.

use gokku_core::app::branch_name::BranchName;
use gokku_core::{AppName, CommitId};
use gokku_git::Repository;

use crate::app::Error;
use crate::app::apps;

/// Returns the deploy branch and its commit.
pub(crate) fn deployable(
    repository: &Repository,
    app: &AppName,
    record: &apps::App,
) -> Result<(BranchName, CommitId), Error> {
    let branch = record.branch.clone().ok_or_else(|| Error::NoPush(app.clone()))?;
    let commit = repository.head_of(&branch)?.ok_or_else(|| Error::NoCommit {
        app: app.clone(),
        branch: branch.clone(),
    })?;
    Ok((branch, commit))
}
