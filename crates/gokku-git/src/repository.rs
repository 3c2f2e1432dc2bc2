//! An app's bare repository.

use std::path::{Path, PathBuf};

use gokku_core::CommitId;
use gokku_core::app::branch_name::BranchName;
use gokku_core::push::intake::PushLimits;
use gokku_core::push::rules::{NoCommit, RefUpdate, Rule};

use crate::command::{git, output, run, words};
use crate::error::Error;

/// A bare repository.
#[derive(Clone, Debug)]
pub struct Repository {
    path: PathBuf,
}

impl Repository {
    /// Names the repository at a path; nothing is looked at yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether there is one.
    pub fn is_there(&self) -> bool {
        self.path.join("HEAD").exists()
    }

    /// Makes it, or brings one that is there up to date: bare, of the one format that every git pushes to, without what a
    /// machine's template would put into it, and with what is [pinned](crate::pinned).
    pub fn create(&self) -> Result<(), Error> {
        let parts = ["HEAD", "config", "objects", "refs"];
        if parts.iter().all(|part| self.path.join(part).exists()) {
            return self.pin(PushLimits::default().max_size).map(drop);
        }
        let mut init = git(
            &self.path,
            ["-c", "init.defaultRefFormat=files", "init", "--quiet", "--bare"],
        );
        init.args(["--initial-branch=main", "--object-format=sha1", "--template="]);
        run(init.arg(&self.path))?;
        let hooks = self.path.join("hooks");
        std::fs::create_dir_all(&hooks).map_err(|source| Error::File { path: hooks, source })?;
        self.pin(PushLimits::default().max_size).map(drop)
    }

    /// Returns the commit that a name stands for; none when there is none.
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

    /// Returns the commit at a branch's end; none when the branch has had no push.
    pub fn head_of(&self, branch: &BranchName) -> Result<Option<CommitId>, Error> {
        self.resolve(&branch.full())
    }

    /// Returns what is pushed to a branch that is no commit; none when it is one.
    pub fn no_commit(&self, object: &CommitId) -> Result<Option<NoCommit>, Error> {
        let mut command = git(&self.path, ["cat-file", "-t", object.as_str()]);
        let kind = run(&mut command)?;
        Ok(match kind.trim_ascii() {
            b"commit" => None,
            b"tree" => Some(NoCommit::Tree),
            b"blob" => Some(NoCommit::Blob),
            b"tag" => {
                let text = run(&mut git(&self.path, ["cat-file", "tag", object.as_str()]))?;
                let text = String::from_utf8_lossy(&text);
                let name = text.lines().find_map(|line| line.strip_prefix("tag "));
                Some(NoCommit::Tag {
                    name: name.unwrap_or(object.as_str()).to_owned(),
                    has_commit: self.resolve(object.as_str())?.is_some(),
                })
            }
            other => {
                return Err(Error::Answer {
                    command: words(&command),
                    answer: String::from_utf8_lossy(other).into_owned(),
                });
            }
        })
    }

    /// Returns whether a commit is among those that another one builds on, or is that one.
    pub fn is_ancestor(&self, older: &CommitId, newer: &CommitId) -> Result<bool, Error> {
        let args = ["merge-base", "--is-ancestor", older.as_str(), newer.as_str()];
        Ok(output(&mut git(&self.path, args))?.status.success())
    }

    /// Returns the rule of the repository's own configuration that an update breaks; git would look at it only for refs that it
    /// moves itself.
    pub fn broken_rule(&self, update: &RefUpdate) -> Result<Option<Rule>, Error> {
        if update.old.is_zero() {
            return Ok(None);
        }
        let rule = if update.new.is_zero() {
            Rule::Deletes
        } else if update.branch().is_some() && !self.is_ancestor(&update.old, &update.new)? {
            Rule::NonFastForwards
        } else {
            return Ok(None);
        };
        let key = rule.to_string();
        let set = output(&mut git(&self.path, ["config", "--type=bool", "--get", &key]))?;
        Ok((set.stdout.trim_ascii() == b"true").then_some(rule))
    }

    /// Makes a branch the one that a clone checks out.
    pub fn set_head(&self, branch: &BranchName) -> Result<(), Error> {
        run(git(&self.path, ["symbolic-ref", "HEAD"]).arg(branch.full())).map(drop)
    }

    /// Returns the first line of a commit's message.
    pub fn subject(&self, commit: &CommitId) -> Result<String, Error> {
        let mut command = git(&self.path, ["rev-list", "--no-walk", "--encoding=UTF-8"]);
        let text = run(command.args(["--format=%s", commit.as_str()]))?;
        // Its own first line names the commit.
        let text = String::from_utf8_lossy(&text);
        Ok(text.lines().nth(1).unwrap_or("").trim_end().to_owned())
    }
}
