//! `gokku proxy run`: the daemon, from its start to its end.

use std::sync::Arc;

use clap::Args;
use gokku_server::Server;
use gokku_server::daemon::run;
use gokku_server::os::daemon_log::DaemonLog;
use gokku_server::os::detached;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::commands::Run;
use crate::context::Context;
use crate::environment;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// Run the traffic switch, with the supervisor of the containers behind it, until it is stopped
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Leave the session it was started in
    #[arg(long, hide = true)]
    detached: bool,
    /// Take the place of the one that runs
    #[arg(long, hide = true)]
    take_over: bool,
}

impl Run for RunArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::internal("proxy run")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let server = context.server()?;
        if self.detached {
            detached::detach();
        }
        let log = begin_log(server, self.detached)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let ran = runtime.map_err(Error::failed)?.block_on(async {
            let mut terminate = signal(SignalKind::terminate()).map_err(Error::failed)?;
            let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::failed)?;
            let (sender, stop) = tokio::sync::oneshot::channel();
            tokio::spawn(async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                let _ = sender.send(());
            });
            let running = run::run(server, self.take_over, tell_service_manager, stop);
            running.await.map_err(Error::from)
        });
        log.end();
        ran.map(|()| DONE)
    }
}

fn begin_log(server: &Server, detached: bool) -> Result<Arc<DaemonLog>, Error> {
    // Where a service manager or a person takes its words, the file is theirs.
    let path = detached.then(|| server.root.daemon_log());
    let log = DaemonLog::begin(path).map_err(|error| Error::failed(error).about("the daemon's log"))?;
    let log = Arc::new(log);
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        // It would say so on standard error, and panic when that is not written either.
        .log_internal_errors(false)
        .with_writer(Arc::clone(&log))
        .finish()
        .with(environment::log_filter())
        .init();
    Ok(log)
}

/// Says that it serves, and that it is the service's main process now; see `sd_notify(3)`. Nobody may have asked.
fn tell_service_manager() {
    let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::MainPid(std::process::id())]);
}
