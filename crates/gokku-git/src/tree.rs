//! A commit's files.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gokku_core::intake::LARGEST_READ;
use gokku_core::{CommitId, TreeId};

use crate::command::{absolute, converse, git, run};
use crate::error::Error;
use crate::loan::Loan;
use crate::obstacle::Entry;
use crate::repository::Repository;

/// What folders and programs are to be: without it, who may read an image's files would depend on the server's umask.
const FOLDER: u32 = 0o755;
const FILE: u32 = 0o644;

impl Repository {
    /// Puts a commit's files into a folder that is made, as a checkout in a fresh clone has them: modes and symbolic links
    /// kept, line ends, encodings and `ident` by the commit's own `.gitattributes`. No filter is run, and what concerns
    /// archives only (`export-ignore`, `export-subst`) changes nothing. Works inside the hook, on objects that are not
    /// yet accepted.
    pub fn export(&self, commit: &CommitId, into: &Path) -> Result<(), Error> {
        let at = |source| Error::File {
            path: into.to_owned(),
            source,
        };
        fs::create_dir(into).map_err(at)?;
        // Where a clone has its repository: no commit can have a file there.
        let borrowed = into.join(".git");
        let loan = Loan::begin(self, &borrowed, commit).map_err(at)?;
        let files = absolute(into);
        run(&mut loan.git(&files, ["read-tree", "--reset", "-u", commit.as_str()]))?;
        fs::remove_dir_all(&borrowed).map_err(at)?;
        let usual = fs::metadata(into).map_err(at)?.permissions().mode() & 0o777;
        if usual != FOLDER {
            open(into).map_err(at)?;
        }
        Ok(())
    }

    /// What a commit's files are.
    pub fn tree(&self, commit: &CommitId) -> Result<TreeId, Error> {
        let tree = run(&mut git(
            self.path(),
            ["rev-parse", "--verify", &format!("{commit}^{{tree}}")],
        ))?;
        Ok(TreeId::new(String::from_utf8_lossy(&tree).trim()))
    }

    /// The paths of a commit's files: no symbolic links, no submodules.
    pub fn files(&self, commit: &CommitId) -> Result<Vec<String>, Error> {
        let entries = self.entries(commit)?;
        Ok(entries
            .iter()
            .filter(|entry| entry.is_file())
            .map(Entry::name)
            .collect())
    }

    /// A file of a commit, or the one that a link of that name leads to; none when there is none. A link that leads out of
    /// the commit, or to nothing, is an error: it is meant to be something.
    pub fn file(&self, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>, Error> {
        // The name of an object ends with its line.
        if path.contains('\n') {
            return Ok(None);
        }
        let mut command = git(self.path(), ["cat-file", "--batch", "--follow-symlinks"]);
        let name = format!("{commit}:{path}\n");
        let (head, mut content) = converse(&mut command, name.into_bytes(), |mut answer| {
            let mut head = String::new();
            answer.read_line(&mut head)?;
            let mut rest = Vec::new();
            // And the end of its line.
            answer.by_ref().take(LARGEST_READ + 2).read_to_end(&mut rest)?;
            io::copy(&mut answer, &mut io::sink())?;
            Ok((head, rest))
        })?;
        let words: Vec<&str> = head.trim_end_matches('\n').rsplitn(3, ' ').collect();
        // `<id> <type> <size>`, or what is wrong with the link and how long its own words are; else `<name> missing`.
        match words[..] {
            [size, "blob", id] if !id.contains(':') => {
                if size.parse().is_ok_and(|size: u64| size > LARGEST_READ) {
                    return Err(Error::TooLarge(path.to_owned()));
                }
                content.pop();
                Ok(Some(content))
            }
            [_, "symlink"] => Err(Error::LeadsOut(path.to_owned())),
            [_, "loop"] => Err(Error::LeadsNowhere(path.to_owned())),
            // git follows no link with `./` in it.
            [_, "dangling" | "notdir"] => self.behind(commit, path),
            _ => Ok(None),
        }
    }

    /// A file that is reached by links, step by step.
    fn behind(&self, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let nowhere = || Err(Error::LeadsNowhere(path.to_owned()));
        let mut rest: VecDeque<String> = path.split('/').map(str::to_owned).collect();
        let mut here: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(part) = rest.pop_front() {
            match part.as_str() {
                "" | "." => {}
                ".." => {
                    if here.pop().is_none() {
                        return Err(Error::LeadsOut(path.to_owned()));
                    }
                }
                _ => {
                    here.push(part);
                    match self.kind(commit, &here.join("/"))? {
                        Kind::Folder => {}
                        Kind::File if rest.is_empty() => return self.blob(commit, &here.join("/")).map(Some),
                        Kind::Link => {
                            links += 1;
                            let to = self.blob(commit, &here.join("/"))?;
                            let to = String::from_utf8_lossy(&to).into_owned();
                            if to.starts_with('/') {
                                return Err(Error::LeadsOut(path.to_owned()));
                            }
                            if links > LINKS {
                                return nowhere();
                            }
                            here.pop();
                            for part in to.rsplit('/') {
                                rest.push_front(part.to_owned());
                            }
                        }
                        _ => break,
                    }
                }
            }
        }
        if self.kind(commit, path)? == Kind::Link {
            nowhere()
        } else {
            Ok(None)
        }
    }

    /// What a path of a commit is, if it is anything; links are not followed.
    fn kind(&self, commit: &CommitId, path: &str) -> Result<Kind, Error> {
        let mut command = git(
            self.path(),
            ["--literal-pathspecs", "ls-tree", "-z", "--full-tree"],
        );
        let listed = run(command.args([commit.as_str(), "--", path]))?;
        Ok(match listed.get(..3) {
            Some(b"120") => Kind::Link,
            Some(b"100") => Kind::File,
            Some(b"040") => Kind::Folder,
            _ => Kind::Nothing,
        })
    }

    fn blob(&self, commit: &CommitId, path: &str) -> Result<Vec<u8>, Error> {
        let mut command = git(self.path(), ["cat-file", "blob", &format!("{commit}:{path}")]);
        let content = converse(&mut command, Vec::new(), |mut answer| {
            let mut content = Vec::new();
            answer.by_ref().take(LARGEST_READ + 1).read_to_end(&mut content)?;
            io::copy(&mut answer, &mut io::sink())?;
            Ok(content)
        })?;
        if u64::try_from(content.len()).is_ok_and(|length| length > LARGEST_READ) {
            return Err(Error::TooLarge(path.to_owned()));
        }
        Ok(content)
    }
}

/// What a path is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Link,
    Folder,
    Nothing,
}

/// How many links are followed, as many as Linux follows.
const LINKS: usize = 40;

/// Gives everything below a folder, and it, the modes that git keeps: executable or not.
fn open(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(FOLDER))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            open(&entry.path())?;
        } else if kind.is_file() {
            let runs = entry.metadata()?.permissions().mode() & 0o100 != 0;
            let mode = if runs { FOLDER } else { FILE };
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}
