//! `gokku config import`: the variables of an env file on standard input.

use clap::Args;
use gokku_core::config::env_file::EnvFile;
use gokku_server::app::{apps, server_config};

use super::{change, stdin};
use crate::commands::Run;
use crate::context::Context;
use crate::error::Error;
use crate::spec::{Io, Spec};

/// Set the variables of an env file, read from standard input, and apply them to what runs; others stay
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Leave what runs as it is
    #[arg(long)]
    no_restart: bool,
}

impl Run for ImportArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps("config import").with_io(Io::Input).finishes()
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let root = &context.server()?.root;
        let app = context.app()?;
        apps::load(&root.app_dir(&app))?;
        let limit = server_config::read(root)?.env.limit();
        let env = EnvFile::parse(&stdin::read("the env file", limit)?).map_err(|error| {
            let place = format!("standard input:{}:{}", error.line, error.column);
            Error::usage(error.what).about(place).hint("Nothing was set")
        })?;
        let pairs: Vec<_> = env
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        change::set(context, &app, &pairs, !self.no_restart)
    }
}
