//! A developer's working copy: its remotes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{output, quiet, run};
use crate::error::Error;

/// A working copy, or any other repository that somebody stands in.
#[derive(Clone, Debug)]
pub struct WorkingCopy {
    folder: PathBuf,
}

impl WorkingCopy {
    /// Returns the one that has this folder in it; none where there is no repository. git is not started for it: most commands
    /// on a server are given where there is none.
    pub fn around(folder: &Path) -> Option<Self> {
        let found = folder.ancestors().any(|folder| folder.join(".git").exists());
        found.then(|| Self {
            folder: folder.to_owned(),
        })
    }

    fn git<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.folder).args(args);
        quiet(&mut command);
        command
    }

    /// Its top folder; none for a bare repository.
    pub fn top(&self) -> Result<Option<PathBuf>, Error> {
        let told = output(&mut self.git(["rev-parse", "--show-toplevel"]))?;
        let path = String::from_utf8_lossy(&told.stdout);
        let path = path.strip_suffix('\n').unwrap_or(&path);
        Ok((told.status.success() && !path.is_empty()).then(|| PathBuf::from(path)))
    }

    /// Returns the names of its remotes.
    pub fn remotes(&self) -> Result<Vec<String>, Error> {
        let told = run(&mut self.git(["remote"]))?;
        Ok(String::from_utf8_lossy(&told)
            .lines()
            .map(str::to_owned)
            .collect())
    }

    /// Returns the URL that is pushed to; none when there is no such remote.
    pub fn url(&self, remote: &str) -> Result<Option<String>, Error> {
        let told = output(&mut self.git(["remote", "get-url", "--push", "--", remote]))?;
        let url = String::from_utf8_lossy(&told.stdout);
        Ok(told
            .status
            .success()
            .then(|| url.trim_end_matches('\n').to_owned()))
    }

    /// Adds a remote, with the programs that git starts on the other side; all of it or nothing.
    pub fn add(&self, remote: &str, url: &str, programs: &[(&str, &str)]) -> Result<(), Error> {
        run(&mut self.git(["remote", "add", "--", remote, url]))?;
        for (key, program) in programs {
            let key = format!("remote.{remote}.{key}");
            if let Err(error) = run(&mut self.git(["config", "--local", key.as_str(), program])) {
                self.remove(remote)?;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Removes a remote, with all that git knows of it.
    pub fn remove(&self, remote: &str) -> Result<(), Error> {
        run(&mut self.git(["remote", "remove", "--", remote])).map(drop)
    }
}
