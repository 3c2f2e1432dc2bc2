//! `gokku ps list`: an app's processes, and how many run of each.

use clap::Args;
use gokku_server::command::ps::{self, ProcessFacts};

use crate::commands::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::plain_table;
use crate::spec::Spec;

/// List the app's processes
#[derive(Debug, Args)]
pub(crate) struct ListArgs {}

impl Run for ListArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps("ps list")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, printer) = (context.server()?, context.printer);
        let app = context.app()?;
        let all = wait(async { Ok(ps::list(server, &app).await?) })?;
        if printer.json {
            printer.facts(&all)?;
        } else {
            printer.result(&table(&all));
        }
        Ok(DONE)
    }
}

fn table(all: &[ProcessFacts]) -> String {
    let mut table = plain_table();
    table.set_header(["PROCESS", "COUNT", "RUNNING", "COMMAND"]);
    for one in all {
        table.add_row([
            one.process.clone(),
            one.count.to_string(),
            match one.unhealthy {
                0 => one.running.to_string(),
                unhealthy => format!("{}, {unhealthy} unhealthy", one.running),
            },
            one.command
                .clone()
                .unwrap_or_else(|| "(the image's own)".to_owned()),
        ]);
    }
    table.to_string()
}
