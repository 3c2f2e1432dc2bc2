//! `gokku domains remove`: domains no longer lead to an app.

use clap::Args;
use gokku_server::command::domains;

use super::{spec_of, tell};
use crate::commands::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// Have domains lead to an app no longer
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The domains
    #[arg(required = true, value_name = "DOMAIN")]
    domains: Vec<String>,
    /// The path with which they were added
    #[arg(long, value_name = "/PATH")]
    path: Option<String>,
}

impl Run for RemoveArgs {
    fn spec(&self) -> Spec<'_> {
        spec_of("domains remove", &self.domains)
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, app) = (context.server()?, context.app()?);
        let removed = super::domains(&self.domains, self.path.as_deref())?;
        let changed = wait(async { Ok(domains::remove(server, &app, &removed).await?) })?;
        let names: Vec<String> = removed.iter().map(ToString::to_string).collect();
        tell(
            context,
            &app,
            &format!("{} removed from {app}", names.join(", ")),
            &changed,
        );
        Ok(DONE)
    }
}
