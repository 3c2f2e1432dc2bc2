//! A commit's files.

use std::fmt;
use std::io::Read;
use std::path::Path;

use gokku_core::{CommitId, TreeId};

use crate::command::{failed, git, output, run, spawn, words};
use crate::error::Error;
use crate::repository::Repository;

/// Something in a commit that cannot be deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Submodules, whose code is not in the push.
    Submodules(Vec<String>),
    /// Git LFS pointers, whose content is not in the push.
    Lfs(Vec<String>),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submodules(paths) => write!(
                f,
                "it has git submodules ({}), whose code a push does not bring: commit that code itself, `git subtree add` does",
                some(paths)
            ),
            Self::Lfs(paths) => write!(
                f,
                "it has Git LFS pointers ({}), whose content a push does not bring: commit the files themselves, `git lfs migrate export --include=\"*\"` does; or leave them out of the build, in .dockerignore",
                some(paths)
            ),
        }
    }
}

fn some(paths: &[String]) -> String {
    match paths {
        [a, b, c, rest @ ..] if !rest.is_empty() => format!("{a}, {b}, {c} and {} more", rest.len()),
        paths => paths.join(", "),
    }
}

/// What a Git LFS pointer begins with (git-lfs, docs/spec.md).
const LFS: &str = "version https://git-lfs.github.com/spec/v1";

impl Repository {
    /// Puts a commit's files into an empty folder that is made, as `git archive` gives them: modes and symbolic
    /// links kept, `export-ignore` obeyed. Works inside the hook, on objects that are not yet accepted.
    pub fn export(&self, commit: &CommitId, into: &Path) -> Result<(), Error> {
        let at = |source| Error::File {
            path: into.to_owned(),
            source,
        };
        std::fs::create_dir(into).map_err(at)?;
        let mut command = git(self.path(), ["archive", "--format=tar", commit.as_str()]);
        let mut child = spawn(&mut command)?;
        let mut stderr = child.stderr.take();
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(stderr) = &mut stderr {
                let _ = stderr.read_to_end(&mut text);
            }
            text
        });
        let unpacked = child.stdout.take().map_or(Ok(()), |stdout| {
            let mut archive = tar::Archive::new(std::io::BufReader::with_capacity(128 * 1024, stdout));
            archive.set_preserve_mtime(false);
            archive.unpack(into)?;
            // An archive ends before its padding does; git must not find the pipe closed while it writes that.
            std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map(drop)
        });
        let status = child.wait().map_err(Error::Missing)?;
        let stderr = reader.join().unwrap_or_default();
        // A disk that is full breaks the pipe: what unpacking says comes first.
        unpacked.map_err(at)?;
        if status.success() {
            Ok(())
        } else {
            Err(failed(&words(&command), &stderr))
        }
    }

    /// What a commit's files are. Where `export-subst` has git write of the commit into them (gitattributes(5)), they are
    /// the commit's alone, and its own id stands for them.
    pub fn tree(&self, commit: &CommitId) -> Result<TreeId, Error> {
        let mut grep = git(self.path(), ["grep", "--quiet", "-e", "export-subst"]);
        grep.args([commit.as_str(), "--", ":(glob)**/.gitattributes"]);
        if output(&mut grep)?.status.success() {
            return Ok(TreeId::new(commit.as_str()));
        }
        let tree = run(&mut git(
            self.path(),
            ["rev-parse", "--verify", &format!("{commit}^{{tree}}")],
        ))?;
        Ok(TreeId::new(String::from_utf8_lossy(&tree).trim()))
    }

    /// The paths of a commit's files: no symbolic links, no submodules.
    pub fn files(&self, commit: &CommitId) -> Result<Vec<String>, Error> {
        let listing = run(&mut git(self.path(), ["ls-tree", "-r", "-z", commit.as_str()]))?;
        let listing = String::from_utf8_lossy(&listing).into_owned();
        let files = listing.split('\0').filter(|entry| entry.starts_with("100"));
        Ok(files
            .filter_map(|entry| Some(entry.split_once('\t')?.1.to_owned()))
            .collect())
    }

    /// A file of a commit; none when there is none.
    pub fn file(&self, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let output = output(&mut git(
            self.path(),
            ["cat-file", "blob", &format!("{commit}:{path}")],
        ))?;
        Ok(output.status.success().then_some(output.stdout))
    }

    /// What in a commit cannot be deployed.
    pub fn obstacles(&self, commit: &CommitId) -> Result<Vec<Obstacle>, Error> {
        let mut obstacles = Vec::new();
        let listing = run(&mut git(self.path(), ["ls-tree", "-r", "-z", commit.as_str()]))?;
        let listing = String::from_utf8_lossy(&listing).into_owned();
        let mut submodules = Vec::new();
        let mut attributes = false;
        for entry in listing.split('\0') {
            let Some((meta, path)) = entry.split_once('\t') else {
                continue;
            };
            attributes |= path == ".gitattributes" || path.ends_with("/.gitattributes");
            if meta.starts_with("160000 ") {
                submodules.push(path.to_owned());
            }
        }
        if !submodules.is_empty() {
            obstacles.push(Obstacle::Submodules(submodules));
        }
        // LFS works only through attributes, so that most commits need no second look.
        if attributes {
            let pattern = format!("^{}", LFS.replace('.', r"\."));
            let found = output(&mut git(
                self.path(),
                ["grep", "-l", "-z", "-e", &pattern, commit.as_str()],
            ))?;
            let prefix = format!("{commit}:");
            let pointers: Vec<String> = String::from_utf8_lossy(&found.stdout)
                .split('\0')
                .filter_map(|name| name.strip_prefix(&prefix).map(str::to_owned))
                .collect();
            if !pointers.is_empty() {
                obstacles.push(Obstacle::Lfs(pointers));
            }
        }
        Ok(obstacles)
    }
}
