//! `gokku apps list`: the apps that whoever asks may see.

use clap::Args;
use gokku_server::app::apps;

use crate::commands::Run;
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::Look;
use crate::spec::Spec;

/// List the apps
#[derive(Debug, Args)]
pub(crate) struct ListArgs {}

impl Run for ListArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps("apps list").finishes()
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, printer) = (context.server()?, context.printer);
        for (name, error) in apps::unreadable(&server.root)? {
            if server.access.allows(&name) {
                printer.note(
                    Look::Bad,
                    &format!("{name} cannot be read, and is left out: {error}"),
                );
            }
        }
        printer.list(
            &apps::visible(server)?,
            "There are no apps yet; `gokku apps create NAME` makes one.",
            ["APP", "ENVIRONMENT", "BRANCH", "CREATED"],
            |app| {
                let branch = app
                    .branch
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), ToString::to_string);
                [
                    app.name.to_string(),
                    app.environment.to_string(),
                    branch,
                    app.created.clone(),
                ]
            },
        )?;
        Ok(DONE)
    }
}
