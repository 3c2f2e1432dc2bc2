//! A commit's files.

use std::fs;
use std::io::{self, BufRead, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gokku_core::build::links::{Entry as At, Led, follow};
use gokku_core::text::read_limits::{CODE, Limit, TooMuch};
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

    /// Returns what a commit's files are.
    pub fn tree(&self, commit: &CommitId) -> Result<TreeId, Error> {
        let tree = run(&mut git(
            self.path(),
            ["rev-parse", "--verify", &format!("{commit}^{{tree}}")],
        ))?;
        Ok(TreeId::new(String::from_utf8_lossy(&tree).trim()))
    }

    /// Returns the paths of a commit's files: no symbolic links, no submodules.
    pub fn files(&self, commit: &CommitId) -> Result<Vec<String>, Error> {
        let entries = self.entries(commit)?;
        Ok(entries
            .iter()
            .filter(|entry| entry.is_file())
            .map(Entry::name)
            .collect())
    }

    /// Returns a file of a commit, or the one that a link of that name leads to; none when there is none. A link that leads out
    /// of the commit, or to nothing, is an error: it is meant to be something.
    pub fn file(&self, commit: &CommitId, path: &str, limit: Limit) -> Result<Option<Vec<u8>>, Error> {
        // The name of an object ends with its line.
        if path.contains('\n') {
            return Ok(None);
        }
        match self.object(&["--follow-symlinks"], commit, path, limit)? {
            Answer::Blob(content) => Ok(Some(content)),
            Answer::TooMuch(source) => Err(too_much(path, source)),
            Answer::Word("symlink") => Err(Error::LeadsOut(path.to_owned())),
            Answer::Word("loop") => Err(Error::LeadsNowhere(path.to_owned())),
            // git follows no link with `./` in it.
            Answer::Word("dangling" | "notdir") => self.behind(commit, path, limit),
            Answer::Word(_) => Ok(None),
        }
    }

    /// What `git cat-file --batch` says of a path of a commit.
    fn object(&self, options: &[&str], commit: &CommitId, path: &str, limit: Limit) -> Result<Answer, Error> {
        let mut command = git(self.path(), ["cat-file", "--batch"]);
        command.args(options);
        let name = format!("{commit}:{path}\n");
        converse(&mut command, name.into_bytes(), |mut answer| {
            let mut head = String::new();
            answer.read_line(&mut head)?;
            let words: Vec<&str> = head.trim_end_matches('\n').rsplitn(3, ' ').collect();
            // `<id> <type> <size>`, or what is wrong with the link and how long its own words are; else `<name> missing`.
            let told = match words[..] {
                [size, "blob", id] if !id.contains(':') => {
                    let size = size.parse().map_err(|_| io::Error::other(head.clone()))?;
                    match limit.check(size) {
                        Ok(()) => {
                            let mut content = vec![0; size];
                            answer.read_exact(&mut content)?;
                            Answer::Blob(content)
                        }
                        Err(much) => Answer::TooMuch(much),
                    }
                }
                [_, word] => {
                    let mut known = ["symlink", "loop", "dangling", "notdir"].into_iter();
                    Answer::Word(known.find(|known| *known == word).unwrap_or_default())
                }
                _ => Answer::Word(""),
            };
            // git says all of it.
            io::copy(&mut answer, &mut io::sink())?;
            Ok(told)
        })
    }

    /// A file that is reached by links, step by step.
    fn behind(&self, commit: &CommitId, path: &str, limit: Limit) -> Result<Option<Vec<u8>>, Error> {
        let led = follow(path, |at| {
            Ok(match self.kind(commit, at)? {
                Kind::Nothing => At::Nothing,
                Kind::File => At::File,
                Kind::Folder => At::Folder,
                Kind::Link => {
                    let text = self.blob(commit, at, LINK)?;
                    At::Link(String::from_utf8_lossy(&text).into_owned())
                }
            })
        })?;
        match led {
            Led::To(at, At::File) => self.blob(commit, &at, limit).map(Some),
            Led::To(..) | Led::Nothing => Ok(None),
            Led::Out => Err(Error::LeadsOut(path.to_owned())),
            Led::Nowhere => Err(Error::LeadsNowhere(path.to_owned())),
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

    fn blob(&self, commit: &CommitId, path: &str, limit: Limit) -> Result<Vec<u8>, Error> {
        match self.object(&[], commit, path, limit)? {
            Answer::Blob(content) => Ok(content),
            Answer::TooMuch(source) => Err(too_much(path, source)),
            Answer::Word(_) => Err(Error::LeadsNowhere(path.to_owned())),
        }
    }
}

fn too_much(path: &str, source: TooMuch) -> Error {
    Error::TooMuch {
        path: path.to_owned(),
        source,
    }
}

/// What is said of an object.
enum Answer {
    Blob(Vec<u8>),
    TooMuch(TooMuch),
    /// What is wrong with the links on the way to it; empty where there is nothing, or no file.
    Word(&'static str),
}

/// The text of a link, which is a path: `PATH_MAX` of Linux.
const LINK: Limit = CODE.or(4096);

/// What a path is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Link,
    Folder,
    Nothing,
}

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
