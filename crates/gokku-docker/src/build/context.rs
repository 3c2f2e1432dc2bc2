//! What the engine gets of a folder for a build: a tar stream, made as it is read.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gokku_core::build::links::{Entry as At, Led, follow};
use gokku_core::text::decode::NotText;
use gokku_core::text::read_limits::{CODE, TooMuch};

use crate::build::ignore::{Above, BadLine, Ignore};
use crate::engine::error::Error;

/// What is wrong with a file of a folder that is to be built.
#[derive(Debug, thiserror::Error)]
pub enum ContextProblem {
    /// It was not read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not there.
    #[error("there is no such file")]
    Missing,
    /// Its name is none that a build knows.
    #[error("its name is not UTF-8, which no build can take")]
    NotUtf8,
    /// It is a folder, or no file at all.
    #[error("it is no file")]
    NotAFile,
    /// It is a link to somewhere else.
    #[error("it is a link that leads out of the folder: commit the file itself")]
    LeadsOut,
    /// It is a link to nothing.
    #[error("it is a link to a file that is not in the folder: commit that file, too, or the file itself")]
    LeadsNowhere,
    /// It is larger than what is read of one.
    #[error(transparent)]
    TooLarge(#[from] TooMuch),
    /// It is larger than a Dockerfile may be, in bytes.
    #[error("{0} bytes are read of a Dockerfile at most")]
    LargeDockerfile(usize),
    /// It is no text.
    #[error(transparent)]
    NotText(#[from] NotText),
    /// A line of a `.dockerignore` means nothing.
    #[error(transparent)]
    Ignore(#[from] BadLine),
}

/// A file of a folder that cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", .path.display())]
pub struct ContextError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub source: ContextProblem,
}

impl ContextError {
    /// Returns whether nothing was wrong with the file: whoever was to get it has gone.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(&self.source, ContextProblem::Io(error) if error.kind() == ErrorKind::BrokenPipe)
    }
}

impl From<ContextError> for Error {
    fn from(error: ContextError) -> Self {
        Self::Context {
            path: error.path,
            source: error.source.into(),
        }
    }
}

/// Returns the error of a file with this problem.
pub(crate) fn problem(path: &Path, source: impl Into<ContextProblem>) -> ContextError {
    ContextError {
        path: path.to_owned(),
        source: source.into(),
    }
}

/// A Dockerfile that is in no folder, and what is left out where the folder has no `.dockerignore`.
#[derive(Clone, Copy, Debug)]
pub struct Extra<'a> {
    /// The Dockerfile's text.
    pub text: &'a str,
    /// The text of a `.dockerignore`.
    pub dockerignore: &'a str,
}

/// Where a file of the folder is in it, or the one that a link leads to. Whether there is anything outside of the folder is not
/// even looked at.
pub(crate) fn place(folder: &Path, name: &str) -> Result<Option<PathBuf>, ContextProblem> {
    let led = follow::<io::Error>(name, |at| {
        let path = folder.join(at);
        let about = match path.symlink_metadata() {
            Ok(about) => about,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(At::Nothing);
            }
            Err(error) => return Err(error),
        };
        Ok(if about.is_symlink() {
            let to = fs::read_link(&path)?;
            At::Link(to.to_string_lossy().into_owned())
        } else if about.is_dir() {
            At::Folder
        } else if about.is_file() {
            At::File
        } else {
            At::Else
        })
    })?;
    match led {
        Led::To(at, At::File) => Ok(Some(PathBuf::from(at))),
        Led::To(..) => Err(ContextProblem::NotAFile),
        Led::Nothing => Ok(None),
        Led::Out => Err(ContextProblem::LeadsOut),
        Led::Nowhere => Err(ContextProblem::LeadsNowhere),
    }
}

/// What is in it, and where it is.
pub(crate) fn read(folder: &Path, name: &str) -> Result<Option<(PathBuf, Vec<u8>)>, ContextProblem> {
    let Some(inside) = place(folder, name)? else {
        return Ok(None);
    };
    let path = folder.join(&inside);
    let mut text = Vec::new();
    let file = File::open(path)?;
    file.take(CODE.enough()).read_to_end(&mut text)?;
    CODE.check(text.len())?;
    Ok(Some((inside, text)))
}

/// A file of the folder whose text is another than it has there.
#[derive(Clone, Copy, Debug)]
pub struct Instead<'a> {
    /// Its path in the folder, in which nothing is a link.
    pub path: &'a str,
    /// The text.
    pub text: &'a str,
}

/// Returns the folder's `.dockerignore`: `<Dockerfile>.dockerignore` comes before the one at the top.
///
/// Where there is none, `otherwise` is its text.
pub fn ignore(folder: &Path, dockerfile: &str, otherwise: &str) -> Result<Ignore, ContextError> {
    for name in [format!("{dockerfile}.dockerignore"), ".dockerignore".to_owned()] {
        let path = folder.join(&name);
        if let Some((_, text)) = read(folder, &name).map_err(|why| problem(&path, why))? {
            return Ignore::parse(&text).map_err(|error| problem(&path, error));
        }
    }
    Ignore::parse(otherwise.as_bytes()).map_err(|error| problem(&folder.join(".dockerignore"), error))
}

