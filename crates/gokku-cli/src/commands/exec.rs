//! `gokku exec`: a program in the running container.

use clap::Args;
use gokku_server::command::exec;

use super::{Run, run, wait};
use crate::context::Context;
use crate::error::Error;
use crate::spec::Spec;
use crate::terminal;

/// Run a command in the running container
#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// The command
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl Run for ExecArgs {
    fn spec(&self) -> Spec<'_> {
        run::spec_of("exec", &self.command)
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let server = context.server()?;
        let app = context.app()?;
        let tty = terminal::is_one();
        wait(async {
            let session = exec::exec(server, &app, &self.command, tty).await?;
            let handle = session.handle();
            tokio::select! {
                code = terminal::pass_through(session, tty) => code,
                code = terminal::told_to_end() => {
                    // The engine lets a program go on when nobody listens any more.
                    handle.end().await.map_err(gokku_server::Error::from)?;
                    Ok(code)
                }
            }
        })
    }
}
