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

    /// Makes it, or brings one that is there up to date: bare, of the one format that every git pushes to, without what a
    /// machine's template would put into it, and with what is [pinned](crate::pinned).
    pub fn create(&self) -> Result<(), Error> {
        let mut init = git(
            &self.path,
            ["-c", "init.defaultRefFormat=files", "init", "--quiet", "--bare"],
        );
        init.args(["--initial-branch=main", "--object-format=sha1", "--template="]);
        run(init.arg(&self.path))?;
        self.pin().map(drop)
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
        let mut command = git(&self.path, ["rev-list", "--max-count=1", "--encoding=UTF-8"]);
        let text = run(command.args(["--format=%s", commit.as_str()]))?;
        // Its own first line names the commit.
        let text = String::from_utf8_lossy(&text);
        Ok(text.lines().nth(1).unwrap_or("").trim_end().to_owned())
    }
}
