//! `gokku completion`: a shell's completion script.

use clap::Args;
use clap_complete::Shell;
use gokku_core::access::scope::Reach;

use super::Run;
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// Print a shell's completion script
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell
    shell: Shell,
}

impl Run for CompletionArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_this_machine("completion", Reach::Nothing)
    }

    fn run(&self, _: &Context) -> Result<u8, Error> {
        clap_complete::generate(self.shell, &mut crate::command(), "gokku", &mut std::io::stdout());
        Ok(DONE)
    }
}
