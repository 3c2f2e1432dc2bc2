//! An app's bare repository.

use std::path::{Path, PathBuf};

use gokku_core::CommitId;
use gokku_core::push::BranchName;

use crate::command::{git, output, run, words};
use crate::error::Error;

/// A bare repository.
#[derive(Clone, Debug)]
pub struct Repository {
    path: PathBuf,
}

impl Repository {
    /// The repository at a path; nothing is looked at yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it, or brings one that is there up to date: bare, and taking pushes from shallow clones.
    pub fn create(&self) -> Result<(), Error> {
        run(git(&self.path, ["init", "--quiet", "--bare", "--initial-branch=main"]).arg(&self.path))?;
        // Build servers push from shallow clones. A release needs its commit's files only, and git's own refusal
        // would come after the hook: after the deploy.
        for (key, value) in [
            ("receive.shallowUpdate", "true"),
            ("receive.denyDeleteCurrent", "refuse"),
            ("gc.auto", "500"),
        ] {
            run(&mut git(&self.path, ["config", key, value]))?;
        }
        Ok(())
    }

    /// The commit that a name stands for; none when there is none.
    pub fn resolve(&self, name: &str) -> Result<Option<CommitId>, Error> {
        let mut command = git(
            &self.path,
            ["rev-parse", "--verify", "--quiet", "--end-of-options"],
        );
        command.arg(format!("{name}^{{commit}}"));
        let output = output(&mut command)?;
        if !output.status.success() {
            return Ok(None);
        }
        let answer = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        answer.parse().map(Some).map_err(|_| Error::Answer {
            command: words(&command),
            answer,
        })
    }

    /// The commit at a branch's end; none when the branch has had no push.
    pub fn head_of(&self, branch: &BranchName) -> Result<Option<CommitId>, Error> {
        self.resolve(&branch.full())
    }

    /// Makes a branch the one that a clone checks out.
    pub fn set_head(&self, branch: &BranchName) -> Result<(), Error> {
        run(git(&self.path, ["symbolic-ref", "HEAD"]).arg(branch.full())).map(drop)
    }

    /// The first line of a commit's message.
    pub fn subject(&self, commit: &CommitId) -> Result<String, Error> {
        let text = run(&mut git(
            &self.path,
            ["log", "-1", "--format=%s", commit.as_str()],
        ))?;
        Ok(String::from_utf8_lossy(&text).trim_end().to_owned())
    }
}
