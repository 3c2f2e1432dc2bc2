//! What in a commit's files cannot be deployed, because a push does not bring what they stand for.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use gokku_core::CommitId;

use crate::command::{absolute, converse, git, run};
use crate::error::Error;
use crate::loan::Loan;
use crate::repository::Repository;

/// Something in a commit that cannot be deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Submodules, whose code is not in the push.
    Submodules(Vec<String>),
    /// Git LFS pointers, whose content is not in the push.
    Lfs(Vec<String>),
    /// Files that a filter has encrypted, whose key is not in the push.
    Encrypted(Vec<String>),
}

impl Obstacle {
    /// Returns the same of those of its paths that are kept; none when there are none.
    pub fn only<E>(
        self,
        keep: impl FnOnce(Vec<String>) -> Result<Vec<String>, E>,
    ) -> Result<Option<Self>, E> {
        let (paths, made): (_, fn(Vec<String>) -> Self) = match self {
            Self::Submodules(paths) => (paths, Self::Submodules),
            Self::Lfs(paths) => (paths, Self::Lfs),
            Self::Encrypted(paths) => (paths, Self::Encrypted),
        };
        let kept = keep(paths)?;
        Ok((!kept.is_empty()).then(|| made(kept)))
    }
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
            Self::Encrypted(paths) => write!(
                f,
                "it has files that a filter of .gitattributes has encrypted ({}), whose key a push does not bring: give the app its secrets with `gokku config set`, and leave these files out of the build, in .dockerignore",
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

/// What a Git LFS pointer begins with, also one of its first days (git-lfs, docs/spec.md and lfs/pointer.go).
const LFS: [&str; 3] = [
    "version https://git-lfs.github.com/spec/v1",
    "version https://hawser.github.com/spec/v1",
    "version http://git-media.io/v/2",
];

/// How large a pointer is: git-lfs takes no larger file for one, and none with an id of its content is smaller.
const POINTER: std::ops::Range<u64> = 100..1024;

/// What a file begins with that a filter has encrypted.
const ENCRYPTED: [&[u8]; 7] = [
    // git-crypt, its FORMAT
    b"\0GITCRYPT\0",
    // `openssl enc`, as it is and in base64: transcrypt and its kind
    b"Salted__",
    b"U2FsdGVkX1",
    // age, age-encryption.org/v1: git-agecrypt
    b"age-encryption.org/v1",
    b"-----BEGIN AGE ENCRYPTED FILE-----",
    // RFC 4880
    b"-----BEGIN PGP MESSAGE-----",
    b"$ANSIBLE_VAULT;",
];

/// The ids of a file without content: in SHA-1 and in SHA-256.
const EMPTY: [&str; 2] = [
    "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
];

/// How much of a file is looked at.
const BEGINNING: u64 = 64;
/// How much of a `.gitattributes`.
const ATTRIBUTES: u64 = 1 << 20;

/// An entry of a commit's tree, at any depth.
pub(crate) struct Entry {
    pub(crate) mode: String,
    id: String,
    pub(crate) size: u64,
    pub(crate) path: Vec<u8>,
}

impl Entry {
    /// A file: no symbolic link, no submodule.
    pub(crate) fn is_file(&self) -> bool {
        self.mode.starts_with("100")
    }

    pub(crate) fn name(&self) -> String {
        String::from_utf8_lossy(&self.path).into_owned()
    }

    /// Where it is, below the top.
    pub(crate) fn path(&self) -> &Path {
        Path::new(std::ffi::OsStr::from_bytes(&self.path))
    }

    /// Whether it is a file without content: by its id, so that what it is of need not be there.
    pub(crate) fn is_empty(&self) -> bool {
        EMPTY.contains(&self.id.as_str())
    }

    fn is_attributes(&self) -> bool {
        self.is_file() && (self.path == b".gitattributes" || self.path.ends_with(b"/.gitattributes"))
    }

    /// One of `git ls-tree -z`: `<mode> <type> <id><tab><path>`; with `-l` there is ` <size, or ->` before the tab.
    pub(crate) fn listed(entry: &[u8]) -> Option<Self> {
        let tab = entry.iter().position(|byte| *byte == b'\t')?;
        let meta = std::str::from_utf8(entry.get(..tab)?).ok()?;
        let mut words = meta.split_whitespace();
        let (mode, _, id) = (words.next()?, words.next()?, words.next()?);
        Some(Self {
            mode: mode.to_owned(),
            id: id.to_owned(),
            size: words.next().and_then(|size| size.parse().ok()).unwrap_or(0),
            path: entry.get(tab + 1..)?.to_owned(),
        })
    }
}

impl Repository {
    /// A commit's whole tree, without its folders.
    pub(crate) fn entries(&self, commit: &CommitId) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        self.list(commit, false, u64::MAX, |entry| {
            entries.push(entry);
            ControlFlow::<Infallible>::Continue(())
        })?;
        Ok(entries)
    }

    /// The same by the commit's folders alone: nothing is said of sizes, and what is in the files may be lost.
    pub(crate) fn names(&self, commit: &CommitId) -> Result<Vec<Entry>, Error> {
        let mut command = git(self.path(), ["ls-tree", "-r", "-z", "--full-tree"]);
        let listing = run(command.arg(commit.as_str()))?;
        Ok(listing
            .split(|byte| *byte == 0)
            .filter_map(Entry::listed)
            .collect())
    }

    /// The first so many bytes of each of these files.
    fn beginnings(&self, entries: &[&Entry], length: u64) -> Result<Vec<Vec<u8>>, Error> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&str> = entries.iter().flat_map(|entry| [&entry.id, "\n"]).collect();
        let mut command = git(self.path(), ["cat-file", "--batch", "--buffer"]);
        converse(&mut command, ids.concat().into_bytes(), |mut answer| {
            let mut beginnings = Vec::with_capacity(entries.len());
            for _ in entries {
                // `<id> <type> <size>`, the object, and a new line.
                let mut head = String::new();
                answer.read_line(&mut head)?;
                let size = head.split_whitespace().nth(2).and_then(|size| size.parse().ok());
                let size: u64 = size.ok_or_else(|| io::Error::other(head.trim().to_owned()))?;
                let mut beginning = Vec::new();
                answer
                    .by_ref()
                    .take(size.min(length))
                    .read_to_end(&mut beginning)?;
                let rest = size.saturating_sub(length) + 1;
                io::copy(&mut answer.by_ref().take(rest), &mut io::sink())?;
                beginnings.push(beginning);
            }
            Ok(beginnings)
        })
    }

