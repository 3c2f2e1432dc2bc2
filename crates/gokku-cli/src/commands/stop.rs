//! `gokku stop`: an app is stopped.

use clap::Args;
use gokku_server::worker::request::Operation;

use super::{Run, transition};
use crate::context::Context;
use crate::error::Error;
use crate::spec::Spec;

/// Stop the app; its requests are refused until it is started
#[derive(Debug, Args)]
pub(crate) struct StopArgs {}

impl Run for StopArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps("stop")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        transition::run(context, &context.app()?, Operation::Stop)
    }
}
