//! `gokku maintenance off`: an app's clients get the app again.

use clap::Args;
use gokku_server::command::maintenance;

use crate::commands::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// End the app's maintenance; the page stays for the next time
#[derive(Debug, Args)]
pub(crate) struct OffArgs {}

impl Run for OffArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps("maintenance off").finishes()
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, app) = (context.server()?, context.app()?);
        let was_on = wait(async { Ok(maintenance::off(server, &app).await?) })?;
        context.printer.result(&if was_on {
            format!("The maintenance of {app} is over: its clients get the app again")
        } else {
            format!("{app} is not in maintenance")
        });
        Ok(DONE)
    }
}
