//! A push whose deploy went well and whose branch git has still to move. git does that after the hook, when the app is
//! free again: whoever comes next and cares for the branch waits until it is done.

use std::time::Duration;

use gokku_core::CommitId;
use gokku_core::app::branch_name::BranchName;
use gokku_core::machine::backoff::Backoff;
use gokku_git::Repository;
use serde::{Deserialize, Serialize};

use crate::fs::app_dir::AppDir;
use crate::os::{clock, process};
use crate::queue::Error;

/// How long git may take to move a branch. One that is later finds that the branch has moved, and tells its pusher.
const LIMIT: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// The branch that is about to move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRef {
    /// Which.
    pub branch: BranchName,
    /// To what.
    pub commit: CommitId,
    /// git's process that does it.
    pub receiver: u32,
    /// When it is not waited for any more, in milliseconds since the machine was started.
    pub until: i64,
}

impl PendingRef {
    /// Returns one that begins now.
    pub fn new(branch: BranchName, commit: CommitId, receiver: u32) -> Self {
        let limit = i64::try_from(LIMIT.as_millis()).unwrap_or(i64::MAX);
        Self {
            branch,
            commit,
            receiver,
            until: clock::uptime_ms().saturating_add(limit),
        }
    }

    /// Waits until the branch has moved, or git has given up.
    pub fn wait(&self, dir: &AppDir) -> Result<(), Error> {
        let repository = Repository::at(dir.repository());
        let receiver = process::watch(self.receiver);
        let limit = i64::try_from(LIMIT.as_millis()).unwrap_or(i64::MAX);
        let mut pause = Backoff::between(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let left = self.until - clock::uptime_ms();
            // The machine may have been started again since.
            let Some(receiver) = receiver.as_ref().filter(|_| (1..=limit).contains(&left)) else {
                return Ok(());
            };
            if repository.head_of(&self.branch)?.as_ref() == Some(&self.commit) {
                return Ok(());
            }
            if process::has_ended(receiver, pause.take()) {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::thread;

    use gokku_core::AppName;

    use super::*;
    use crate::fs::root::Root;

    #[test]
    fn git_is_waited_for_as_long_as_it_lives() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let app: AppName = "api".parse().expect("a name");
        let dir = root.app_dir(&app);
        Repository::at(dir.repository()).create().expect("made");
        let mut git = Command::new("sleep").arg("600").spawn().expect("a process");
        let commit: CommitId = "1".repeat(40).parse().expect("an id");
        let pending_ref = PendingRef::new(BranchName::main(), commit, git.id());
        let waits = {
            let (pending_ref, dir) = (pending_ref.clone(), dir.clone());
            thread::spawn(move || pending_ref.wait(&dir))
        };
        assert!(!waits.is_finished());
        git.kill().expect("killed");
        waits.join().expect("no panic").expect("no error");
        git.wait().expect("gone");
        // Nobody waits for one that has gone, nor for one of long ago, whatever has its number now.
        pending_ref.wait(&dir).expect("no error");
        let old = PendingRef {
            receiver: std::process::id(),
            until: clock::uptime_ms() - 1,
            ..pending_ref
        };
        old.wait(&dir).expect("no error");
    }
}
