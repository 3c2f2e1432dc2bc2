//! `gokku maintenance`: an app's clients get a page in place of the app.

mod off;
mod on;

use clap::Subcommand;

use super::Run;

/// Have an app's clients get a page for a while, and nobody the app who has not the way past it
#[derive(Debug, Subcommand)]
pub(crate) enum Maintenance {
    On(on::OnArgs),
    Off(off::OffArgs),
}

impl Maintenance {
    /// Returns the command's own arguments.
    pub(crate) fn inner(&self) -> &dyn Run {
        match self {
            Self::On(args) => args,
            Self::Off(args) => args,
        }
    }
}
