//! `gokku proxy run`: the daemon, from its start to its end.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use gokku_server::Server;
use gokku_server::daemon::run::{self, Start, Told};
use gokku_server::os::daemon_log::DaemonLog;
use gokku_server::os::detached;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::commands::Run;
use crate::context::Context;
use crate::environment;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// How long a service that could not start is there, before the service manager tries it again.
const FAILED_START_PAUSE: Duration = Duration::from_secs(1);

/// Run the traffic switch, with the supervisor of the containers behind it, until it is stopped
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Leave the session it was started in
    #[arg(long, hide = true)]
    detached: bool,
    /// Take the place of the one that runs
    #[arg(long, hide = true)]
    take_over: bool,
    /// Started by `gokku proxy keep`, with the sockets that it has kept
    #[arg(long, hide = true)]
    kept: bool,
    /// How the one before it ended
    #[arg(long, hide = true, value_name = "WORDS", requires = "kept")]
    after: Option<String>,
}

impl Run for RunArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::internal("proxy run")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        // Before anything else opens a file: they have numbers.
        let manager = environment::service_manager_of_switch(self.kept);
        let is_service = manager.socket.is_some() && !self.kept;
        let server = context.server()?;
        if self.detached {
            detached::detach();
        }
        let log = begin_log(server, self.detached || self.kept)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let ran = runtime.map_err(Error::failed)?.block_on(async {
            let mut terminate = signal(SignalKind::terminate()).map_err(Error::failed)?;
            let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::failed)?;
            let (sender, stop) = tokio::sync::oneshot::channel();
            let stopped = tokio::spawn(async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                let _ = sender.send(());
            });
            let start = Start {
                take_over: self.take_over,
                manager,
                keeper: self.kept.then(environment::parent).flatten(),
                after: self.after.clone(),
            };
            let tell = |what| tell_service_manager(what, self.kept);
            let ran = run::run(server, start, &tell, stop).await;
            if ran.is_err() && is_service {
                // The service starts it again at once, so that one that was killed is back at once. What could not start is
                // not to be tried again that often.
                let _ = timeout(FAILED_START_PAUSE, stopped).await;
            }
            ran.map_err(Error::from)
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

/// Says that it serves, and that it is the service's main process now, or that it ends; see `sd_notify(3)`. Nobody may have
/// asked.
fn tell_service_manager(what: Told, is_kept: bool) {
    let _ = match what {
        Told::Serves => sd_notify::notify(&[NotifyState::Ready, NotifyState::MainPid(std::process::id())]),
        // systemd would stop the whole service: also the successor in it, and one that somebody ends to have it started again.
        Told::Ends if is_kept => sd_notify::notify(&[NotifyState::Stopping]),
        Told::Ends => Ok(()),
    };
}
