//! Files of lines that are appended, a JSON value each: transition logs and the record of changes. Written, read as far as they
//! are whole, and followed.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
pub(crate) use rustix::fs::inotify::WatchFlags;
use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Returns a value as a line, with its end.
pub(crate) fn line(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// Returns whether a file's last line has no end: a process that was killed, or a disk that was full, may have left half of
/// one. What is written next must not stand on it.
pub(crate) fn ends_torn(file: &File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        file.read_exact_at(&mut last, length - 1)?;
    }
    Ok(last != *b"\n")
}

/// Where somebody who reads such a file is.
pub(crate) struct Lines {
    file: BufReader<File>,
    line: Vec<u8>,
}

impl Lines {
    /// Begins at a file's beginning.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufReader::new(File::open(path)?),
            line: Vec::new(),
        })
    }

    /// Returns the next value; none at the end, for now: what has no end yet is read on when it has. A line that is no such
    /// value is passed over, as one that was cut off is.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        loop {
            // A line that was cut off inside a character is no text.
            self.file.read_until(b'\n', &mut self.line)?;
            if !self.line.ends_with(b"\n") {
                return Ok(None);
            }
            let read = serde_json::from_slice(&self.line).ok();
            self.line.clear();
            if read.is_some() {
                return Ok(read);
            }
        }
    }

    /// Returns the file.
    pub(crate) fn file(&self) -> &File {
        self.file.get_ref()
    }
}

/// Hears of what happens to a file or in a folder: begun before it is read, so that nothing is missed that comes meanwhile.
pub(crate) struct Watch(OwnedFd);

impl Watch {
    /// Begins to watch.
    pub(crate) fn begin(path: &Path, what: WatchFlags) -> io::Result<Self> {
        let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        inotify::add_watch(&watch, path, what)?;
        Ok(Self(watch))
    }

    /// Waits until something has happened there, `process` (or who is at the other end of a socket) has ended, or the time is over. May return without any of it, as
    /// when a signal comes: whoever waits looks again.
    pub(crate) fn wait(&self, process: Option<&OwnedFd>, limit: Option<Duration>) -> io::Result<()> {
        let mut fds = vec![PollFd::new(&self.0, PollFlags::IN)];
        fds.extend(process.map(|process| PollFd::new(process, PollFlags::IN)));
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        match poll(&mut fds, limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut space = [std::mem::MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.0, &mut space);
        while events.next().is_ok() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_whole_is_read_and_what_is_torn_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .expect("a file");
        let watch = Watch::begin(&path, WatchFlags::MODIFY).expect("a watch");
        file.write_all(&line(&1).expect("a line")).expect("written");
        assert!(!ends_torn(&file).expect("read"));
        file.write_all(b"no number\n2").expect("written");
        assert!(ends_torn(&file).expect("read"));
        // It has happened already, and is heard.
        watch.wait(None, None).expect("heard");
        let mut lines = Lines::open(&path).expect("opened");
        assert_eq!(lines.next::<u8>().expect("read"), Some(1));
        assert_eq!(lines.next::<u8>().expect("read"), None);
        file.write_all(b"3\n").expect("written");
        assert_eq!(lines.next::<u8>().expect("read"), Some(23));
        assert_eq!(lines.next::<u8>().expect("read"), None);
    }
}
