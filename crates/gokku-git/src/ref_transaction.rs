//! Several refs moved together or not at all: `git update-ref --stdin`, see git-update-ref(1). git is asked to prepare
//! first, which locks the refs and finds all that it would refuse, and moves them, or lets go of them, when it is told to.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use gokku_core::push::rules::RefUpdate;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

use crate::command::{failed, git, run, spawn};
use crate::error::Error;
use crate::repository::Repository;

/// How long git may take for each part: a hook of the repository's may run in it.
const LIMIT: Duration = Duration::from_secs(60);
/// How long git's last words are waited for once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How much of them is read.
const MOST_WORDS: u64 = 64 * 1024;
/// What begins the name of git's command in errors.
const COMMAND: &str = "update-ref --stdin";

/// Refs that are locked. Dropped, they are let go of as they were.
#[derive(Debug)]
pub struct RefTransaction {
    git: Child,
    stdin: Option<ChildStdin>,
    stdout: OwnedFd,
    words: Mutex<mpsc::Receiver<Vec<u8>>>,
    heard: Vec<u8>,
}

impl Repository {
    /// Locks refs that are as they are said to have been, and has git check that they can be moved. What it finds, it says
    /// in its own words: a ref in the way, a lock that somebody has or left, an object that is no commit, a hook that
    /// refuses, a disk that is full.
    pub fn prepare_refs(&self, updates: &[RefUpdate]) -> Result<RefTransaction, Error> {
        let mut command = git(self.path(), ["update-ref", "--stdin"]);
        command.stdin(Stdio::piped());
        let mut child = spawn(&mut command)?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(OwnedFd::from);
        let stderr = child.stderr.take();
        let (tell, words) = mpsc::channel();
        std::thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(stderr) = stderr {
                // What cannot be read is not said.
                let _ = stderr.take(MOST_WORDS).read_to_end(&mut text);
            }
            // Nobody hears it where nothing went wrong.
            let _ = tell.send(text);
        });
        let Some(stdout) = stdout else {
            return Err(Error::Missing(std::io::ErrorKind::BrokenPipe.into()));
        };
        let mut transaction = RefTransaction {
            git: child,
            stdin,
            stdout,
            words: Mutex::new(words),
            heard: Vec::new(),
        };
        let mut script = String::from("start\n");
        for update in updates {
            script.push_str(&line(update));
        }
        script.push_str("prepare\n");
        transaction.ask(&script, &["start: ok\n", "prepare: ok\n"])?;
        Ok(transaction)
    }

    /// Returns which of some refs are not yet where a push wants them.
    pub fn unmoved_refs(&self, updates: &[RefUpdate]) -> Result<Vec<RefUpdate>, Error> {
        let text = run(&mut git(
            self.path(),
            ["for-each-ref", "--format=%(objectname) %(refname)"],
        ))?;
        let text = String::from_utf8_lossy(&text);
        let there: HashMap<&str, &str> = text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(object, name)| (name, object))
            .collect();
        let is_moved = |update: &&RefUpdate| {
            let wanted = Some(update.new.as_str()).filter(|_| !update.new.is_zero());
            there.get(update.name.as_str()).copied() == wanted
        };
        Ok(updates
            .iter()
            .filter(|update| !is_moved(update))
            .cloned()
            .collect())
    }

    /// Removes the locks that a transaction of these refs has left when the whole machine stopped: git writes into a lock
    /// what the ref is to be. Only for whoever knows that nobody else moves them.
    pub fn remove_left_locks(&self, updates: &[RefUpdate]) -> Result<(), Error> {
        for update in updates {
            let path = self.lock_of(&update.name);
            let held = std::fs::read(&path).unwrap_or_default();
            if held.trim_ascii() == update.new.as_str().as_bytes() {
                std::fs::remove_file(&path).map_err(|source| Error::File { path, source })?;
            }
        }
        Ok(())
    }

    /// Checks whether the file can be locked in which git notes commits without their parents, `shallow`: as git locks it, for a
    /// moment.
    pub fn check_shallow(&self) -> Result<(), Error> {
        let path = self.path().join("shallow.lock");
        let locked = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path);
        locked
            .and_then(|_| std::fs::remove_file(&path))
            .map_err(|source| match source.kind() {
                // git's own words for it.
                std::io::ErrorKind::AlreadyExists => Error::Failed {
                    command: COMMAND.to_owned(),
                    message: format!("Unable to create '{}': File exists", path.display()),
                },
                _ => Error::File { path, source },
            })
    }

    /// Where git locks a ref, in repositories whose refs are files.
    fn lock_of(&self, name: &str) -> PathBuf {
        self.path().join(format!("{name}.lock"))
    }
}

