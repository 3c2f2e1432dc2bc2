//! Makes sure that the daemon runs and sees what it must, before anything relies on it.

use std::time::Duration;

use gokku_core::machine::backoff::Backoff;
use tokio::time::{Instant, sleep};

use crate::engine::Error;
use crate::engine::traffic_switch::TrafficSwitch;
use crate::os::detached;
use crate::server::Server;

/// How long the daemon may take to answer after its start.
const START_LIMIT: Duration = Duration::from_secs(15);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Makes sure that the daemon runs: starts it in the background where no service manager did.
pub(crate) async fn running(server: &Server) -> Result<(), Error> {
    let switch = &server.switch;
    if switch.status().await.is_ok() {
        return Ok(());
    }
    let words = server.root.daemon_log();
    let mut child = detached::spawn(
        &server.program,
        &["proxy", "keep"],
        server.root.path(),
        b"",
        Some(&words),
    )?;
    let began = Instant::now();
    let mut pause = Backoff::up_to(LONGEST_PAUSE);
    loop {
        if switch.status().await.is_ok() {
            return Ok(());
        }
        let ended = child
            .try_wait()
            .ok()
            .flatten()
            .is_some_and(|status| !status.success());
        // It may have ended because another one was faster: then that one answers soon.
        if began.elapsed() > START_LIMIT || ended && began.elapsed() > START_LIMIT / 5 {
            let text = std::fs::read_to_string(&words).unwrap_or_default();
            let mut last: Vec<String> = text.lines().rev().take(3).map(str::to_owned).collect();
            last.reverse();
            return Err(Error::NotStarted { last, log: words });
        }
        sleep(pause.take()).await;
    }
}

/// Waits until the daemon follows which containers run. One that is started before may get the address of one that has
/// gone, and then its traffic.
pub(crate) async fn watching(switch: &dyn TrafficSwitch) -> Result<(), Error> {
    let began = Instant::now();
    let mut pause = Backoff::up_to(LONGEST_PAUSE);
    loop {
        let status = switch.status().await;
        if status.as_ref().is_ok_and(|status| status.watched) {
            return Ok(());
        }
        if began.elapsed() > START_LIMIT {
            status?;
            return Err(Error::Unwatched);
        }
        sleep(pause.take()).await;
    }
}
