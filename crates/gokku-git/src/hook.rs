//! The hooks that `gokku` is started by: a few lines of shell each. pre-receive judges a push before git takes its
//! objects; proc-receive deploys it, moves its refs, and says what became of each; see githooks(5).

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gokku_core::AppName;

use gokku_core::push::rules::RefUpdate;

use crate::command::{git, git_anywhere, output, run};
use crate::error::Error;
use crate::repository::Repository;

/// The hooks that are gokku's.
const NAMES: [&str; 2] = ["pre-receive", "proc-receive"];
/// What has git leave refs to proc-receive, git-config(1): all of them, so that what comes with a deploy branch is moved
/// together with it. Where nothing deploys, the hook leaves them to git.
pub(crate) const PROC_RECEIVE_REFS: (&str, &str) = ("receive.procReceiveRefs", "refs");
/// The oldest git that has such a hook.
pub const OLDEST_GIT: (u32, u32) = (2, 29);

/// What the hooks start.
#[derive(Clone, Debug)]
pub struct Hook {
    /// The gokku program.
    pub program: PathBuf,
    /// The server's folder.
    pub root: PathBuf,
    /// The app.
    pub app: AppName,
}

/// A path as one word of a POSIX shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

impl Hook {
    /// A hook's text.
    fn text(&self, name: &str) -> String {
        format!(
            "#!/bin/sh
# Made by gokku: a push is judged and deployed before its refs move.
program={}
if [ ! -x \"$program\" ]; then
    found=$(command -v gokku) || {{
        echo \"gokku is not at $program any more, nor in the PATH: put it back, and push again\" >&2
        exit 1
    }}
    program=$found
fi
GOKKU_ROOT={} exec \"$program\" hook {name} --app {}
",
            quoted(&self.program),
            quoted(&self.root),
            self.app
        )
    }
}

impl Repository {
    /// The files of gokku's hooks that are not there, or are another's.
    pub(crate) fn foreign_hooks(&self, hook: &Hook) -> Vec<PathBuf> {
        // Where the program was is said again with each installation, and a hook looks for it elsewhere, too.
        let words = |text: &str| {
            let lines = text.lines().filter(|line| !line.starts_with("program='"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let is_ours = |name: &&str| {
            let there = fs::read_to_string(self.hook(name));
            there.is_ok_and(|there| words(&there) == words(&hook.text(name)))
        };
        NAMES
            .into_iter()
            .filter(|name| !is_ours(name))
            .map(|name| self.hook(name))
            .collect()
    }

    /// Writes the hooks and has git run them, unless that is so already. True when something was written.
    pub fn install_hooks(&self, hook: &Hook) -> Result<bool, Error> {
        let mut changed = false;
        for name in NAMES {
            changed |= self.install(name, &hook.text(name))?;
        }
        if !self.leaves_refs()? {
            let (key, value) = PROC_RECEIVE_REFS;
            run(&mut git(self.path(), ["config", "--replace-all", key, value]))?;
            changed = true;
        }
        Ok(changed)
    }

    /// Returns whether git hands a push to the hooks: they are there, and it leaves the refs to them.
    pub fn has_hooks(&self, hook: &Hook) -> Result<bool, Error> {
        Ok(self.foreign_hooks(hook).is_empty() && self.leaves_refs()?)
    }

    /// Whether git leaves refs to proc-receive.
    fn leaves_refs(&self) -> Result<bool, Error> {
        let (key, value) = PROC_RECEIVE_REFS;
        let found = output(&mut git(self.path(), ["config", "--get-all", key]))?;
        Ok(found.stdout.trim_ascii() == value.as_bytes())
    }

    fn hook(&self, name: &str) -> PathBuf {
        self.path().join("hooks").join(name)
    }

    fn install(&self, name: &str, text: &str) -> Result<bool, Error> {
        let folder = self.path().join("hooks");
        let path = self.hook(name);
        if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
            return Ok(false);
        }
        let failed = |source| Error::File {
            path: path.clone(),
            source,
        };
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(&folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file()
                .set_permissions(fs::Permissions::from_mode(0o755))?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            fs::File::open(&folder)?.sync_all()
        };
        write().map(|()| true).map_err(failed)
    }

    /// Runs the update hook that somebody may have put there, as git does right before it moves a ref that it moves
    /// itself; in the environment that git gave this process, its words going to where this process's go. False when it
    /// refuses.
    pub fn run_update_hook(&self, update: &RefUpdate) -> Result<bool, Error> {
        let path = self.hook("update");
        let runs =
            fs::metadata(&path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
        if !runs {
            return Ok(true);
        }
        let mut command = Command::new(&path);
        command
            .args([&update.name, update.old.as_str(), update.new.as_str()])
            .current_dir(self.path())
            .env("GIT_DIR", ".")
            .stdin(Stdio::null())
            // What the hook's own process prints on its standard output is for git.
            .stdout(std::io::stderr());
        let status = command.status().map_err(|source| Error::File { path, source })?;
        Ok(status.success())
    }
}

/// Returns the version of the git that is run, `(2, 47)`; none when it says something else.
pub fn git_version() -> Result<Option<(u32, u32)>, Error> {
    let text = run(git_anywhere().arg("version"))?;
    Ok(version_of(&String::from_utf8_lossy(&text)))
}

/// Reads `git version 2.39.5 (Apple Git-154)`.
fn version_of(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix("git version ")?.split(['.', ' ', '\n']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_git() {
        for (text, version) in [
            ("git version 2.47.3\n", Some((2, 47))),
            ("git version 2.39.5 (Apple Git-154)\n", Some((2, 39))),
            ("git version 2.29.rc0\n", Some((2, 29))),
            ("git version 3.0\n", Some((3, 0))),
            ("git version 2", None),
            ("hub version 2.14", None),
        ] {
            assert_eq!(version_of(text), version, "{text}");
        }
        assert!(Some(OLDEST_GIT) > Some((2, 28)));
    }
}
