//! The daemon: the traffic switch, the supervisor of the containers behind it, and the one who ends transitions
//! that were cut off.

use std::convert::Infallible;
use std::future::pending;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::future::BoxFuture;
use gokku_core::logs::audit::Change;
use gokku_proxy::control::api::PutMaintenance;
use gokku_proxy::health::health_monitor::{HealthChanged, monitor};
use gokku_proxy::route::target_health::HealthChange;
use gokku_proxy::server::proxy::StartError;
use gokku_proxy::support::task::restart_on_panic;
use gokku_proxy::{Config, Proxy, ServiceManager};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::app::{apps, domains, maintenance, server_config};
use crate::daemon::Error;
use crate::daemon::certificate_expiry;
use crate::daemon::certificate_orders;
use crate::daemon::supervisor;
use crate::engine::health;
use crate::fs::{atomic, boot};
use crate::os::{detached, open_files, process};
use crate::queue::leftovers;
use crate::record::audit_log;
use crate::server::Server;

/// How long a stop waits for requests in flight.
pub(crate) const STOP_LIMIT: Duration = Duration::from_secs(30);

/// How long the keeper is watched at a time.
const A_LONG_TIME: Duration = Duration::from_secs(3600);

/// How long the engine may take to say what a container is called.
const NAME_LIMIT: Duration = Duration::from_secs(5);

/// How a daemon starts.
#[derive(Debug)]
pub struct Start {
    /// Whether to take the place of the one that runs.
    pub take_over: bool,
    /// Who manages its process.
    pub manager: ServiceManager,
    /// The process that keeps it running, where that is gokku's own.
    pub keeper: Option<u32>,
    /// How the one before it ended, where that was not in good order.
    pub after: Option<String>,
}

/// What whoever manages the process is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It serves.
    Serves,
    /// It ends in good order: it was told to, or another one serves in its place.
    Ends,
}

/// Runs until it is told to stop, or another one has taken its place. `tell` is called once it serves, and before it ends in
/// good order.
pub fn run<'a>(
    server: &'a Server,
    start: Start,
    tell: &'a (dyn Fn(Told) + Sync),
    stop: oneshot::Receiver<()>,
) -> BoxFuture<'a, Result<(), Error>> {
    Box::pin(serve(server, start, tell, stop))
}

async fn serve(
    server: &Server,
    start: Start,
    tell: &(dyn Fn(Told) + Sync),
    stop: oneshot::Receiver<()>,
) -> Result<(), Error> {
    if let Some(after) = &start.after {
        tracing::error!("the traffic switch before this one died: {after}; its ports stayed open");
    }
    let left = server.clone();
    // Beside the start: nobody who asks for an app waits for that.
    drop(tokio::task::spawn_blocking(move || sweep(&left)));
    open_files::raise();
    let settings = server_config::read(&server.root)?.proxy;
    let config = Config {
        table: server.root.routes(),
        socket: server.root.socket(),
        bind: settings.bind,
        http: settings.http.get(),
        https: settings.https.get(),
        public_http: settings.public_http.map(NonZero::get),
        public_https: settings.public_https.map(NonZero::get),
        h2c: settings.h2c,
        certificates: server.root.certificates(),
        limits: settings.limits,
        trusted_proxies: settings.trusted_proxies,
        proxy_protocol: settings.proxy_protocol,
        version: server.version.clone(),
        take_over: start.take_over,
    };
    let proxy = match Proxy::start_managed(config, start.manager).await {
        Ok(proxy) => proxy,
        Err(error) => {
            if matches!(error, StartError::Running(_)) {
                tell(Told::Ends);
            }
            return Err(error.into());
        }
    };
    tracing::info!(
        "the traffic switch runs, {} routes",
        proxy.switch().routes().len()
    );
    put_domains(server, &proxy).await;
    // Also what was added while this one started, and was told to nobody.
    if let Err(refused) = proxy.reload_certificates().await {
        tracing::error!("{refused}");
    }
    let started = Change::SwitchStarted {
        version: server.version.clone(),
        pid: std::process::id(),
    };
    audit_log::note(&server.root, audit_log::DAEMON, None, started);
    // Also what panics in a task that nobody waits for is told in the log.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    tell(Told::Serves);
    let repositories = server.clone();
    // Nobody who asks for an app waits for that.
    drop(tokio::task::spawn_blocking(move || {
        refresh_repositories(&repositories);
    }));
    let checks = settings.health_check;
    let successor = proxy.successor();
    let successor = tokio::select! {
        () = restart_on_panic("the supervisor", || supervisor::run(server, proxy.switch(), Arc::new(server.clone()))) => None,
        () = restart_on_panic("the health checks", || monitor(proxy.switch(), |host| proxy.is_secured(host), checks, |changed| note_health_change(server, changed))) => None,
        () = restart_on_panic("the ends of certificates", || certificate_expiry::watch(server)) => None,
        () = restart_on_panic("the orders of certificates", || certificate_orders::keep(server, &proxy)) => None,
        never = replace_keeper(server, start.keeper) => match never {},
        successor = successor => Some(successor),
        _ = stop => None,
    };
    tell(Told::Ends);
    if let Some(successor) = successor {
        tracing::info!("another one has taken over");
        proxy.leave(successor, STOP_LIMIT).await;
        return Ok(());
    }
    tracing::info!("stopping");
    proxy.stop(STOP_LIMIT).await;
    audit_log::note(&server.root, audit_log::DAEMON, None, Change::SwitchStopped);
    Ok(())
}

