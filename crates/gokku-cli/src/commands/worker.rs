//! `gokku worker`: does what another command has handed over, in a session of its own.

use std::io::Read;

use clap::Args;
use gokku_core::text::read_limits::RECORD;
use gokku_server::os::detached;
use gokku_server::worker::request::Request;
use gokku_server::worker::run;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// Does what another command has handed over
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {}

impl Run for WorkerArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::internal("worker")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let server = context.server()?;
        detached::detach();
        let request: Request =
            serde_json::from_reader(std::io::stdin().lock().take(RECORD.bytes)).map_err(|error| {
                Error::usage(error).about("a worker is started by other commands, with a request")
            })?;
        wait(async {
            let mut asked = signal(SignalKind::terminate()).map_err(Error::failed)?;
            let (sender, abort) = watch::channel(false);
            tokio::spawn(async move {
                asked.recv().await;
                let _ = sender.send(true);
                // Kept, so that whoever listens does not hear of its end.
                sender.closed().await;
            });
            Ok(run::run(server, &request, abort).await?)
        })?;
        Ok(DONE)
    }
}
