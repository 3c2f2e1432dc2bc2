//! `gokku build --print`: the Dockerfile that the current commit is built with.

use clap::Args;
use gokku_server::plan::languages;

use super::Run;
use crate::context::Context;
use crate::error::{DONE, Error, FAILED};
use crate::printer::Printer;
use crate::spec::Spec;

/// Show the Dockerfile that the current commit is built with: the project's own, or the one gokku writes for it
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Print it; a push builds it
    #[arg(long, required = true)]
    print: bool,
}

impl Run for BuildArgs {
    fn spec(&self) -> Spec<'_> {
        let Self { print: _ } = self;
        Spec::of_apps("build --print")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let app = context.app()?;
        let text = languages::dockerfile(context.server()?, &app)?;
        Ok(if Printer::bytes(&text) { DONE } else { FAILED })
    }
}
