//! `gokku restart`: an app's containers are replaced by new ones of the same release.

use clap::Args;
use gokku_server::worker::request::Operation;

use super::{Run, transition};
use crate::context::Context;
use crate::error::Error;
use crate::spec::Spec;

/// Replace the running container with a new one of the same release
#[derive(Debug, Args)]
pub(crate) struct RestartArgs {}

impl Run for RestartArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps("restart")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        transition::run(context, &context.app()?, Operation::Restart)
    }
}
