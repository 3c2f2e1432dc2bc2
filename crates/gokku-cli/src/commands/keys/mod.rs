//! `gokku keys`: whom the server lets in, and to what.

mod add;
mod list;
mod remove;

use clap::Subcommand;
use gokku_core::access::scope::Reach;

use super::Run;
use crate::spec::{AppFrom, Spec};

/// The keys that let others in
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    Add(add::AddArgs),
    List(list::ListArgs),
    Remove(remove::RemoveArgs),
}

impl Keys {
    /// Returns the command's own arguments.
    pub(crate) fn inner(&self) -> &dyn Run {
        match self {
            Self::Add(args) => args,
            Self::List(args) => args,
            Self::Remove(args) => args,
        }
    }
}

/// Describes a command about keys: no key gives it, and `-a` names the apps that a key is for.
fn spec_of(audit: &str) -> Spec<'static> {
    Spec::of_server(audit, Reach::Within)
        .with_app(AppFrom::KeyLimit)
        .finishes()
}