/// What is asked for one ref.
fn line(update: &RefUpdate) -> String {
    let RefUpdate { old, new, name } = update;
    if new.is_zero() {
        format!("delete {name} {old}\n")
    } else {
        format!("update {name} {new} {old}\n")
    }
}

impl RefTransaction {
    /// Moves the refs.
    pub fn commit(mut self) -> Result<(), Error> {
        self.ask("commit\n", &["commit: ok\n"])?;
        self.stdin = None;
        Ok(())
    }

    /// Tells git something, and waits for what it answers to that.
    fn ask(&mut self, script: &str, answers: &[&str]) -> Result<(), Error> {
        let written = self
            .stdin
            .as_mut()
            .map_or(Ok(()), |stdin| stdin.write_all(script.as_bytes()));
        let wanted: usize = answers.iter().map(|answer| answer.len()).sum();
        let until = Instant::now() + LIMIT;
        while self.heard.len() < wanted {
            if !self.hear(until)? {
                // It has ended: what it said before is why.
                let words = self.words.get_mut().ok();
                let words = words.and_then(|words| words.recv_timeout(LAST_WORDS).ok());
                let words = words.unwrap_or_default();
                return Err(match written {
                    Err(error) if words.is_empty() => Error::Missing(error),
                    _ => failed(COMMAND, &words),
                });
            }
        }
        let heard: Vec<u8> = self.heard.drain(..).collect();
        if heard == answers.concat().as_bytes() {
            Ok(())
        } else {
            Err(Error::Answer {
                command: COMMAND.to_owned(),
                answer: String::from_utf8_lossy(&heard).into_owned(),
            })
        }
    }

    /// Reads more of what git answers; false when it has ended.
    fn hear(&mut self, until: Instant) -> Result<bool, Error> {
        let left = until.saturating_duration_since(Instant::now());
        let time = Timespec::try_from(left).ok();
        let mut fds = [PollFd::new(&self.stdout, PollFlags::IN)];
        let ready = match poll(&mut fds, time.as_ref()) {
            Err(rustix::io::Errno::INTR) => return Ok(true),
            Err(error) => return Err(Error::Missing(error.into())),
            Ok(ready) => ready,
        };
        if ready == 0 {
            return Err(Error::Failed {
                command: COMMAND.to_owned(),
                message: format!(
                    "no answer within {} s: does a reference-transaction hook of the repository hang?",
                    LIMIT.as_secs()
                ),
            });
        }
        let mut space = [0; 4096];
        match rustix::io::read(&self.stdout, &mut space) {
            Ok(0) => Ok(false),
            Ok(read) => {
                self.heard.extend(&space[..read]);
                Ok(true)
            }
            Err(rustix::io::Errno::INTR) => Ok(true),
            Err(error) => Err(Error::Missing(error.into())),
        }
    }
}

impl Drop for RefTransaction {
    fn drop(&mut self) {
        // At the end of its input git lets go of what was not committed.
        self.stdin = None;
        if !self.has_ended() {
            // Asked to end, it removes its locks.
            let pid = i32::try_from(self.git.id()).ok().and_then(Pid::from_raw);
            if let Some(pid) = pid {
                let _ = kill_process(pid, Signal::TERM);
            }
            if !self.has_ended() {
                let _ = self.git.kill();
            }
        }
        let _ = self.git.wait();
    }
}

impl RefTransaction {
    /// Waits a moment for git's end.
    fn has_ended(&self) -> bool {
        let mut fds = [PollFd::new(&self.stdout, PollFlags::IN)];
        let time = Timespec::try_from(LAST_WORDS).ok();
        matches!(poll(&mut fds, time.as_ref()), Ok(ready) if ready > 0)
    }
}
