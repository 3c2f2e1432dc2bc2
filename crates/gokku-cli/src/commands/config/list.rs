//! `gokku config list`: every variable with its value.

use std::collections::BTreeMap;

use clap::Args;
use gokku_server::app::{apps, env_store};

use crate::commands::Run;
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// Print every variable
#[derive(Debug, Args)]
pub(crate) struct ListArgs {}

impl Run for ListArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps("config list").finishes()
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, printer) = (context.server()?, context.printer);
        let dir = server.app_dir(&context.app()?);
        apps::load(&dir)?;
        let env = env_store::read(&dir)?;
        if printer.json {
            let all: BTreeMap<&str, &str> = env
                .iter()
                .map(|(key, value)| (key.as_str(), value.expose()))
                .collect();
            printer.facts(&all)?;
        } else {
            for (key, value) in env.iter() {
                printer.result(&format!("{key}={}", value.expose()));
            }
        }
        Ok(DONE)
    }
}
