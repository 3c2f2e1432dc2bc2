//! `gokku registry`: the logins that images are pulled with.

mod list;
mod login;
mod logout;

use clap::Subcommand;
use gokku_core::access::scope::Reach;

use super::Run;
use crate::spec::Spec;

/// The logins for registries that images are pulled from
#[derive(Debug, Subcommand)]
pub(crate) enum Registry {
    Login(login::LoginArgs),
    Logout(logout::LogoutArgs),
    List(list::ListArgs),
}

impl Registry {
    /// Returns the command's own arguments.
    pub(crate) fn inner(&self) -> &dyn Run {
        match self {
            Self::Login(args) => args,
            Self::Logout(args) => args,
            Self::List(args) => args,
        }
    }
}

/// Describes a command about logins: no key gives it.
fn spec_of(audit: &str) -> Spec<'static> {
    Spec::of_server(audit, Reach::Within)
}
