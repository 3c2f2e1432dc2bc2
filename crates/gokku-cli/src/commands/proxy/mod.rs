//! `gokku proxy`: the traffic switch.

mod restart;
mod run;
mod status;

use clap::Subcommand;

use super::Run;

/// The traffic switch
#[derive(Debug, Subcommand)]
pub(crate) enum Proxy {
    Run(run::RunArgs),
    Restart(restart::RestartArgs),
    Status(status::StatusArgs),
}

impl Proxy {
    /// Returns the command's own arguments.
    pub(crate) fn inner(&self) -> &dyn Run {
        match self {
            Self::Run(args) => args,
            Self::Restart(args) => args,
            Self::Status(args) => args,
        }
    }
}
