//! `gokku remote remove`: a git remote is removed, its app stays.

use clap::Args;
use gokku_remote::remotes;

use crate::commands::Run;
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::Look;
use crate::spec::Spec;

/// Remove a git remote; the app stays on its server
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The remote's name
    name: String,
}

impl Run for RemoveArgs {
    fn spec(&self) -> Spec<'_> {
        super::spec()
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let name = &self.name;
        let address = remotes::remove(&super::here()?, name)?;
        let server = &address.destination;
        let words = format!(
            "{name} is removed here. {address} stays as it is; `gokku apps destroy {} --remote {server}` removes it",
            address.app
        );
        context.printer.note(Look::Plain, &words);
        Ok(DONE)
    }
}
