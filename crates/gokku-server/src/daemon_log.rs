//! Logs that nobody else keeps small: what the daemon and the workers say, `run/proxy.log` and `run/worker.log`.
//!
//! One that has grown is copied to a second file and emptied: whoever has it open, a daemon that is being replaced too,
//! goes on writing at its new end.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use gokku_core::repeats::Repeats;

use crate::root::Root;

/// How large such a file becomes, in bytes; there are two.
pub const LARGEST: u64 = 4 << 20;

/// Empties a log that has grown, and keeps what was in it beside it.
pub(crate) fn rotate(log: &Path) {
    if fs::metadata(log).is_ok_and(|about| about.len() > LARGEST)
        && let Err(error) = set_aside(log)
    {
        tracing::warn!("{}: {error}", log.display());
    }
}

fn set_aside(log: &Path) -> io::Result<()> {
    let mut name = log.as_os_str().to_owned();
    name.push(".1");
    let aside = PathBuf::from(name);
    // Where there is no room for it, it goes.
    let kept =
        fs::copy(log, &aside).and_then(|_| fs::set_permissions(&aside, fs::Permissions::from_mode(0o600)));
    File::options().write(true).open(log)?.set_len(0)?;
    kept
}

/// Where the daemon's words go: to its standard error, which may be its log. A line that comes again and again is counted.
#[derive(Debug)]
pub struct DaemonLog {
    began: Instant,
    /// The log, where standard error is that.
    file: Option<PathBuf>,
    repeats: Mutex<Repeats>,
}

impl DaemonLog {
    /// For the daemon of this folder.
    pub fn new(root: &Root) -> Self {
        let path = root.daemon_log();
        let about = |path: &Path| fs::metadata(path).map(|about| (about.dev(), about.ino()));
        let is_it = about(&path)
            .ok()
            .is_some_and(|log| about(Path::new("/proc/self/fd/2")).is_ok_and(|words| words == log));
        Self {
            began: Instant::now(),
            file: is_it.then_some(path),
            repeats: Mutex::default(),
        }
    }

    /// What is written of a line, which begins with its time.
    fn lines(&self, line: &str) -> String {
        let (time, words) = line.trim_end().split_once(' ').unwrap_or(("", line));
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        let told = repeats.take(words, now);
        let mut lines = String::new();
        for words in told {
            lines.extend([time, " ", &words, "\n"]);
        }
        lines
    }
}

/// Takes a line at a time, as `tracing-subscriber` writes them.
impl Write for &DaemonLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let told = self.lines(&String::from_utf8_lossy(line));
        if !told.is_empty() {
            if let Some(file) = &self.file
                && fs::metadata(file).is_ok_and(|about| about.len() > LARGEST)
            {
                // What cannot be set aside cannot be told either.
                let _ = set_aside(file);
            }
            io::stderr().write_all(told.as_bytes())?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_has_grown_is_emptied_and_whoever_has_it_open_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("proxy.log");
        let mut open = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("open");
        let line = [b'x'; 1024];
        for _ in 0..20 << 10 {
            open.write_all(&line).expect("written");
            rotate(&log);
        }
        open.write_all(b"last").expect("written");
        let length = |path: &Path| fs::metadata(path).expect("there").len();
        assert!(length(&log) <= LARGEST + 1024 + 4, "{}", length(&log));
        assert!(fs::read(&log).expect("read").ends_with(b"last"));
        let aside = folder.path().join("proxy.log.1");
        assert_eq!(length(&aside), LARGEST + 1024);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);
    }

    #[test]
    fn a_line_that_comes_again_is_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let log = DaemonLog::new(&root);
        assert_eq!(
            log.lines("2026-01-01T00:00:00Z  WARN full\n"),
            "2026-01-01T00:00:00Z  WARN full\n"
        );
        assert_eq!(log.lines("2026-01-01T00:00:01Z  WARN full\n"), "");
        assert_eq!(
            log.lines("2026-01-01T00:00:02Z  WARN other\n"),
            "2026-01-01T00:00:02Z  WARN other\n"
        );
    }
}
