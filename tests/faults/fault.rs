//! What happens at the moment: which processes are killed, whether the Docker Engine is restarted or hangs, how the disk fails.

use std::cell::RefCell;
use std::fmt;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gokku_tests::{Disk, Engine, Filler, Hanging, Output, PATIENCE, Running, Server, wait_until};

/// How long an engine hangs at most: longer than a question to it is waited for.
const HANGS_FOR: Duration = Duration::from_secs(12);

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
    /// The Docker Engine takes connections and answers nothing, until the operation has ended or for so long.
    Hangs,
    /// The same for one kind of call, from before the operation on.
    HangsOn(Call),
}

/// What an engine is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Create,
    Start,
    Stop,
    Remove,
    Rename,
    Build,
    Inspect,
    List,
    Events,
}

impl Call {
    const ALL: [Self; 9] = [
        Self::Create,
        Self::Start,
        Self::Stop,
        Self::Remove,
        Self::Rename,
        Self::Build,
        Self::Inspect,
        Self::List,
        Self::Events,
    ];

    /// Its name in the table; for what only one step asks, that step's.
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Remove => "remove",
            Self::Rename => "rename",
            Self::Build => "build",
            Self::Inspect => "inspect",
            Self::List => "list",
            Self::Events => "events",
        }
    }

    fn pattern(self) -> &'static str {
        match self {
            Self::Create => "POST /containers/create",
            Self::Start => "POST /containers/*/start",
            Self::Stop => "POST /containers/*/stop",
            Self::Remove => "DELETE /containers/*",
            Self::Rename => "POST /containers/*/rename",
            Self::Build => "POST /build",
            Self::Inspect => "GET /containers/*/json",
            Self::List => "GET /containers/json",
            Self::Events => "GET /events",
        }
    }

    /// Whether an operation of these steps asks it.
    fn is_asked_in(self, steps: &[String]) -> bool {
        matches!(self, Self::Inspect | Self::List | Self::Events)
            || steps.iter().any(|step| step == self.name())
    }
}

/// What a server needs for a fault, other than the machine's engine and disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Machine,
    /// An engine that nobody else uses.
    OwnEngine,
    /// A disk that can be filled.
    SmallDisk,
    /// An engine that can hang.
    Hanging,
}

/// What a server has of these.
#[derive(Clone, Copy, Default)]
pub(crate) struct Own<'a> {
    pub(crate) engine: Option<&'a RefCell<Engine>>,
    pub(crate) hanging: Option<&'a Arc<Hanging>>,
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
    Hangs {
        /// Its end is the silence's.
        over: Option<Sender<()>>,
        timer: Option<JoinHandle<()>>,
    },
}

impl Ailment {
    /// Until it is dropped, or for so long.
    fn hangs(hanging: &Arc<Hanging>, pattern: &str) -> Self {
        hanging.hang(pattern);
        let (over, is_over) = mpsc::channel();
        let hanging = Arc::clone(hanging);
        let timer = thread::spawn(move || {
            let _ = is_over.recv_timeout(HANGS_FOR);
            hanging.go_on();
        });
        Self::Hangs {
            over: Some(over),
            timer: Some(timer),
        }
    }
}

impl Drop for Ailment {
    fn drop(&mut self) {
        match self {
            Self::Full { .. } => {}
            Self::Broken { strace } => {
                // It leaves whom it follows before it ends; with SIGKILL it would take them along.
                strace.signal("INT");
                wait_until("strace's end", PATIENCE, || strace.has_ended().then_some(()));
            }
            Self::Hangs { over, timer } => {
                drop(over.take());
                if let Some(timer) = timer.take() {
                    let _ = timer.join();
                }
            }
        }
    }
}

impl Fault {
    /// Those that befall a step.
    pub(crate) const OF_STEPS: [Self; 8] = [
        Self::Worker,
        Self::Switch,
        Self::Both,
        Self::Engine,
        Self::Full,
        Self::AlmostFull,
        Self::Broken,
        Self::Hangs,
    ];

    /// Those that are there when an operation of these steps begins.
    pub(crate) fn of_operation(steps: &[String]) -> impl Iterator<Item = Self> {
        let asked = |call: &Call| call.is_asked_in(steps);
        Call::ALL.into_iter().filter(asked).map(Self::HangsOn)
    }

    /// Whether the engine hangs.
    pub(crate) fn is_silence(self) -> bool {
        matches!(self, Self::Hangs | Self::HangsOn(_))
    }

    /// Where it can be done.
    pub(crate) fn place(self) -> Place {
        match self {
            Self::Worker | Self::Switch | Self::Both | Self::Broken => Place::Machine,
            Self::Engine => Place::OwnEngine,
            Self::Full | Self::AlmostFull => Place::SmallDisk,
            Self::Hangs | Self::HangsOn(_) => Place::Hanging,
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
    pub(crate) fn strike(self, server: &Server, own: Own<'_>, disk: Option<&Disk>, worker: u64) -> Struck {
        let hangs = |pattern| Ailment::hangs(own.hanging.expect("an engine that can hang"), pattern);
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
                let mut engine = own.engine.expect("an engine of its own").borrow_mut();
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
            Self::Hangs => struck.ailment = Some(hangs("*")),
            Self::HangsOn(call) => struck.ailment = Some(hangs(call.pattern())),
        }
        struck
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HangsOn(call) => return write!(f, "engine hangs on {}", call.name()),
            Self::Hangs => "engine hangs",
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
    if server.daemon().is_some() {
        server.kill_daemon();
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
