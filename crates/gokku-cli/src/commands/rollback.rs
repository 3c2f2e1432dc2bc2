//! `gokku rollback`: an earlier release takes the active one's place.

use clap::Args;
use gokku_core::ReleaseId;
use gokku_server::worker::request::Operation;

use super::{Run, transition};
use crate::context::Context;
use crate::error::Error;
use crate::spec::{Spec, words};

/// Go back to the previous good release, or to the one named
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The release, as `gokku releases` lists it
    release: Option<String>,
}

impl RollbackArgs {
    fn release(&self) -> Result<Option<ReleaseId>, Error> {
        Ok(self.release.as_deref().map(str::parse).transpose()?)
    }
}

impl Run for RollbackArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps(words("rollback", self.release().ok().flatten()))
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        context.server()?;
        let release = self.release()?;
        transition::run(context, &context.app()?, Operation::Rollback { release })
    }
}