/// Writes the folder as a tar stream: sorted, without owners, and all of it with one time, in seconds since 1970, so that the same
/// content is the same to the build's cache, which has no eye for times, and with the same time in the image, too. The Dockerfile is always sent; one that is not in the folder is `extra`, and the folder has
/// nothing of its name.
///
/// BuildKit reads `.dockerignore` only where it fetches a folder by itself: it is sent as any other file.
pub fn write(
    folder: &Path,
    dockerfile: &str,
    extra: Option<Extra<'_>>,
    instead: Option<Instead<'_>>,
    time: u64,
    to: impl Write,
) -> Result<(), ContextError> {
    let ignore = ignore(folder, dockerfile, extra.map_or("", |extra| extra.dockerignore))?;
    let mut tar = Writer {
        tar: tar::Builder::new(to),
        time,
    };
    tar.tar.follow_symlinks(false);
    add(
        &mut tar,
        folder,
        "",
        (dockerfile, instead),
        (&ignore, &Above::default()),
    )?;
    if let Some(extra) = extra {
        append_text(&mut tar, dockerfile, extra.text)
            .map_err(|error| problem(&folder.join(dockerfile), error))?;
    }
    tar.tar.finish().map_err(|error| problem(folder, error))
}

/// A tar stream that is written, with the time of everything in it.
struct Writer<W: Write> {
    tar: tar::Builder<W>,
    time: u64,
}

fn append_text(tar: &mut Writer<impl Write>, name: &str, text: &str) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_mtime(tar.time);
    header.set_size(text.len().try_into().unwrap_or(u64::MAX));
    tar.tar.append_data(&mut header, name, text.as_bytes())
}

fn add(
    tar: &mut Writer<impl Write>,
    folder: &Path,
    below: &str,
    (dockerfile, instead): (&str, Option<Instead<'_>>),
    (ignore, above): (&Ignore, &Above),
) -> Result<(), ContextError> {
    let here = folder.join(below);
    let mut entries = fs::read_dir(&here)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| problem(&here, error))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return Err(problem(&entry.path(), ContextProblem::NotUtf8));
        };
        let relative = if below.is_empty() {
            name.to_owned()
        } else {
            format!("{below}/{name}")
        };
        let (left_out, known) = ignore.look(relative.as_bytes(), above);
        let meta = entry.metadata().map_err(|error| problem(&entry.path(), error))?;
        let is_above_it = || {
            let rest = dockerfile.strip_prefix(&*relative);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        if meta.is_dir() {
            if !left_out {
                append(tar, &entry.path(), &relative, &meta)?;
            }
            if !left_out || ignore.looks_into(relative.as_bytes()) || is_above_it() {
                add(tar, folder, &relative, (dockerfile, instead), (ignore, &known))?;
            }
        } else if let Some(instead) = instead.filter(|instead| instead.path == relative) {
            append_text(tar, &relative, instead.text).map_err(|error| problem(&entry.path(), error))?;
        } else if !left_out || dockerfile == relative {
            append(tar, &entry.path(), &relative, &meta)?;
        }
    }
    Ok(())
}

fn append(
    tar: &mut Writer<impl Write>,
    path: &Path,
    name: &str,
    meta: &fs::Metadata,
) -> Result<(), ContextError> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(meta.permissions().mode() & 0o7777);
    header.set_mtime(tar.time);
    header.set_size(0);
    let written = if meta.is_dir() {
        header.set_entry_type(tar::EntryType::Directory);
        tar.tar
            .append_data(&mut header, format!("{name}/"), std::io::empty())
    } else if meta.is_symlink() {
        header.set_entry_type(tar::EntryType::Symlink);
        fs::read_link(path).and_then(|target| {
            // As it is, where it fits: otherwise `./x` would come out as `x`, and `/` as `//`.
            match header.set_link_name_literal(target.as_os_str().as_bytes()) {
                Ok(()) => tar.tar.append_data(&mut header, name, std::io::empty()),
                Err(_) => tar.tar.append_link(&mut header, name, target),
            }
        })
    } else if meta.is_file() {
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(meta.len());
        File::open(path).and_then(|file| tar.tar.append_data(&mut header, name, file))
    } else {
        // A socket or a device is no part of a release.
        return Ok(());
    };
    written.map_err(|error| problem(path, error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A `.dockerignore` that is a link tells nothing of the machine: what is there and what is not are the same.
    #[test]
    fn a_link_out_of_the_folder_tells_nothing_apart() {
        let top = tempfile::tempdir().expect("a folder");
        let (folder, outside) = (top.path().join("folder"), top.path().join("outside"));
        fs::create_dir_all(folder.join("sub")).expect("made");
        fs::create_dir(&outside).expect("made");
        fs::write(outside.join("file"), "a secret").expect("written");
        fs::write(folder.join("real"), "x\n").expect("written");
        let there = outside.to_str().expect("text");
        let link = folder.join(".dockerignore");
        let told = |target: &str| {
            symlink(target, &link).expect("linked");
            let told = ignore(&folder, "Dockerfile", "").map(drop);
            fs::remove_file(&link).expect("removed");
            told.map_err(|error| error.to_string())
        };
        let first = told("/etc/passwd").expect_err("refused");
        assert!(
            first.contains("it is a link that leads out of the folder"),
            "{first}"
        );
        for target in [
            "/etc/no-such-file".to_owned(),
            "/dev/zero".to_owned(),
            format!("{there}/file"),
            format!("{there}/none"),
            format!("{there}/../folder/real"),
            format!("{there}/none/../../folder/real"),
            "../outside/file".to_owned(),
            "../outside/none".to_owned(),
        ] {
            assert_eq!(told(&target).expect_err("refused"), first, "{target}");
        }
        assert_eq!(told("real"), Ok(()));
        assert_eq!(told("sub/../real"), Ok(()));
        let nowhere = told("no-such-file").expect_err("refused");
        assert!(
            nowhere.contains("a link to a file that is not in the folder"),
            "{nowhere}"
        );
        fs::write(&link, "x".repeat(17 << 20)).expect("written");
        let large = ignore(&folder, "Dockerfile", "").map(drop).expect_err("refused");
        assert!(large.to_string().contains("there are more than 16 MB"), "{large}");
    }
}
