//! `gokku ps stop`: no container of a process is left.

use clap::Args;
use gokku_core::ProcessType;
use gokku_core::config::processes::Scale;

use super::scale::scale;
use crate::commands::Run;
use crate::context::Context;
use crate::error::Error;
use crate::spec::{Spec, words};

/// Stop a process, like `gokku ps scale PROCESS=0`: it stays stopped until it is scaled again
#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    /// The process
    process: String,
}

impl Run for StopArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps(words("ps stop", self.process.parse::<ProcessType>().ok()))
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let app = context.app()?;
        scale(context, &app, Scale::from([(self.process.parse()?, 0)]))
    }
}
