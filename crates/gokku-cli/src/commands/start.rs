//! `gokku start`: an app that was stopped is started.

use clap::Args;
use gokku_server::app::apps;
use gokku_server::command::status;
use gokku_server::worker::request::Operation;

use super::{Run, transition, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::Look;
use crate::spec::Spec;

/// Start the app that was stopped
#[derive(Debug, Args)]
pub(crate) struct StartArgs {}

impl Run for StartArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps("start")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let server = context.server()?;
        let app = &context.app()?;
        apps::load(&server.app_dir(app))?;
        if wait(async { Ok(status::answers(server, app).await?) })? {
            context.printer.note(
                Look::Plain,
                &format!("{app} runs already; `gokku restart -a {app}` gives it a new container"),
            );
            return Ok(DONE);
        }
        transition::run(context, app, Operation::Start)
    }
}
