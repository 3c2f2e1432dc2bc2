//! Whether a repository has what its refs name. A power cut, or a disk that fails, may leave files of no content in it: git
//! takes an empty object for one that it has, so that pushing it again does not repair it, and no push gets through.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gokku_core::CommitId;
use gokku_core::app::branch_name::BranchName;
use gokku_core::push::intake::PushLimits;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::command::{failed, git, run, spawn, words};
use crate::error::Error;
use crate::repository::Repository;

/// Where the refs are noted that are taken out of a repository because what they name is not there.
const BROKEN_REFS: &str = "broken-refs";

/// What the refs' history was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum History {
    /// Every object that is named is there.
    Whole,
    /// That is not so of these refs.
    Broken(Vec<(String, String)>),
    /// It could not be told within the time.
    Unknown,
}

/// What was repaired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// The files without content that were removed.
    pub removed: Vec<PathBuf>,
    /// The refs that were taken out, because not all is there of what they name.
    pub refs: Vec<String>,
}

impl Repaired {
    /// Returns whether there was nothing to repair.
    pub fn is_nothing(&self) -> bool {
        self.removed.is_empty() && self.refs.is_empty()
    }
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(first) = self.removed.first() {
            let more = match self.removed.len() {
                1 => String::new(),
                all => format!(" and {} more", all - 1),
            };
            write!(
                f,
                "without content, and removed or written anew: {}{more}",
                first.display()
            )?;
        }
        if !self.refs.is_empty() {
            let lead = if self.removed.is_empty() { "" } else { "; " };
            write!(
                f,
                "{lead}not all is there of {}, which is to be pushed again (what it named stands in {BROKEN_REFS})",
                self.refs.join(", ")
            )?;
        }
        Ok(())
    }
}

/// What a file in a repository must begin with, where it is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Must {
    /// A zlib stream: RFC 1950.
    Zlib,
    /// Anything but nothing.
    BeThere,
    /// A ref: text.
    Text,
}

