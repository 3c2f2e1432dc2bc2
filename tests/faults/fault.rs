//! What happens at the moment: which processes are killed.

use std::fmt;
use std::process::Command;

use gokku_tests::{Output, PATIENCE, Running, Server, wait_until};

/// Which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The one that does the transition.
    Worker,
    /// The traffic switch; it is started again at once, as a service manager does.
    Switch,
    /// Both, likewise.
    Both,
}

impl Fault {
    pub(crate) const ALL: [Self; 3] = [Self::Worker, Self::Switch, Self::Both];

    /// Whether clients may not notice: without a switch there is nobody to answer them.
    pub(crate) fn is_unseen(self) -> bool {
        self == Self::Worker
    }

    /// Does it. False when the worker was gone already; and the traffic switch that was started, which ends with its
    /// handle.
    pub(crate) fn strike(self, server: &Server, worker: u64) -> (bool, Option<Running>) {
        let in_time = self == Self::Switch || kill(worker);
        if self == Self::Worker {
            return (in_time, None);
        }
        if let Some(daemon) = server.daemon() {
            kill(daemon.into());
            wait_until("the traffic switch's death", PATIENCE, || {
                (server.daemon() != Some(daemon)).then_some(())
            });
        }
        (in_time, Some(server.start_gokku(["proxy", "run"])))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Worker => "worker",
            Self::Switch => "switch",
            Self::Both => "both",
        })
    }
}

fn kill(process: u64) -> bool {
    Output::of(Command::new("kill").args(["-s", "KILL", &process.to_string()])).code == Some(0)
}
