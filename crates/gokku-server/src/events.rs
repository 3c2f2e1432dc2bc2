//! The record of everything that changed on the server, `events.log`: one JSON object a line, only ever appended to.
//! When it has grown it is put aside as `events.log.1`, and the oldest part goes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use gokku_core::change::{Change, Recorded};
use gokku_core::{Access, AppName};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify;

use crate::error::Error;
use crate::root::Root;
use crate::{clock, log};

/// Who the daemon is in it.
pub const DAEMON: &str = "gokku";

/// How much a part of it may hold, in bytes: some 25,000 changes.
const LIMIT: u64 = 4 << 20;
/// How many older parts are kept.
const KEPT: usize = 4;

/// Records a change. One that cannot be recorded was made all the same.
pub fn note(root: &Root, by: &str, app: Option<&AppName>, change: Change) {
    let recorded = Recorded {
        at: clock::now_ms(),
        by: by.to_owned(),
        app: app.cloned(),
        change,
    };
    if let Err(error) = append(root, &recorded, LIMIT) {
        tracing::warn!("{}: {error}", root.events().display());
    }
}

fn part(root: &Root, number: usize) -> PathBuf {
    if number == 0 {
        return root.events();
    }
    root.events().with_extension(format!("log.{number}"))
}

fn append(root: &Root, recorded: &Recorded, limit: u64) -> io::Result<()> {
    let mut line = serde_json::to_vec(recorded)?;
    line.push(b'\n');
    let path = root.events();
    loop {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o640)
            .open(&path)?;
        file.lock()?;
        let there = file.metadata()?;
        // Somebody else may have put it aside in between.
        if !fs::metadata(&path).is_ok_and(|now| now.ino() == there.ino()) {
            continue;
        }
        let length = there.len();
        if length > 0 && length + line.len() as u64 > limit {
            for number in (0..KEPT).rev() {
                let moved = fs::rename(part(root, number), part(root, number + 1));
                moved.or_else(|error| match error.kind() {
                    io::ErrorKind::NotFound => Ok(()),
                    _ => Err(error),
                })?;
            }
            continue;
        }
        if log::ends_torn(&file)? {
            line.insert(0, b'\n');
        }
        file.write_all(&line)?;
        // What is recorded of a transition's end is on the disk before that is told.
        return match recorded.change {
            Change::TransitionFinished { .. } => file.sync_all(),
            _ => Ok(()),
        };
    }
}

/// Where somebody who reads the record is.
struct Reader {
    file: BufReader<File>,
    line: Vec<u8>,
}

impl Reader {
    fn open(path: &PathBuf) -> io::Result<Self> {
        Ok(Self {
            file: BufReader::new(File::open(path)?),
            line: Vec::new(),
        })
    }

    /// The next change; none at the end, for now. A line that is none is passed over.
    fn next(&mut self) -> io::Result<Option<Recorded>> {
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

    fn is(&self, path: &PathBuf) -> bool {
        let mine = self.file.get_ref().metadata().map(|there| there.ino());
        let now = fs::metadata(path).map(|there| there.ino());
        matches!((mine, now), (Ok(mine), Ok(now)) if mine == now)
    }
}

/// What is to be shown.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only this app's.
    pub app: Option<AppName>,
    /// Only what is about apps that may be seen.
    pub access: Access,
    /// How many of the last ones; all that are kept without.
    pub last: Option<usize>,
    /// Wait for more.
    pub follow: bool,
}

/// Gives the changes, oldest first, to `on_change`, until it says that it wants no more.
pub fn show(root: &Root, wanted: &Wanted, mut on_change: impl FnMut(&Recorded) -> bool) -> Result<(), Error> {
    let path = root.events();
    let failed = |error: io::Error| Error::file(&path, &error);
    let may_be_seen = |recorded: &Recorded| match &recorded.app {
        Some(app) => wanted.access.allows(app),
        None => wanted.access == Access::All,
    };
    let is_wanted =
        |recorded: &Recorded| (wanted.app.is_none() || recorded.app == wanted.app) && may_be_seen(recorded);
    // Before anything is read, so that what comes meanwhile is heard.
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC).map_err(|error| failed(error.into()))?;
    let flags = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_FROM;
    inotify::add_watch(&watch, root.path(), flags).map_err(|error| failed(error.into()))?;

    let mut kept = Vec::new();
    let mut newest = None;
    for number in (0..=KEPT).rev() {
        let mut reader = match Reader::open(&part(root, number)) {
            Ok(reader) => reader,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
        };
        while let Some(recorded) = reader.next().map_err(failed)? {
            if is_wanted(&recorded) {
                kept.push(recorded);
            }
        }
        newest = Some(reader);
    }
    let first = wanted.last.map_or(0, |last| kept.len().saturating_sub(last));
    if !kept[first..].iter().all(&mut on_change) {
        return Ok(());
    }
    drop(kept);
    if !wanted.follow {
        return Ok(());
    }
    loop {
        if let Some(reader) = &mut newest {
            while let Some(recorded) = reader.next().map_err(failed)? {
                if is_wanted(&recorded) && !on_change(&recorded) {
                    return Ok(());
                }
            }
        }
        if newest.as_ref().is_none_or(|reader| !reader.is(&path))
            && let Ok(next) = Reader::open(&path)
        {
            newest = Some(next);
            continue;
        }
        wait(&watch).map_err(|error| failed(error.into()))?;
    }
}

