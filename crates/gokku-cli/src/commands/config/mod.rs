//! `gokku config`: an app's environment variables, and the check of a `gokku.yml`.

mod change;
mod check;
mod get;
mod import;
mod list;
mod set;
mod stdin;
mod unset;

use clap::Subcommand;
use gokku_core::config::env_file::EnvKey;

use super::Run;

/// The app's environment variables
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    Set(set::SetArgs),
    Import(import::ImportArgs),
    Get(get::GetArgs),
    List(list::ListArgs),
    Check(check::CheckArgs),
    Unset(unset::UnsetArgs),
}

impl Config {
    /// Returns the command's own arguments.
    pub(crate) fn inner(&self) -> &dyn Run {
        match self {
            Self::Set(args) => args,
            Self::Import(args) => args,
            Self::Get(args) => args,
            Self::List(args) => args,
            Self::Check(args) => args,
            Self::Unset(args) => args,
        }
    }
}

/// Returns a variable's name for the record, where it is one for everybody; what is none may be a value that was typed in
/// its place.
fn audit_name(name: &str) -> String {
    let key = name.parse::<EnvKey>().ok().filter(EnvKey::is_plain);
    key.map_or_else(|| "?".to_owned(), |key| key.to_string())
}
