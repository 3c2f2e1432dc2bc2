//! What the daemon says, on its way to its log: what it says again and again is counted, and a file that has become too large
//! begins anew, the former content beside it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use gokku_core::logs::repeats::Repeats;

/// How large a log of this program's words may become, in bytes; one more of that size is kept beside it.
pub(crate) const LONGEST: u64 = 8 << 20;

/// Where a former content is.
pub(crate) fn former(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

/// Puts aside what such a log has, before somebody is to write on it, if it is too large.
pub(crate) fn keep_short(path: &Path) {
    let too_large = fs::metadata(path).is_ok_and(|there| there.len() > LONGEST);
    if too_large && let Err(error) = fs::rename(path, former(path)) {
        tracing::warn!("{} grows: {error}", path.display());
    }
}

/// The log of a daemon that writes to its standard error: each write is one line of it, with its time in front.
#[derive(Debug)]
pub struct DaemonLog {
    /// The file that this is, where nobody else looks after it.
    path: Option<PathBuf>,
    repeats: Repeats,
    began: Instant,
}

impl DaemonLog {
    /// `path`: the file that standard error may be, which begins anew when it is too large.
    pub fn new(path: Option<PathBuf>) -> Self {
        Self {
            path,
            repeats: Repeats::default(),
            began: Instant::now(),
        }
    }

    fn say(&mut self, line: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(line);
        let (_, words) = text.split_once(' ').unwrap_or(("", &text));
        let Some(unsaid) = self.repeats.turn(words, self.began.elapsed()) else {
            return Ok(());
        };
        if let Some(path) = &self.path {
            // Words matter more than the size of their file.
            let _ = begin_anew(io::stderr().as_fd(), path, LONGEST);
        }
        let mut out = io::stderr().lock();
        if unsaid == 0 {
            return out.write_all(line);
        }
        let text = text.trim_end();
        writeln!(out, "{text} ({unsaid} more since this was last said)")
    }
}

impl Write for DaemonLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.say(line).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Puts the content of a file aside that is longer than it may be, if an open file is the one at that path. Others may have it
/// open, too, to append to it: it stays the same one.
fn begin_anew(open: impl AsFd, path: &Path, longest: u64) -> io::Result<()> {
    let open = File::from(open.as_fd().try_clone_to_owned()?);
    let here = open.metadata()?;
    if here.len() <= longest {
        return Ok(());
    }
    let there = fs::metadata(path)?;
    if (here.dev(), here.ino()) != (there.dev(), there.ino()) {
        return Ok(());
    }
    fs::copy(path, former(path))?;
    open.set_len(0)
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn what_is_too_long_is_put_aside_and_writers_go_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("proxy.log");
        let open = || {
            OpenOptions::new()
                .append(true)
                .create(true)
                .open(&path)
                .expect("open")
        };
        let (mut ours, mut others) = (open(), open());
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        ours.write_all(b"0123456789").expect("written");
        begin_anew(&ours, &path, 10).expect("no error");
        assert_eq!(
            (read(&path), read(&former(&path))),
            ("0123456789".into(), String::new())
        );
        others.write_all(b"!").expect("written");
        begin_anew(&ours, &path, 10).expect("no error");
        assert_eq!(
            (read(&path), read(&former(&path))),
            (String::new(), "0123456789!".into())
        );
        others.write_all(b"one").expect("written");
        ours.write_all(b"two").expect("written");
        assert_eq!(read(&path), "onetwo");
        // Of another file's name nothing is touched.
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, "01234567890123456789").expect("written");
        begin_anew(&ours, &elsewhere, 1).expect("no error");
        assert_eq!(read(&elsewhere).len(), 20);
    }
}
