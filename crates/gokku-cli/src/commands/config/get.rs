//! `gokku config get`: one variable's value.

use clap::Args;
use gokku_server::app::{apps, env_store};

use super::audit_name;
use crate::commands::Run;
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::spec::{Spec, words};

/// Print a variable's value
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The variable's name
    name: String,
}

impl Run for GetArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps(words("config get", [audit_name(&self.name)])).finishes()
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, printer) = (context.server()?, context.printer);
        let (app, name) = (context.app()?, &self.name);
        let dir = server.app_dir(&app);
        apps::load(&dir)?;
        let env = env_store::read(&dir)?;
        let value = env.get(name).ok_or_else(|| {
            Error::missing(format!("{app} has no {name}"))
                .hint(format!("`gokku config list -a {app}` shows what it has"))
        })?;
        if printer.json {
            printer.facts(&value.expose())?;
        } else {
            printer.result(value.expose());
        }
        Ok(DONE)
    }
}
