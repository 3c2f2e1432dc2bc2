//! `gokku registry list`: the logins that are stored, without their passwords.

use clap::Args;
use gokku_server::app::registries;

use super::spec_of;
use crate::commands::Run;
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// List the logins, without their passwords
#[derive(Debug, Args)]
pub(crate) struct ListArgs {}

impl Run for ListArgs {
    fn spec(&self) -> Spec<'_> {
        spec_of("registry list")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        context.printer.list(
            &registries::list(&context.server()?.root)?,
            "There are no logins yet; `gokku registry login HOST --username USER` stores one.",
            ["HOST", "USER"],
            |one| [one.host.clone(), one.username.clone()],
        )?;
        Ok(DONE)
    }
}