    /// Which files have a filter by the commit's own attributes, and which; gitattributes(5).
    fn filtered(&self, commit: &CommitId, entries: &[Entry]) -> Result<BTreeMap<Vec<u8>, String>, Error> {
        let attributes: Vec<&Entry> = entries.iter().filter(|entry| entry.is_attributes()).collect();
        let texts = self.beginnings(&attributes, ATTRIBUTES)?;
        if !texts
            .iter()
            .any(|text| names_a_filter(text.as_slice()).unwrap_or(true))
        {
            return Ok(BTreeMap::new());
        }
        let folder = temporary()?;
        let loan = Loan::begin(self, &folder.path().join("git"), commit).map_err(in_temporary)?;
        run(&mut loan.git(folder.path(), ["read-tree", commit.as_str()]))?;
        let mut paths = Vec::new();
        for entry in entries.iter().filter(|entry| entry.is_file()) {
            paths.extend(&entry.path);
            paths.push(0);
        }
        filters(loan.git(folder.path(), ["check-attr", "--cached"]), paths)
    }

    /// Returns what in a commit cannot be deployed. Files are told by what is in them, whatever attributes they still have: a
    /// pointer is a pointer.
    pub fn obstacles(&self, commit: &CommitId) -> Result<Vec<Obstacle>, Error> {
        let entries = self.entries(commit)?;
        let submodules: Vec<String> = entries
            .iter()
            .filter(|entry| entry.mode == "160000")
            .map(Entry::name)
            .collect();
        let filtered = self.filtered(commit, &entries)?;
        let suspects: Vec<&Entry> = entries
            .iter()
            .filter(|entry| entry.is_file())
            .filter(|entry| POINTER.contains(&entry.size) || filtered.contains_key(&entry.path))
            .collect();
        let (mut pointers, mut encrypted) = (Vec::new(), Vec::new());
        for (entry, beginning) in suspects.iter().zip(self.beginnings(&suspects, BEGINNING)?) {
            if LFS.iter().any(|lfs| beginning.starts_with(lfs.as_bytes())) {
                pointers.push(entry.name());
            } else if filtered.contains_key(&entry.path)
                && ENCRYPTED.iter().any(|head| beginning.starts_with(head))
            {
                encrypted.push(entry.name());
            }
        }
        let found = [
            (!submodules.is_empty()).then_some(Obstacle::Submodules(submodules)),
            (!pointers.is_empty()).then_some(Obstacle::Lfs(pointers)),
            (!encrypted.is_empty()).then_some(Obstacle::Encrypted(encrypted)),
        ];
        Ok(found.into_iter().flatten().collect())
    }
}

