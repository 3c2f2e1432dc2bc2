//! `gokku remote list`: the git remotes that are apps on a server.

use clap::Args;
use gokku_remote::remotes;

use crate::commands::Run;
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// List the git remotes that are apps on a server
#[derive(Debug, Args)]
pub(crate) struct ListArgs {}

impl Run for ListArgs {
    fn spec(&self) -> Spec<'_> {
        super::spec()
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        context.printer.list(
            &remotes::list(&super::here()?)?,
            "There are none yet; `gokku remote add api-production user@host` adds one.",
            ["REMOTE", "APP", "SERVER"],
            |remote| [remote.name.clone(), remote.app.to_string(), remote.server.clone()],
        )?;
        Ok(DONE)
    }
}
