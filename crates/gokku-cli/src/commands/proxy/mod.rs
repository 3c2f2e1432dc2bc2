//! `gokku proxy`: the traffic switch.

mod keep;
mod restart;
mod run;
mod status;

use clap::Subcommand;

use super::Run;

/// The traffic switch
#[derive(Debug, Subcommand)]
pub(crate) enum Proxy {
    #[command(hide = true)]
    Keep(keep::KeepArgs),
    Run(run::RunArgs),
    Restart(restart::RestartArgs),
    Status(status::StatusArgs),
}

impl Proxy {
    /// Returns the command's own arguments.
    pub(crate) fn inner(&self) -> &dyn Run {
        match self {
            Self::Keep(args) => args,
            Self::Run(args) => args,
            Self::Restart(args) => args,
            Self::Status(args) => args,
        }
    }
}