/// Has a new daemon take this one's place when this one's keeper has been killed: the new one has a keeper of its own.
async fn replace_keeper(server: &Server, keeper: Option<u32>) -> Infallible {
    let Some(watched) = keeper.and_then(process::watch) else {
        return pending().await;
    };
    let (ended, has_ended) = oneshot::channel();
    // A thread of its own, which nobody waits for: it watches for as long as the daemon runs.
    let watching = thread::Builder::new().name("keeper".to_owned()).spawn(move || {
        while !process::has_ended(&watched, A_LONG_TIME) {}
        let _ = ended.send(());
    });
    if watching.is_err() || has_ended.await.is_err() {
        return pending().await;
    }
    tracing::error!(
        "what keeps the traffic switch running was killed: another switch takes its place, with another keeper"
    );
    let log = server.root.daemon_log();
    let started = detached::spawn(
        &server.program,
        &["proxy", "restart"],
        server.root.path(),
        b"",
        Some(&log),
    );
    if let Err(error) = started {
        tracing::error!(
            "nothing starts the traffic switch again when it dies: {error}. `gokku proxy restart` mends that"
        );
    }
    pending().await
}

/// Removes what killed processes have left half-written.
fn sweep(server: &Server) {
    for app in apps::list(&server.root).unwrap_or_default() {
        leftovers::sweep_temporary(&server.app_dir(&app.name));
    }
    for folder in [server.root.path().to_owned(), server.root.apps()] {
        atomic::sweep(&folder);
    }
}

/// Has the traffic switch know the apps' own domains and their maintenance, which may have been changed while it did not run.
async fn put_domains(server: &Server, proxy: &Proxy) {
    // What is read here must not be told after what is written meanwhile.
    let _changing = match domains::begin(server).await {
        Ok(changing) => changing,
        Err(error) => return tracing::error!("the domains of all apps are as they were: {error}"),
    };
    for route in proxy.switch().routes() {
        let app = route.app();
        let put = match domains::of(&server.app_dir(app)) {
            Ok(domains) => proxy
                .put_domains(app, domains)
                .await
                .map_err(|refused| refused.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = put {
            tracing::error!(%app, "its domains are as they were: {why}");
        }
        let maintenance = match maintenance::of(&server.app_dir(app)) {
            Ok(maintenance) => proxy
                .switch()
                .put_maintenance(app, PutMaintenance { maintenance })
                .await
                .map_err(|refused| refused.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = maintenance {
            tracing::error!(%app, "its maintenance is as it was: {why}");
        }
    }
}

/// Brings the apps' repositories up to date, where an earlier gokku made them.
fn refresh_repositories(server: &Server) {
    // What was not on the disk when the machine stopped is missed once, when it is there again.
    let noted = server.root.looked_at();
    let anew = boot::is_before(&noted) || !noted.exists();
    for app in apps::list(&server.root).unwrap_or_default() {
        let mended = apps::mend_repository(server, &app.name, anew);
        if let Err(error) = mended.and_then(|()| apps::refresh_repository(server, &app.name)) {
            tracing::warn!(app = %app.name, "its repository: {error}");
        }
    }
    if anew && let Err(error) = boot::note(&noted) {
        tracing::warn!("{error}");
    }
}

/// Tells of a container that was taken out of the balance or put back.
fn note_health_change(server: &Server, changed: HealthChanged) {
    let server = server.clone();
    tokio::spawn(async move {
        let id = &changed.container;
        let asked = async {
            let engine = server.runtime().await.ok()?;
            engine.container(id.as_str()).await.ok().flatten()
        };
        // Without an answer it is called by its id.
        let facts = timeout(NAME_LIMIT, asked).await.ok().flatten();
        let container = facts.map_or_else(|| id.short().to_owned(), |facts| facts.name);
        let change = match changed.change {
            HealthChange::Out => Change::ContainerUnhealthy {
                container,
                found: health::found(&changed.checked).map_or_else(String::new, |found| found.to_string()),
            },
            HealthChange::Back => Change::ContainerHealthy { container },
        };
        tracing::info!(app = %changed.app, "{change}");
        audit_log::note(&server.root, audit_log::DAEMON, Some(&changed.app), change);
    });
}
