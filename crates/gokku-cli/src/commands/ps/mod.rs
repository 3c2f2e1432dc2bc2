//! `gokku ps`: an app's processes.

mod list;
mod restart;
mod scale;
mod stop;

use clap::Subcommand;

use super::Run;

/// The app's processes, and how many there are of each
#[derive(Debug, Subcommand)]
pub(crate) enum Ps {
    List(list::ListArgs),
    Scale(scale::ScaleArgs),
    Restart(restart::RestartArgs),
    Stop(stop::StopArgs),
}

impl Ps {
    /// Returns the command's own arguments.
    pub(crate) fn inner(&self) -> &dyn Run {
        match self {
            Self::List(args) => args,
            Self::Scale(args) => args,
            Self::Restart(args) => args,
            Self::Stop(args) => args,
        }
    }
}