impl Must {
    /// Whether a file is so; one that is gone meanwhile is.
    fn holds(self, path: &Path) -> bool {
        let mut start = [0; 2];
        let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
        match read {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            // What cannot be read is not told apart here.
            Err(_) => true,
            Ok(()) => match self {
                Self::Zlib => start[0] & 0x0f == 8 && u16::from_be_bytes(start).is_multiple_of(31),
                Self::BeThere => start != [0, 0],
                Self::Text => start[0] != 0,
            },
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.collect()
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The files below a folder; links are not followed.
fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path(), found),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

impl Repository {
    /// Returns the files that have no content, or not even its beginning, although git writes none like that: objects, packs and
    /// what is made of them, refs.
    pub fn torn(&self) -> Vec<PathBuf> {
        let objects = self.path().join("objects");
        let mut torn = Vec::new();
        let mut look = |path: PathBuf, must: Must| {
            if !must.holds(&path) {
                torn.push(path);
            }
        };
        for first in names(&objects)
            .iter()
            .filter(|name| name.len() == 2 && is_hex(name))
        {
            let folder = objects.join(first);
            for rest in names(&folder).iter().filter(|name| is_hex(name)) {
                look(folder.join(rest), Must::Zlib);
            }
        }
        let packs = objects.join("pack");
        for name in names(&packs) {
            let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
            if name == "multi-pack-index" || matches!(ending, "pack" | "idx" | "rev" | "bitmap") {
                look(packs.join(name), Must::BeThere);
            }
        }
        let mut graphs = vec![objects.join("info/commit-graph")];
        files_below(&objects.join("info/commit-graphs"), &mut graphs);
        let graphs = graphs.into_iter().filter(|path| path.is_file());
        graphs.for_each(|path| look(path, Must::BeThere));
        let mut refs = Vec::new();
        files_below(&self.path().join("refs"), &mut refs);
        refs.extend(["HEAD", "config"].map(|name| self.path().join(name)));
        let packed = self.path().join("packed-refs");
        // There may be none of them.
        if fs::metadata(&packed).is_ok_and(|there| there.len() > 0) {
            refs.push(packed);
        }
        for path in refs {
            let is_lock = path.extension().is_some_and(|ending| ending == "lock");
            if !is_lock && path.is_file() {
                look(path, Must::Text);
            }
        }
        torn
    }

    /// Returns whether what each ref names is there: itself only, or with all that it builds on. It takes no longer than `limit`.
    pub fn history(&self, deep: bool, limit: Duration) -> Result<History, Error> {
        let until = Instant::now() + limit;
        let walk: &[&str] = if deep { &["--objects"] } else { &["--no-walk"] };
        let look = |names: &[&str]| {
            let mut command = git(self.path(), ["rev-list", "--quiet"]);
            command.args(walk).args(names);
            ends_well(&mut command, until)
        };
        match look(&["--all"])? {
            Some(true) => return Ok(History::Whole),
            None => return Ok(History::Unknown),
            Some(false) => {}
        }
        let listing = run(&mut git(
            self.path(),
            ["for-each-ref", "--format=%(objectname) %(refname)"],
        ))?;
        let mut broken = Vec::new();
        for (id, name) in String::from_utf8_lossy(&listing)
            .lines()
            .filter_map(|line| line.split_once(' '))
        {
            match look(&[name])? {
                Some(true) => {}
                Some(false) => broken.push((name.to_owned(), id.to_owned())),
                None => return Ok(History::Unknown),
            }
        }
        Ok(if broken.is_empty() {
            History::Unknown
        } else {
            History::Broken(broken)
        })
    }

    /// Makes a repository one that can be pushed to again: files without content go, and so does each ref of which not all
    /// is there; whoever pushes it again sends all of it. What a ref named stays in `broken-refs`. `branch` is what HEAD
    /// names where it names nothing; `deep` whether all of the history is looked at although nothing is amiss.
    pub fn repair(
        &self,
        branch: Option<&BranchName>,
        deep: bool,
        limit: Duration,
    ) -> Result<Repaired, Error> {
        let mut repaired = Repaired::default();
        let at = |path: &Path, source| Error::File {
            path: path.to_owned(),
            source,
        };
        for path in self.torn() {
            match path.strip_prefix(self.path()).ok().and_then(Path::to_str) {
                Some("HEAD") => {
                    let head = branch.map_or_else(|| "refs/heads/main".to_owned(), BranchName::full);
                    self.replace("HEAD", &format!("ref: {head}\n"))?;
                }
                Some("config") => {
                    self.replace(
                        "config",
                        "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n",
                    )?;
                    // The next push is told the size that counts here.
                    self.pin(PushLimits::default().max_size)?;
                }
                _ => fs::remove_file(&path).map_err(|error| at(&path, error))?,
            }
            repaired.removed.push(path);
        }
        if self.path().join("objects/info/alternates").exists() {
            // What is borrowed may only be away.
            return Ok(repaired);
        }
        let deep = deep || !repaired.removed.is_empty();
        if let History::Broken(refs) = self.history(deep, limit)? {
            let note = self.path().join(BROKEN_REFS);
            let mut options = fs::OpenOptions::new();
            let mut file = options
                .append(true)
                .create(true)
                .open(&note)
                .map_err(|error| at(&note, error))?;
            for (name, id) in refs {
                writeln!(file, "{id} {name}").map_err(|error| at(&note, error))?;
                run(&mut git(self.path(), ["update-ref", "--no-deref", "-d", &name]))?;
                repaired.refs.push(name);
            }
            file.sync_all().map_err(|error| at(&note, error))?;
        }
        Ok(repaired)
    }

    /// Replaces one of its own files.
    fn replace(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.path().join(name);
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(self.path())?;
            file.write_all(text.as_bytes())?;
            file.as_file()
                .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            File::open(self.path())?.sync_all()
        };
        write().map_err(|source| Error::File { path, source })
    }

    /// Returns the files of a commit that a folder does not have, or has without any content: a stand-in for comparing all of it,
    /// at the price of a look at each name.
    pub fn lost(&self, commit: &CommitId, folder: &Path) -> Result<Vec<String>, Error> {
        let is_lost = |entry: &&crate::obstacle::Entry| {
            let Ok(there) = fs::symlink_metadata(folder.join(entry.path())) else {
                return true;
            };
            entry.is_file() && there.len() == 0 && !entry.is_empty()
        };
        let entries = self.names(commit)?;
        // A submodule has no files here.
        let mut wanted = entries.iter().filter(|entry| entry.mode != "160000");
        Ok(wanted
            .by_ref()
            .filter(is_lost)
            .map(crate::obstacle::Entry::name)
            .collect())
    }
}

/// Whether a command ends well; none when it does not end in time.
fn ends_well(command: &mut Command, until: Instant) -> Result<Option<bool>, Error> {
    let mut child = spawn(command.stdout(Stdio::piped()).stderr(Stdio::null()))?;
    let Some(stdout) = child.stdout.take() else {
        return Err(failed(&words(command), b""));
    };
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let time = Timespec::try_from(left).ok();
        // What it prints is nothing: there is something to be heard when it ends.
        match poll(&mut [PollFd::new(&stdout, PollFlags::IN)], time.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::Missing(error.into())),
            Ok(0) => {
                let _ = child.kill();
                let _ = child.wait();
                return Ok(None);
            }
            Ok(_) => {
                let status = child.wait().map_err(Error::Missing)?;
                return Ok(status.code().map(|code| code == 0));
            }
        }
    }
}