/// Returns the files below a folder that a filter is meant for by the attributes there, which nothing here runs; by filter.
pub fn filters_in(files: &Path) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let mut paths = Vec::new();
    let mut named = false;
    list(files, &mut PathBuf::new(), &mut paths, &mut named).map_err(|source| Error::File {
        path: files.to_owned(),
        source,
    })?;
    let mut by_filter: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if !named {
        return Ok(by_filter);
    }
    let folder = temporary()?;
    let loan = Loan::of_nothing(&folder.path().join("git")).map_err(in_temporary)?;
    let files = absolute(files);
    for (path, filter) in filters(loan.git(&files, ["check-attr"]), paths)? {
        let path = String::from_utf8_lossy(&path).into_owned();
        by_filter.entry(filter).or_default().push(path);
    }
    Ok(by_filter)
}

/// The paths of the files below a folder, a NUL behind each, and whether any attributes there name a filter.
fn list(files: &Path, below: &mut PathBuf, paths: &mut Vec<u8>, named: &mut bool) -> io::Result<()> {
    for entry in fs::read_dir(files.join(&below))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        below.push(entry.file_name());
        if kind.is_dir() {
            list(files, below, paths, named)?;
        } else if kind.is_file() {
            *named |= entry.file_name() == ".gitattributes" && names_a_filter(File::open(entry.path())?)?;
            paths.extend(below.as_os_str().as_bytes());
            paths.push(0);
        }
        below.pop();
    }
    Ok(())
}

/// Whether the word is in there, however much that is.
fn names_a_filter(mut attributes: impl Read) -> io::Result<bool> {
    const WORD: &[u8] = b"filter";
    let mut part = vec![0; 64 * 1024];
    let mut kept = 0;
    loop {
        let end = kept + attributes.read(&mut part[kept..])?;
        if part[..end].windows(WORD.len()).any(|word| word == WORD) {
            return Ok(true);
        }
        if end == kept {
            return Ok(false);
        }
        // What may begin the word at the end of this part.
        let rest = end.saturating_sub(WORD.len() - 1)..end;
        kept = rest.len();
        part.copy_within(rest, 0);
    }
}

/// What `git check-attr` says of these paths.
fn filters(mut command: Command, paths: Vec<u8>) -> Result<BTreeMap<Vec<u8>, String>, Error> {
    command.args(["-z", "--stdin", "filter"]);
    let told = converse(&mut command, paths, |mut answer| {
        let mut told = Vec::new();
        answer.read_to_end(&mut told)?;
        Ok(told)
    })?;
    // `<path> NUL filter NUL <value> NUL`
    let words: Vec<&[u8]> = told.split(|byte| *byte == 0).collect();
    let named = words.chunks_exact(3).filter_map(|words| {
        let filter = String::from_utf8_lossy(words[2]).into_owned();
        let none = matches!(&*filter, "unspecified" | "unset" | "set");
        (!none).then(|| (words[0].to_owned(), filter))
    });
    Ok(named.collect())
}

fn temporary() -> Result<tempfile::TempDir, Error> {
    tempfile::Builder::new()
        .prefix("gokku-git-")
        .tempdir()
        .map_err(in_temporary)
}

fn in_temporary(source: io::Error) -> Error {
    Error::File {
        path: std::env::temp_dir(),
        source,
    }
}
