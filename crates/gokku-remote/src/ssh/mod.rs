//! Runs commands on a server, over the system's `ssh`.
//!
//! - `destination`: whom to reach, as it is typed
//! - `command`: the one place where `ssh` is run: its messages are told from those of the command it ran
//! - `forward`: a command line that runs on a server as if it ran here; `signal_relay`: signals that are for it
//! - `follow_logs`: an app's output, followed across connections that are lost

mod command;
mod destination;
mod follow_logs;
mod forward;
mod signal_relay;

pub use command::{Error, Ssh, SshCall, quote};
pub use destination::{Destination, DestinationError, DestinationProblem};
pub use follow_logs::{LogUpdate, follow_logs};
pub use forward::{Exit, Forward, Needs};
