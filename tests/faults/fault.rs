//! What happens at the moment: which processes are killed, whether the Docker Engine is restarted, how the disk fails.

use std::cell::RefCell;
use std::fmt;
use std::process::Command;

use gokku_tests::{Disk, Engine, Filler, Output, PATIENCE, Running, Server, wait_until};

/// Which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The one that does the transition is killed.
    Worker,
    /// The traffic switch is; it is started again at once, as a service manager does.
    Switch,
    /// Both are, likewise.
    Both,
    /// The Docker Engine is stopped, and its containers with it, and started again.
    Engine,
    /// Nothing more can be written until the operation has ended: ENOSPC.
    Full,
    /// One page more can be: the second write fails.
    AlmostFull,
    /// Whatever must be on the disk cannot be brought there by the one that does the transition: EIO.
    Broken,
}

/// What a server needs for a fault, other than the machine's engine and disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Machine,
    /// An engine that nobody else uses.
    OwnEngine,
    /// A disk that can be filled.
    SmallDisk,
}

/// What has been done, and goes on.
pub(crate) struct Struck {
    /// False when the worker was gone already.
    pub(crate) in_time: bool,
    /// The traffic switch that was started, which ends with its handle.
    pub(crate) switch: Option<Running>,
    /// What is wrong until this is dropped.
    pub(crate) ailment: Option<Ailment>,
}

/// What is wrong for as long as the operation takes.
pub(crate) enum Ailment {
    Full {
        #[expect(dead_code, reason = "it fills the disk as long as it is there")]
        filler: Filler,
    },
    Broken {
        /// It fails the system calls.
        strace: Running,
    },
}

impl Drop for Ailment {
    fn drop(&mut self) {
        if let Self::Broken { strace } = self {
            // It leaves whom it follows before it ends; with SIGKILL it would take them along.
            strace.signal("INT");
            wait_until("strace's end", PATIENCE, || strace.has_ended().then_some(()));
        }
    }
}

impl Fault {
    pub(crate) const ALL: [Self; 7] = [
        Self::Worker,
        Self::Switch,
        Self::Both,
        Self::Engine,
        Self::Full,
        Self::AlmostFull,
        Self::Broken,
    ];

    /// Where it can be done.
    pub(crate) fn place(self) -> Place {
        match self {
            Self::Worker | Self::Switch | Self::Both | Self::Broken => Place::Machine,
            Self::Engine => Place::OwnEngine,
            Self::Full | Self::AlmostFull => Place::SmallDisk,
        }
    }

    /// Whether clients may not notice: without a switch or an engine there is nobody to answer them.
    pub(crate) fn is_unseen(self) -> bool {
        !matches!(self, Self::Switch | Self::Both | Self::Engine)
    }

    /// Whether it is tried at one moment of a step only: where a second one would tell nothing, or a restart takes long.
    pub(crate) fn is_once_a_step(self) -> bool {
        !matches!(self, Self::Worker | Self::Switch | Self::Both)
    }

    /// Does it.
    pub(crate) fn strike(
        self,
        server: &Server,
        engine: Option<&RefCell<Engine>>,
        disk: Option<&Disk>,
        worker: u64,
    ) -> Struck {
        let mut struck = Struck {
            in_time: true,
            switch: None,
            ailment: None,
        };
        match self {
            Self::Worker => struck.in_time = kill(worker),
            Self::Switch => struck.switch = Some(restart_switch(server)),
            Self::Both => {
                struck.in_time = kill(worker);
                struck.switch = Some(restart_switch(server));
            }
            Self::Engine => {
                let mut engine = engine.expect("an engine of its own").borrow_mut();
                engine.stop();
                engine.start();
            }
            Self::Full | Self::AlmostFull => {
                // It must not get on meanwhile.
                struck.in_time = signal("STOP", worker);
                let pages = u64::from(self == Self::AlmostFull);
                let filler = disk.expect("a disk of its own").fill(pages);
                struck.ailment = Some(Ailment::Full { filler });
                signal("CONT", worker);
            }
            Self::Broken => {
                signal("STOP", worker);
                match break_disk(worker) {
                    Some(strace) => struck.ailment = Some(Ailment::Broken { strace }),
                    None => struck.in_time = false,
                }
                signal("CONT", worker);
            }
        }
        struck
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Worker => "worker",
            Self::Switch => "switch",
            Self::Both => "both",
            Self::Engine => "engine",
            Self::Full => "disk full",
            Self::AlmostFull => "disk almost full",
            Self::Broken => "disk broken",
        })
    }
}

/// Sends a signal; false when the process was gone already.
fn signal(name: &str, process: u64) -> bool {
    Output::of(Command::new("kill").args(["-s", name, &process.to_string()])).code == Some(0)
}

fn kill(process: u64) -> bool {
    signal("KILL", process)
}

fn restart_switch(server: &Server) -> Running {
    if let Some(daemon) = server.daemon() {
        kill(daemon.into());
        wait_until("the traffic switch's death", PATIENCE, || {
            (server.daemon() != Some(daemon)).then_some(())
        });
    }
    server.start_gokku(["proxy", "run"])
}

/// Has every fsync and syncfs of a process fail; none when it was gone already.
fn break_disk(process: u64) -> Option<Running> {
    let mut strace = Command::new("strace");
    strace.args([
        "-f",
        "-e",
        "trace=fsync,syncfs",
        "-e",
        "inject=fsync,syncfs:error=EIO",
        "-p",
    ]);
    let mut strace = Running::start(strace.arg(process.to_string()));
    wait_until("strace", PATIENCE, || {
        if strace.stderr().contains("attached") {
            return Some(true);
        }
        strace.has_ended().then_some(false)
    })
    .then_some(strace)
}
