//! A repository's objects, and nothing else of it: git in a folder of its own, with an index of its own, where no
//! configuration, no attributes but the commit's, no filters, no refs and no hooks are.
//!
//! So a commit's files come out as they do in a clone that somebody has just made, who has configured nothing.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use gokku_core::CommitId;

use crate::command::{absolute, git_anywhere, in_quarantine};
use crate::repository::Repository;

/// The folder that such a git takes for its repository. What is in it may be removed afterwards.
pub(crate) struct Loan {
    folder: PathBuf,
    objects: Option<PathBuf>,
}

impl Loan {
    /// Makes it in a folder that is not there yet, for objects of this commit's kind.
    pub(crate) fn begin(repository: &Repository, folder: &Path, commit: &CommitId) -> io::Result<Self> {
        let mut loan = Self::of_nothing(folder)?;
        if commit.as_str().len() == 64 {
            let format = "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n";
            fs::write(loan.folder.join("config"), format)?;
        }
        // Inside a hook git has told already where they are.
        loan.objects = (!in_quarantine()).then(|| absolute(repository.path()).join("objects"));
        Ok(loan)
    }

    /// Makes one without any objects: what makes a folder a repository, gitrepository-layout(5).
    pub(crate) fn of_nothing(folder: &Path) -> io::Result<Self> {
        let folder = absolute(folder);
        for folder in [&folder, &folder.join("refs"), &folder.join("objects")] {
            fs::create_dir(folder)?;
        }
        fs::write(folder.join("HEAD"), "ref: refs/heads/none\n")?;
        Ok(Self {
            folder,
            objects: None,
        })
    }

    /// A git command there, for files in this folder.
    pub(crate) fn git(&self, files: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = git_anywhere();
        command.arg("--git-dir").arg(&self.folder);
        command.arg("--work-tree").arg(files).args(args);
        if let Some(objects) = &self.objects {
            command.env("GIT_OBJECT_DIRECTORY", objects);
        }
        command.current_dir(files);
        command
    }
}
