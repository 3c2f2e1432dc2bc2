//! `gokku hook pre-receive`: a push is judged, before git takes its objects.

use clap::Args;
use gokku_core::AppName;
use gokku_server::Server;
use gokku_server::app::intake;
use gokku_server::worker::push::judge_push;

use super::{begin, record};
use crate::commands::Run;
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// Before git takes a push's objects
#[derive(Debug, Args)]
pub(crate) struct PreReceiveArgs {}

impl Run for PreReceiveArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::internal("hook")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, app) = begin(context)?;
        // What becomes of a good one is known in the end.
        judge(server, &app).inspect_err(|error| record(server, &app, error.exit_code()))?;
        Ok(DONE)
    }
}

fn judge(server: &Server, app: &AppName) -> Result<(), Error> {
    let updates = intake::told(server, std::io::stdin().lock())?;
    Ok(judge_push(server, app, &updates)?)
}
