//! `gokku run`: a program in a container of its own.

use clap::Args;
use gokku_core::access::ssh_command::Word;
use gokku_server::command::exec;

use super::{Run, wait};
use crate::context::Context;
use crate::error::Error;
use crate::spec::{Io, Spec, words};
use crate::terminal;

/// Run a command in a container of its own, with the app's image and environment
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The command
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Describes a command that runs a program: the record has the program's name, and none of its arguments.
pub(super) fn spec_of(command: &str, program: &[String]) -> Spec<'static> {
    let name = program.first().map(|word| Word::new(word));
    Spec::of_apps(words(command, name)).with_io(Io::Program)
}

impl Run for RunArgs {
    fn spec(&self) -> Spec<'_> {
        spec_of("run", &self.command)
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let server = context.server()?;
        let app = context.app()?;
        let tty = terminal::is_one();
        wait(async {
            let (once, session) = exec::run(server, &app, &self.command, tty).await?;
            let code = tokio::select! {
                code = terminal::pass_through(session, tty) => code,
                // The container goes with whoever asked for it.
                code = terminal::told_to_end() => Ok(code),
            };
            once.remove().await.map_err(gokku_server::Error::from)?;
            code
        })
    }
}
