//! `gokku certs`: certificates of one's own, for the domains of a server.

mod add;
mod export;
mod list;
mod remove;

use clap::Subcommand;
use gokku_core::access::scope::Reach;

use super::Run;
use crate::spec::{Spec, words};

/// Certificates of one's own, for the domains of the server
#[derive(Debug, Subcommand)]
pub(crate) enum Certs {
    Add(add::AddArgs),
    List(list::ListArgs),
    Remove(remove::RemoveArgs),
    Export(export::ExportArgs),
}

impl Certs {
    /// Returns the command's own arguments.
    pub(crate) fn inner(&self) -> &dyn Run {
        match self {
            Self::Add(args) => args,
            Self::List(args) => args,
            Self::Remove(args) => args,
            Self::Export(args) => args,
        }
    }
}

/// Describes a command about certificates: no key gives it.
fn spec_of<'a>(audit: &str, names: &[String]) -> Spec<'a> {
    Spec::of_server(words(audit, names), Reach::Within)
}
