//! `gokku remote`: servers, and the git remotes that are apps on them; all from a developer's own machine.

mod add;
mod list;
mod remove;
mod setup;
mod teardown;

/// What setting a server up and taking it down have in common.
mod host;

use std::path::PathBuf;

use clap::Subcommand;
use gokku_core::access::scope::Reach;

use super::Run;
use crate::error::Error;
use crate::spec::Spec;

/// Set servers up from your own machine, and manage the git remotes that are apps on them
#[derive(Debug, Subcommand)]
pub(crate) enum Remote {
    Setup(setup::SetupArgs),
    Teardown(teardown::TeardownArgs),
    Add(add::AddArgs),
    List(list::ListArgs),
    Remove(remove::RemoveArgs),
}

impl Remote {
    /// Returns the command's own arguments.
    pub(crate) fn inner(&self) -> &dyn Run {
        match self {
            Self::Setup(args) => args,
            Self::Teardown(args) => args,
            Self::Add(args) => args,
            Self::List(args) => args,
            Self::Remove(args) => args,
        }
    }
}

/// Describes a command for a developer's own machine: a server has none of it, so no key gives it.
fn spec() -> Spec<'static> {
    Spec::of_this_machine("remote", Reach::Within)
}

/// Returns the folder that a command was typed in.
fn here() -> Result<PathBuf, Error> {
    std::env::current_dir().map_err(|error| Error::failed(error).about("this folder"))
}
