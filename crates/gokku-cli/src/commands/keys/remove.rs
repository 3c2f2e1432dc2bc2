//! `gokku keys remove`: a key is let in no more.

use clap::Args;
use gokku_core::KeyName;
use gokku_server::command::keys;

use super::spec_of;
use crate::commands::Run;
use crate::context::Context;
use crate::environment;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// Stop letting a key in
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The key's name
    name: String,
}

impl Run for RemoveArgs {
    fn spec(&self) -> Spec<'_> {
        spec_of("keys remove")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let server = context.server()?;
        let home = environment::home()?;
        let name: KeyName = self.name.parse()?;
        keys::remove(server, &home, &name)?;
        context.printer.result(&format!("{name} is no longer let in"));
        Ok(DONE)
    }
}
