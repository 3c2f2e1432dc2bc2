//! What a process that was killed outside of its transition has left: half-written files, and code that no worker came to use.

use std::path::PathBuf;
use std::time::Duration;

use gokku_core::ReleaseId;
use gokku_core::logs::event::{Event, Finish};
use gokku_core::transition::{FailureKind, Previous};

use crate::app::records;
use crate::fs::app_dir::AppDir;
use crate::fs::atomic;
use crate::queue::Error;
use crate::queue::lock;
use crate::queue::transition_log::Log;

/// How long a worker may take to be started.
const ABANDONED: Duration = Duration::from_secs(60);

/// Where an app's files are replaced.
fn folders(dir: &AppDir) -> [PathBuf; 4] {
    let shared = dir.env().with_file_name("");
    [dir.path(), dir.releases(), dir.deploys(), shared]
}

/// Removes what a process that was killed in the midst of writing has left.
pub(crate) fn sweep_temporary(dir: &AppDir) {
    for folder in folders(dir) {
        atomic::sweep(&folder);
    }
}

/// Whether somebody who was killed before the first step or after the last has left something: see [`sweep`].
pub(crate) fn has_leftovers(dir: &AppDir) -> bool {
    let half_written = |folder: PathBuf| atomic::left(&folder).next().is_some();
    leftovers(dir).next().is_some() || folders(dir).into_iter().any(half_written)
}

/// Code that was taken out of a push and that no living worker uses; younger code may have a worker that was only just
/// started.
pub(crate) fn leftovers(dir: &AppDir) -> impl Iterator<Item = ReleaseId> {
    let entries = std::fs::read_dir(dir.path().join("incoming"));
    entries.into_iter().flatten().flatten().filter_map(|entry| {
        let id: ReleaseId = entry.file_name().to_str()?.parse().ok()?;
        // One of the future is as old: the clock has been set back since.
        let age = match entry.metadata().ok()?.modified().ok()?.elapsed() {
            Ok(age) => age,
            Err(ahead) => ahead.duration(),
        };
        (age > ABANDONED && !lock::code_is_used(&entry.path())).then_some(id)
    })
}

/// Removes what a push left whose worker was killed before its first step, and says so in its log; and what was half
/// written. Whoever calls holds the app's lock, and there is no journal.
pub(crate) fn sweep(dir: &AppDir) -> Result<(), Error> {
    sweep_temporary(dir);
    for id in leftovers(dir) {
        atomic::remove_tree(&dir.incoming(id))?;
        atomic::remove(&dir.record(id))?;
        Log::open(dir, id)?.tell(Event::Finished {
            outcome: Finish::GaveUp {
                kind: FailureKind::Interrupted,
                detail: String::new(),
                serving: records::active(dir).is_some(),
                previous: Previous::Untouched,
            },
            took: Duration::ZERO,
        });
    }
    Ok(())
}
