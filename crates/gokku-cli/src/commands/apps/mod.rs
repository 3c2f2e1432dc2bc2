//! `gokku apps`: apps are made, listed, removed.

mod create;
mod destroy;
mod list;

use clap::Subcommand;

use super::Run;

/// Create, list and remove apps
#[derive(Debug, Subcommand)]
pub(crate) enum Apps {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Destroy(destroy::DestroyArgs),
}

impl Apps {
    /// Returns the command's own arguments.
    pub(crate) fn inner(&self) -> &dyn Run {
        match self {
            Self::Create(args) => args,
            Self::List(args) => args,
            Self::Destroy(args) => args,
        }
    }
}
