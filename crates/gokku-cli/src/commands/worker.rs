//! The worker: does what another command has handed over, in a session of its own.

use std::io::Read;

use gokku_core::text::read_limits::RECORD;
use gokku_server::Server;
use gokku_server::os::detached;
use gokku_server::worker::request::Request;
use gokku_server::worker::run;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::wait;
use crate::error::Error;

pub(super) fn run(server: &Server) -> Result<u8, Error> {
    detached::detach();
    let request: Request =
        serde_json::from_reader(std::io::stdin().lock().take(RECORD.bytes)).map_err(|error| {
            Error::usage(format!(
                "a worker is started by other commands, with a request: {error}"
            ))
        })?;
    wait(async {
        let mut asked = signal(SignalKind::terminate()).map_err(|error| Error::failed(error.to_string()))?;
        let (sender, abort) = watch::channel(false);
        tokio::spawn(async move {
            asked.recv().await;
            let _ = sender.send(true);
            // Kept, so that whoever listens does not hear of its end.
            sender.closed().await;
        });
        Ok(Box::pin(run::run(server, &request, abort)).await?)
    })?;
    Ok(0)
}
