//! `gokku registry logout`: a login is removed.

use clap::Args;
use gokku_server::app::registries;

use super::spec_of;
use crate::commands::Run;
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// Remove a login
#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {
    /// The registry
    host: String,
}

impl Run for LogoutArgs {
    fn spec(&self) -> Spec<'_> {
        spec_of("registry logout")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let server = context.server()?;
        let registry = registries::host(&self.host)?;
        registries::logout(server, &registry)?;
        let line = format!("images of {registry} are pulled without a login");
        context.printer.result(&line);
        Ok(DONE)
    }
}