/// Waits until something in the server's folder has changed.
fn wait(watch: &impl std::os::fd::AsFd) -> Result<(), rustix::io::Errno> {
    match poll(&mut [PollFd::new(watch, PollFlags::IN)], None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error),
    }
    let mut space = [std::mem::MaybeUninit::uninit(); 4096];
    inotify::Reader::new(watch, &mut space).next().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        (folder, root)
    }

    fn change(number: usize) -> Recorded {
        Recorded {
            at: 0,
            by: "ada".to_owned(),
            app: None,
            change: Change::ContainerRestarted {
                container: format!("api-{number}"),
            },
        }
    }

    fn shown(root: &Root, wanted: &Wanted) -> Vec<String> {
        let mut all = Vec::new();
        show(root, wanted, |recorded| {
            all.push(recorded.change.to_string());
            true
        })
        .expect("read");
        all
    }

    #[test]
    fn parts_are_put_aside_and_the_oldest_goes() {
        let (_folder, root) = root();
        for number in 0..100 {
            append(&root, &change(number), 1000).expect("appended");
        }
        let all = shown(&root, &Wanted::default());
        assert!(all.len() > 30 && all.len() < 100, "{}", all.len());
        assert_eq!(all.last().map(String::as_str), Some("api-99 was started again"));
        let expected: Vec<String> = (100 - all.len()..100)
            .map(|number| format!("api-{number} was started again"))
            .collect();
        assert_eq!(all, expected);
        assert!(part(&root, KEPT).exists() && !part(&root, KEPT + 1).exists());
        let last = Wanted {
            last: Some(2),
            ..Wanted::default()
        };
        assert_eq!(shown(&root, &last), expected[expected.len() - 2..]);
    }

    #[test]
    fn many_that_append_at_once_lose_nothing() {
        let (_folder, root) = root();
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let root = &root;
                scope.spawn(move || {
                    for number in 0..50 {
                        // Four parts of this size hold all of it.
                        append(root, &change(writer * 50 + number), 12_000).expect("appended");
                    }
                });
            }
        });
        let mut all = shown(&root, &Wanted::default());
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 400);
    }

    #[test]
    fn a_line_that_was_cut_off_spoils_no_other() {
        let (_folder, root) = root();
        append(&root, &change(1), LIMIT).expect("appended");
        let mut file = OpenOptions::new()
            .append(true)
            .open(root.events())
            .expect("opened");
        for (number, torn) in [
            (2, b"{\"at\":0,\"by".as_slice()),
            (3, b"{\"at\":0,\"by\":\"J\xc3"),
        ] {
            file.write_all(torn).expect("written");
            append(&root, &change(number), LIMIT).expect("appended");
        }
        let expected = [1, 2, 3].map(|number| format!("api-{number} was started again"));
        assert_eq!(shown(&root, &Wanted::default()), expected);
    }

    #[test]
    fn whoever_follows_hears_of_everything_across_parts() {
        let (_folder, root) = root();
        append(&root, &change(0), 300).expect("appended");
        let (sender, heard) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let root = &root;
            scope.spawn(move || {
                let wanted = Wanted {
                    follow: true,
                    ..Wanted::default()
                };
                show(root, &wanted, |recorded| {
                    let words = recorded.change.to_string();
                    let last = words == "api-19 was started again";
                    sender.send(words).is_ok() && !last
                })
                .expect("followed");
            });
            for number in 1..20 {
                // Each is heard before the next, so that no part can be missed by being put aside twice.
                let words = heard.recv().expect("heard");
                assert_eq!(words, format!("api-{} was started again", number - 1));
                append(root, &change(number), 300).expect("appended");
            }
        });
    }
}
