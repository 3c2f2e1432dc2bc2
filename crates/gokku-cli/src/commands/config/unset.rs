//! `gokku config unset`: variables are removed.

use clap::Args;
use gokku_core::config::env_file::{EnvKey, PairError};
use gokku_server::app::apps;
use gokku_server::command::config;

use super::{audit_name, change};
use crate::commands::Run;
use crate::context::Context;
use crate::error::Error;
use crate::printer::Look;
use crate::spec::{Spec, words};

/// Remove variables, and apply that to what runs
#[derive(Debug, Args)]
pub(crate) struct UnsetArgs {
    /// The variables' names
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Leave what runs as it is
    #[arg(long)]
    no_restart: bool,
}

impl Run for UnsetArgs {
    fn spec(&self) -> Spec<'_> {
        let names = self.names.iter().map(|name| audit_name(name));
        Spec::of_apps(words("config unset", names)).finishes()
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let server = context.server()?;
        let app = context.app()?;
        apps::load(&server.app_dir(&app))?;
        let keys: Result<Vec<EnvKey>, PairError> = self.names.iter().map(|name| name.parse()).collect();
        let changed = config::unset(server, &app, &keys?)?;
        let line = format!("{} of {app} removed", self.names.join(", "));
        context.printer.note(Look::Plain, &line);
        change::apply(context, &app, changed && !self.no_restart)
    }
}
