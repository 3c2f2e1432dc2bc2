//! How much a push has brought, and how much a commit's files are: counted before git takes the one and before the others
//! are taken out, up to the first limit that is exceeded.

use std::fs::{self, File, Metadata};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use gokku_core::CommitId;
use gokku_core::push::intake::{PushLimits, TooMuch, Tree, exceeds};
use gokku_core::text::size::Size;

use crate::command::{QUARANTINE, failed, git, last_words, spawn, words};
use crate::error::Error;
use crate::obstacle::Entry;
use crate::repository::Repository;

/// What stands in a listing before a path: mode, kind, id, size, and white space.
const BEFORE_PATH: u64 = 256;

impl Repository {
    /// Gives every entry of a commit's tree at any depth, folders too when they are asked for, in git's order, until
    /// `each` breaks it off. Nothing is kept, whatever the tree is.
    pub(crate) fn list<B>(
        &self,
        commit: &CommitId,
        folders: bool,
        longest: u64,
        mut each: impl FnMut(Entry) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Error> {
        let mut command = git(self.path(), ["ls-tree", "-r", "-l", "-z", "--full-tree"]);
        command.args(folders.then_some("-t")).arg(commit.as_str());
        let mut child = spawn(&mut command)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (listed, told) = std::thread::scope(|scope| {
            let told = scope.spawn(move || stderr.map(last_words).unwrap_or_default());
            let listed = stdout
                .map(|stdout| records(BufReader::with_capacity(128 * 1024, stdout), longest, &mut each));
            // One that is broken off has nobody to tell the rest to, and ends.
            (listed, told.join().unwrap_or_default())
        });
        let status = child.wait().map_err(Error::Missing)?;
        match listed {
            Some(Ok(ControlFlow::Break(enough))) => Ok(ControlFlow::Break(enough)),
            _ if !status.success() => Err(failed(&words(&command), &told)),
            Some(Err(error)) => Err(Error::Answer {
                command: words(&command),
                answer: error.to_string(),
            }),
            _ => Ok(ControlFlow::Continue(())),
        }
    }

    /// Checks whether a commit's files may be taken out. A tree of a few objects can stand for more files than any disk has:
    /// they are counted as git lists them, folders too, and no further than to the limit.
    pub fn measure(&self, commit: &CommitId, limits: &PushLimits) -> Result<Result<Tree, TooMuch>, Error> {
        let longest = match limits.max_path {
            0 => u64::MAX,
            most => most.saturating_add(1),
        };
        let mut tree = Tree::default();
        let counted = self.list(commit, true, longest, |entry| {
            match tree.add(entry.size, &entry.path, limits) {
                Ok(()) => ControlFlow::Continue(()),
                Err(why) => ControlFlow::Break(why),
            }
        })?;
        Ok(match counted {
            ControlFlow::Break(why) => Err(why),
            ControlFlow::Continue(()) => Ok(tree),
        })
    }

    /// Checks whether git may take a push's objects, which lie in quarantine: this process is its hook.
    pub fn check_intake(&self, limits: &PushLimits) -> Result<Result<(), TooMuch>, Error> {
        let brought = std::env::var_os(QUARANTINE[0]).map(PathBuf::from);
        let found = match &brought {
            Some(folder) => objects(folder).map_err(at(folder))?,
            None => 0,
        };
        if exceeds(found, limits.max_objects) {
            let most = limits.max_objects;
            return Ok(Err(TooMuch::Objects { found, most }));
        }
        let fits = self.check_size(limits)?;
        if let (true, Some(folder)) = (fits.is_ok(), &brought) {
            let_go(&folder.join("pack")).map_err(at(folder))?;
        }
        Ok(fits)
    }

    /// Checks whether the repository takes no more of the disk than it may, with what lies in quarantine there.
    pub fn check_size(&self, limits: &PushLimits) -> Result<Result<(), TooMuch>, Error> {
        let folder = self.path().join("objects");
        let found = held(&folder).map_err(at(&folder))?;
        Ok(if exceeds(found, limits.max_repository.0) {
            Err(TooMuch::Repository {
                found: Size(found),
                most: limits.max_repository,
            })
        } else {
            Ok(())
        })
    }

    /// Returns how many refs there are.
    pub fn count_refs(&self) -> Result<u64, Error> {
        let mut command = git(self.path(), ["for-each-ref", "--format="]);
        let mut child = spawn(command.stderr(std::process::Stdio::null()))?;
        let stdout = child.stdout.take();
        let lines = stdout.map_or(0, |stdout| BufReader::new(stdout).split(b'\n').count());
        child.wait().map_err(Error::Missing)?;
        Ok(u64::try_from(lines).unwrap_or(u64::MAX))
    }

    /// Has git remove in the background what no ref has any more, and has been there for longer than a deploy lasts.
    /// Nobody waits for it, and git runs one at a time.
    pub fn collect_garbage(&self) -> Result<(), Error> {
        let mut command = git(
            self.path(),
            [
                "-c",
                "gc.autoPackLimit=1",
                "-c",
                "gc.autoDetach=true",
                "gc",
                "--auto",
                "--quiet",
            ],
        );
        not_quarantined(&mut command);
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        spawn(&mut command)?.wait().map(drop).map_err(Error::Missing)
    }
}

/// Takes away the files by which git-receive-pack keeps a push's packs from the housekeeping until their refs have moved: each names
/// its process, and git takes no pack that is there already with another one, which was pushed at the same time or by
/// somebody whose push was cut off. The housekeeping removes nothing that is so new (`gokku_git::pinned`).
fn let_go(packs: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(packs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "keep") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn not_quarantined(command: &mut Command) {
    for variable in QUARANTINE {
        command.env_remove(variable);
    }
}

fn at(folder: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::File {
        path: folder.to_owned(),
        source,
    }
}

/// Gives each record of a listing, which ends with a NUL; of one whose path is longer than `longest`, as much as that.
fn records<B>(
    mut listing: impl BufRead,
    longest: u64,
    each: &mut impl FnMut(Entry) -> ControlFlow<B>,
) -> io::Result<ControlFlow<B>> {
    let most = longest.saturating_add(BEFORE_PATH);
    let mut record = Vec::new();
    loop {
        record.clear();
        listing.by_ref().take(most).read_until(0, &mut record)?;
        if record.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        if record.last() == Some(&0) {
            record.pop();
        }
        if let Some(entry) = Entry::listed(&record)
            && let ControlFlow::Break(enough) = each(entry)
        {
            return Ok(ControlFlow::Break(enough));
        }
    }
}

/// How many objects are in a folder of objects, gitrepository-layout(5): each pack says how many it has.
fn objects(folder: &Path) -> io::Result<u64> {
    let mut count: u64 = 0;
    for entry in entries(folder)? {
        let name = entry.file_name();
        if name == "pack" {
            for pack in entries(&entry.path())? {
                if pack.path().extension().is_some_and(|end| end == "pack") {
                    count = count.saturating_add(in_pack(&pack.path())?);
                }
            }
        } else if name.len() == 2 && entry.file_type()?.is_dir() {
            let loose = entries(&entry.path())?.len();
            count = count.saturating_add(u64::try_from(loose).unwrap_or(u64::MAX));
        }
    }
    Ok(count)
}

/// What the head of a pack says, gitformat-pack(5): `PACK`, its version, the number of its objects.
fn in_pack(pack: &Path) -> io::Result<u64> {
    let mut head = [0; 12];
    File::open(pack)?.read_exact(&mut head)?;
    let [.., a, b, c, d] = head;
    Ok(u32::from_be_bytes([a, b, c, d]).into())
}

/// What everything below a folder takes of the disk. What is removed meanwhile takes nothing.
fn held(folder: &Path) -> io::Result<u64> {
    let mut sum: u64 = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in entries(&folder)? {
            match entry.metadata() {
                Ok(about) if about.is_dir() => folders.push(entry.path()),
                Ok(about) => sum = sum.saturating_add(taken(&about)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(sum)
}

/// A file system may put off finding a place for what was just written.
fn taken(about: &Metadata) -> u64 {
    about.len().max(about.blocks().saturating_mul(512))
}

fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
