//! A process as an engine starts a container's first one: in a control group that is called by the container's id, and
//! number 1 in a namespace of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::PATIENCE;

/// It runs until it is killed, or this goes.
pub(crate) struct Contained {
    /// The container's id.
    pub(crate) id: String,
    group: PathBuf,
    outside: Child,
}

impl Contained {
    /// One that has the machine's addresses.
    pub(crate) fn new() -> Self {
        Self::start(&new_id(), &[])
    }

    /// One in a network of its own, that has no address.
    pub(crate) fn elsewhere() -> Self {
        Self::start(&new_id(), &["--net"])
    }

    /// Another one of the same container, after the one before has ended.
    pub(crate) fn again(self) -> Self {
        let id = self.id.clone();
        drop(self);
        Self::start(&id, &[])
    }

    fn start(id: &str, more: &[&str]) -> Self {
        let top = Path::new("/sys/fs/cgroup");
        let unified = top.join("unified");
        let group = if unified.is_dir() { &unified } else { top }.join(id);
        fs::create_dir(&group).unwrap_or_else(|error| {
            panic!(
                "{}: {error}; a control group takes root: run these tests as root",
                group.display()
            )
        });
        let into_it = "echo $$ >\"$0\"/cgroup.procs && exec \"$@\"";
        let outside = Command::new("sh")
            .args(["-c", into_it])
            .arg(&group)
            .args(["unshare", "--pid", "--fork", "--kill-child"])
            .args(more)
            .args(["sleep", "600"])
            .stdin(Stdio::null())
            // unshare(1) complains of a signal that it does not know.
            .stderr(Stdio::null())
            .spawn()
            .expect("sh runs");
        let contained = Self {
            id: id.to_owned(),
            group,
            outside,
        };
        let began = Instant::now();
        while contained.first().is_none() {
            assert!(began.elapsed() < PATIENCE, "it does not run");
            thread::sleep(Duration::from_millis(5));
        }
        contained
    }

    /// The process that is its first one.
    pub(crate) fn first(&self) -> Option<u32> {
        let all = fs::read_to_string(self.group.join("cgroup.procs")).ok()?;
        let mut all = all.lines().filter_map(|number| number.parse().ok());
        all.find(|number: &u32| {
            *number != self.outside.id()
                && fs::read_to_string(format!("/proc/{number}/comm")).is_ok_and(|name| name == "sleep\n")
        })
    }

    /// Kills it.
    pub(crate) fn kill(&self) {
        let number = self.first().expect("it runs").to_string();
        let killed = Command::new("kill").args(["-s", "KILL", &number]).status();
        assert!(killed.expect("kill runs").success());
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        let _ = self.outside.kill();
        let _ = self.outside.wait();
        let began = Instant::now();
        // Its last process is about to go.
        while fs::remove_dir(&self.group).is_err() && began.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn new_id() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{:056x}{count:08x}", std::process::id())
}
