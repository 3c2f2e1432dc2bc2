//! `gokku proxy`: the traffic switch.

use std::sync::Mutex;

use gokku_server::Server;
use gokku_server::daemon::run;
use gokku_server::daemon::upgrade::{self, Progress};
use gokku_server::os::daemon_log::DaemonLog;
use gokku_server::os::detached;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::wait;
use crate::cli::Proxy;
use crate::context;
use crate::error::Error;
use crate::printer::{Look, Printer, plain_table};

pub(super) fn run(server: &Server, proxy: &Proxy, printer: Printer) -> Result<u8, Error> {
    match proxy {
        Proxy::Run { detached, take_over } => serve(server, *detached, *take_over),
        Proxy::Restart => wait(restart(server, printer)),
        Proxy::Status => wait(status(server, printer)),
    }
}

fn serve(server: &Server, detached: bool, take_over: bool) -> Result<u8, Error> {
    if detached {
        detached::detach();
    }
    // Where a service manager or a person takes its words, the file is theirs.
    let log = detached.then(|| server.root.daemon_log());
    let filter = EnvFilter::try_from_env("GOKKU_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Mutex::new(DaemonLog::new(log)))
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime
        .map_err(|error| Error::failed(error.to_string()))?
        .block_on(async {
            let failed = |error: std::io::Error| Error::failed(error.to_string());
            let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
            let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
            let (sender, stop) = tokio::sync::oneshot::channel();
            tokio::spawn(async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                let _ = sender.send(());
            });
            let running = run::run(server, take_over, tell_service_manager, stop);
            Box::pin(running).await.map_err(Error::from)
        })?;
    Ok(0)
}

/// Says that it serves, and that it is the service's main process now; see `sd_notify(3)`. Nobody may have asked.
fn tell_service_manager() {
    let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::MainPid(std::process::id())]);
}

async fn restart(server: &Server, printer: Printer) -> Result<u8, Error> {
    let caller = context::caller();
    let replaced = upgrade::replace(server, &caller, |progress| {
        let line = match progress {
            Progress::Waits(app, Some(holder)) => format!("waiting for {app}: {holder}"),
            Progress::Waits(app, None) => format!("waiting for {app}, which is busy"),
            Progress::Serves { new, old } => {
                format!("process {new} serves; process {old} answers its last requests")
            }
        };
        printer.note(Look::Plain, &line);
    });
    let process = replaced.await?;
    printer.result(&format!("the traffic switch is process {process}"));
    Ok(0)
}

async fn status(server: &Server, printer: Printer) -> Result<u8, Error> {
    let status = server
        .switch()
        .status()
        .await
        .map_err(gokku_server::Error::from)?;
    if printer.json {
        printer.facts(&status)?;
        return Ok(0);
    }
    let mut table = plain_table();
    table.set_header(["APP", "PORT", "TARGET", "IN FLIGHT", "WAITING", "REQUESTS", ""]);
    for route in &status.routes {
        let targets: Vec<String> = route
            .targets
            .iter()
            .map(|target| {
                format!(
                    "{} {} ({}){}{}",
                    target.container.short(),
                    target.address,
                    target.release,
                    if target.down { " down" } else { "" },
                    if target.unhealthy { " unhealthy" } else { "" }
                )
            })
            .collect();
        let in_flight: u64 = route
            .targets
            .iter()
            .chain(&route.retired)
            .map(|target| target.in_flight)
            .sum();
        table.add_row([
            route.app.to_string(),
            route.port.to_string(),
            if targets.is_empty() {
                "none".to_owned()
            } else {
                targets.join(", ")
            },
            in_flight.to_string(),
            if route.held {
                format!("{} (held)", route.waiting)
            } else {
                "0".to_owned()
            },
            route.requests.to_string(),
            route.trouble.clone().unwrap_or_default(),
        ]);
    }
    printer.result(&table.to_string());
    if let Some(trouble) = status.trouble {
        return Err(Error::failed(trouble));
    }
    Ok(0)
}
