//! What the daemon says, on its way to its log: what it says again and again is counted, and a file that has become too large
//! begins anew, the former content beside it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

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

/// How many lines may wait to be written. What is said while there are more is counted, and told.
const WAITING: usize = 1024;
/// How long an end waits for the last lines.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The log of a daemon that writes to its standard error: each write is one line of it, with its time in front.
///
/// Whoever says something neither waits nor fails, whatever becomes of the line: the disk that the log is on may be full, and who
/// reads it may hang. A thread of its own writes the lines.
#[derive(Debug)]
pub struct DaemonLog {
    lines: SyncSender<Said>,
    lost: Arc<AtomicU64>,
}

/// What goes to the thread that writes.
enum Said {
    Line(Vec<u8>),
    /// Whoever ends waits until all before it is written.
    End(SyncSender<()>),
}

impl DaemonLog {
    /// Begins to write to standard error; `path` is the file that this may be, which begins anew when it is too large.
    pub fn begin(path: Option<PathBuf>) -> io::Result<Self> {
        Self::begin_on(io::stderr(), path)
    }

    fn begin_on(out: impl Write + AsFd + Send + 'static, path: Option<PathBuf>) -> io::Result<Self> {
        let (lines, said) = mpsc::sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let mut writer = Writer {
            out,
            path,
            repeats: Repeats::default(),
            began: Instant::now(),
            torn: false,
            lost: Arc::clone(&lost),
        };
        let work = move || {
            for said in said {
                match said {
                    Said::Line(line) => writer.write(&line),
                    // It may not wait any more.
                    Said::End(written) => drop(written.try_send(())),
                }
            }
        };
        thread::Builder::new().name("log".to_owned()).spawn(work)?;
        Ok(Self { lines, lost })
    }

    /// Waits until what was said is written, for a moment.
    pub fn end(&self) {
        let (written, is_written) = mpsc::sync_channel(1);
        if self.lines.try_send(Said::End(written)).is_ok() {
            let _ = is_written.recv_timeout(LAST_WORDS);
        }
    }
}

impl Write for &DaemonLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines.try_send(Said::Line(line.to_owned())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What writes the lines.
struct Writer<W> {
    out: W,
    path: Option<PathBuf>,
    repeats: Repeats,
    began: Instant,
    /// The last line may have no end.
    torn: bool,
    /// Lines that could not wait, or not be written.
    lost: Arc<AtomicU64>,
}

impl<W: Write + AsFd> Writer<W> {
    fn write(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        let (_, words) = text.split_once(' ').unwrap_or(("", text));
        let Some(unsaid) = self.repeats.turn(words, self.began.elapsed()) else {
            return;
        };
        if let Some(path) = &self.path {
            // Words matter more than the size of their file.
            let _ = begin_anew(&self.out, path, LONGEST);
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let begin = if self.torn { "\n" } else { "" };
        let more = |count: u64, words: &str| match count {
            0 => String::new(),
            count => format!(" ({count} {words})"),
        };
        let unsaid = more(unsaid, "more since this was last said");
        let unwritten = more(lost, "other lines before it could not be written");
        let whole = format!("{begin}{text}{unsaid}{unwritten}\n");
        // One that cannot be written is counted: nothing else can be done here.
        self.torn = self.out.write_all(whole.as_bytes()).is_err();
        if self.torn {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
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
    use std::sync::atomic::AtomicBool;

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

    /// A file on a disk that can be full.
    struct Disk(File, Arc<AtomicBool>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.1.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }

    impl AsFd for Disk {
        fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    #[test]
    fn whoever_says_something_never_fails_and_what_is_lost_is_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("proxy.log");
        let file = File::create(&path).expect("a file");
        let is_full = Arc::new(AtomicBool::new(false));
        let log = DaemonLog::begin_on(Disk(file, Arc::clone(&is_full)), None).expect("a log");
        let say = |line: &str| {
            (&log)
                .write_all(format!("12:00 {line}\n").as_bytes())
                .expect("said");
            log.end();
        };
        say("one");
        is_full.store(true, Ordering::Relaxed);
        say("two");
        say("three");
        is_full.store(false, Ordering::Relaxed);
        say("four");
        say("five");
        let written = fs::read_to_string(&path).expect("read");
        assert_eq!(
            written,
            "12:00 one\n\n12:00 four (2 other lines before it could not be written)\n12:00 five\n"
        );
    }

    #[test]
    fn whoever_says_something_never_waits_for_who_reads_it() {
        let (read, write) = io::pipe().expect("a pipe");
        let log = DaemonLog::begin_on(write, None).expect("a log");
        // More than the pipe holds, and than may wait.
        let much = "x".repeat(1000);
        for number in 0..4 * WAITING {
            (&log)
                .write_all(format!("12:00 {number} {much}\n").as_bytes())
                .expect("said");
        }
        assert!(log.lost.load(Ordering::Relaxed) > 0);
        drop(read);
    }
}
