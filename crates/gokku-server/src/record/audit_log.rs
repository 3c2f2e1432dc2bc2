//! The record of everything that changed on the server, `events.log`: one JSON object a line, only ever appended to.
//! When it has grown it is put behind what is kept of before, `events.log.1`; what goes of that is the core's to say
//! (`gokku_core::logs::audit_retention`), so that nobody's events push out anybody else's.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use gokku_core::logs::audit::{Change, Recorded};
use gokku_core::logs::audit_retention::{Owner, leaving};
use gokku_core::text::fingerprint::Fingerprint;
use gokku_core::{Access, AppName};
use serde::{Deserialize, Serialize};

use crate::fs::Error;
use crate::fs::atomic;
use crate::fs::root::Root;
use crate::os::clock;
use crate::record::jsonl::{self, Lines, Watch, WatchFlags};

/// Who the daemon is in it.
pub const DAEMON: &str = "gokku";

/// How much it may hold before it is put behind what is kept, in bytes: some 25,000 changes.
const LIMIT: u64 = 4 << 20;
/// How much is kept of before, in such parts.
const KEPT: u64 = 4;
/// How many older parts an earlier gokku has left, each a file of its own.
const PARTS: usize = 4;

/// Records a change. One that cannot be recorded was made all the same.
pub fn note(root: &Root, by: &str, app: Option<&AppName>, change: Change) {
    let recorded = Recorded {
        at: clock::now_ms(),
        by: by.to_owned(),
        app: app.cloned(),
        change,
    };
    if let Err(error) = append(root, &recorded.bounded(), LIMIT) {
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
    let mut line = jsonl::line(recorded)?;
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
            put_aside(root, limit * KEPT)?;
            continue;
        }
        if jsonl::ends_torn(&file)? {
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

/// The first line of what is kept: by it a part that was put behind the others, and not removed any more because the
/// process ended, is not put there twice. To whoever reads changes it is none.
#[derive(PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Head {
    kept_through: String,
}

impl Head {
    /// Of a part: two are told apart by their first lines, which have a time, whoever chooses what else is in them.
    fn of(part: &[u8]) -> Self {
        let text = String::from_utf8_lossy(part);
        let mut all = Fingerprint::default();
        all.add(&text);
        let first = text.lines().next().unwrap_or_default();
        Self {
            kept_through: format!("{all} {first}"),
        }
    }
}

/// Puts the newest part behind what is kept, as far as that has room. Whoever calls holds its lock.
fn put_aside(root: &Root, most: u64) -> io::Result<()> {
    let newest = fs::read(part(root, 0))?;
    let head = Head::of(&newest);
    let mut before = Vec::new();
    for number in (1..=PARTS).rev() {
        match fs::read(part(root, number)) {
            Ok(bytes) => before.push(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let first =
        |bytes: &Vec<u8>| serde_json::from_slice::<Head>(bytes.split(|byte| *byte == b'\n').next()?).ok();
    if before.last().and_then(first).as_ref() != Some(&head) {
        before.push(newest);
        let kept = kept_of(&before, &head, most)?;
        atomic::replace(&part(root, 1), &kept, 0o640).map_err(io::Error::other)?;
    }
    for number in (2..=PARTS).chain([0]) {
        match fs::remove_file(part(root, number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The lines of these parts that stay, behind the head.
fn kept_of(parts: &[Vec<u8>], head: &Head, most: u64) -> io::Result<Vec<u8>> {
    let lines: Vec<&[u8]> = parts
        .iter()
        .flat_map(|part| part.split_inclusive(|byte| *byte == b'\n'))
        .filter(|line| line.ends_with(b"\n") && serde_json::from_slice::<Head>(line).is_err())
        .collect();
    let sizes: Vec<(Owner, u64)> = lines
        .iter()
        .map(|line| (Owner::of(line, DAEMON), line.len() as u64))
        .collect();
    let mut kept = jsonl::line(head)?;
    let gone = leaving(&sizes, most);
    for (line, _) in lines.iter().zip(gone).filter(|(_, gone)| !gone) {
        kept.extend_from_slice(line);
    }
    Ok(kept)
}

/// Where somebody who reads the record is: in one of its parts.
struct Reader(Lines);

impl Reader {
    fn open(path: &Path) -> io::Result<Option<Self>> {
        match Lines::open(path) {
            Ok(lines) => Ok(Some(Self(lines))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All parts, oldest first, each line in one of them; the newest apart.
    fn open_all(root: &Root) -> io::Result<(Vec<Self>, Option<Self>)> {
        loop {
            // Nobody puts it aside while others hold its lock.
            let newest = Self::open(&root.events())?;
            if let Some(newest) = &newest {
                newest.0.file().lock_shared()?;
                if !newest.is(&root.events()) {
                    continue;
                }
            }
            let mut older = Vec::new();
            for number in (1..=PARTS).rev() {
                older.extend(Self::open(&part(root, number))?);
            }
            if let Some(newest) = &newest {
                newest.0.file().unlock()?;
            }
            return Ok((older, newest));
        }
    }

    /// The next change; none at the end, for now.
    fn next(&mut self) -> io::Result<Option<Recorded>> {
        self.0.next()
    }

    fn is(&self, path: &PathBuf) -> bool {
        let mine = self.0.file().metadata().map(|there| there.ino());
        let now = fs::metadata(path).map(|there| there.ino());
        matches!((mine, now), (Ok(mine), Ok(now)) if mine == now)
    }
}

/// What is to be shown.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
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
pub fn show(
    root: &Root,
    wanted: &EventQuery,
    mut on_change: impl FnMut(&Recorded) -> bool,
) -> Result<(), Error> {
    let path = root.events();
    let failed = |error: io::Error| Error::file(&path, error);
    let may_be_seen = |recorded: &Recorded| match &recorded.app {
        Some(app) => wanted.access.allows(app),
        None => wanted.access == Access::All,
    };
    let is_wanted =
        |recorded: &Recorded| (wanted.app.is_none() || recorded.app == wanted.app) && may_be_seen(recorded);
    // Before anything is read, so that what comes meanwhile is heard.
    let flags = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_FROM;
    let watch = Watch::begin(root.path(), flags).map_err(failed)?;

    let mut kept = Vec::new();
    let (mut older, mut newest) = Reader::open_all(root).map_err(failed)?;
    for reader in older.iter_mut().chain(&mut newest) {
        while let Some(recorded) = reader.next().map_err(failed)? {
            if is_wanted(&recorded) {
                kept.push(recorded);
            }
        }
    }
    drop(older);
    let first = wanted.last.map_or(0, |last| kept.len().saturating_sub(last));
    if !kept[first..].iter().all(&mut on_change) {
        return Ok(());
    }
    drop(kept);
    if !wanted.follow {
        return Ok(());
    }
    loop {
        // Asked before the rest of it is read: nothing is added to one that was put aside.
        let is_old = newest.as_ref().is_none_or(|reader| !reader.is(&path));
        if let Some(reader) = &mut newest {
            while let Some(recorded) = reader.next().map_err(failed)? {
                if is_wanted(&recorded) && !on_change(&recorded) {
                    return Ok(());
                }
            }
        }
        if is_old && let Some(next) = Reader::open(&path).map_err(failed)? {
            newest = Some(next);
            continue;
        }
        watch.wait(None, None).map_err(failed)?;
    }
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
        change_by("ada", number)
    }

    fn change_by(by: &str, number: usize) -> Recorded {
        Recorded {
            at: 0,
            by: by.to_owned(),
            app: None,
            change: Change::ContainerRestarted {
                container: format!("api-{number}"),
            },
        }
    }

    fn shown(root: &Root, wanted: &EventQuery) -> Vec<String> {
        let mut all = Vec::new();
        show(root, wanted, |recorded| {
            all.push(recorded.change.to_string());
            true
        })
        .expect("read");
        all
    }

    #[test]
    fn what_has_grown_is_put_aside_and_the_oldest_goes() {
        let (_folder, root) = root();
        for number in 0..100 {
            append(&root, &change(number), 1000).expect("appended");
        }
        let all = shown(&root, &EventQuery::default());
        assert!(all.len() > 30 && all.len() < 100, "{}", all.len());
        assert_eq!(all.last().map(String::as_str), Some("api-99 was started again"));
        let expected: Vec<String> = (100 - all.len()..100)
            .map(|number| format!("api-{number} was started again"))
            .collect();
        assert_eq!(all, expected);
        let kept = fs::metadata(part(&root, 1)).expect("put aside").len();
        assert!(kept < 4200, "{kept} bytes");
        let last = EventQuery {
            last: Some(2),
            ..EventQuery::default()
        };
        assert_eq!(shown(&root, &last), expected[expected.len() - 2..]);
    }

    /// One key floods the record with the longest that it takes; what others did stays, whenever they did it.
    #[test]
    fn a_flood_pushes_out_its_own() {
        let (_folder, root) = root();
        let limit = 40_000;
        let mut others = Vec::new();
        for number in 0..2000 {
            if number % 20 == 0 {
                let by = ["bob", "owner", DAEMON][number / 20 % 3];
                append(&root, &change_by(by, number), limit).expect("appended");
                others.push(format!("api-{number} was started again"));
            }
            let flood = Recorded {
                change: Change::Commanded {
                    command: "x".repeat(124_000),
                    code: 0,
                },
                ..change(number)
            };
            append(&root, &flood.bounded(), limit).expect("appended");
        }
        let all = shown(&root, &EventQuery::default());
        let (flood, stay): (Vec<_>, Vec<_>) = all.into_iter().partition(|words| words.starts_with("ran xxx"));
        assert_eq!(stay, others);
        assert!(flood.len() > 100, "{} of the flood stay", flood.len());
        let size: u64 = (0..=PARTS)
            .filter_map(|number| fs::metadata(part(&root, number)).ok())
            .map(|there| there.len())
            .sum();
        assert!(size <= limit * (KEPT + 1) + 100, "{size} bytes");
    }

    #[test]
    fn a_part_is_put_aside_once_whenever_that_was_cut_off() {
        let (_folder, root) = root();
        for number in 0..10 {
            append(&root, &change(number), LIMIT).expect("appended");
        }
        // Written behind the others, and then the process ended.
        let newest = fs::read(root.events()).expect("read");
        put_aside(&root, LIMIT).expect("put aside");
        assert!(!root.events().exists());
        fs::write(root.events(), &newest).expect("written");
        put_aside(&root, LIMIT).expect("put aside");
        assert_eq!(shown(&root, &EventQuery::default()).len(), 10);
    }

    #[test]
    fn parts_of_an_earlier_gokku_are_read_and_put_together() {
        let (_folder, root) = root();
        for number in 0..10 {
            append(&root, &change(number), LIMIT).expect("appended");
            if number % 2 == 1 {
                fs::rename(root.events(), part(&root, PARTS - number / 2)).expect("renamed");
            }
        }
        let expected: Vec<String> = (0..10)
            .map(|number| format!("api-{number} was started again"))
            .collect();
        assert_eq!(shown(&root, &EventQuery::default()), expected);
        put_aside(&root, LIMIT).expect("put aside");
        assert_eq!(shown(&root, &EventQuery::default()), expected);
        assert!(part(&root, 1).exists() && !part(&root, 2).exists());
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
        let mut all = shown(&root, &EventQuery::default());
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
        assert_eq!(shown(&root, &EventQuery::default()), expected);
    }

    #[test]
    fn whoever_follows_hears_of_everything_across_parts() {
        let (_folder, root) = root();
        append(&root, &change(0), 300).expect("appended");
        let (sender, heard) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let root = &root;
            scope.spawn(move || {
                let wanted = EventQuery {
                    follow: true,
                    ..EventQuery::default()
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
