//! The switch as a whole: starts it from its table, and stops it without losing a request.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::unix::net::{UnixListener as Listening, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use gokku_core::AppName;
use gokku_core::domains::domain::Domain;
use gokku_core::domains::name::DomainName;
use gokku_core::domains::scheme::Scheme;
use gokku_core::machine::backoff::Backoff;
use tokio::net::UnixListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::client::serve_context::ServeContext;
use crate::config::limits::Limits;
use crate::config::network::Network;
use crate::control::api::{CertificatesStatus, Refused};
use crate::control::client::Client;
use crate::os::memory;
use crate::route::https_redirect::HttpsRedirect;
use crate::route::switch::Switch;
use crate::route::table::{TableFile, Unreadable};
use crate::server::control_server;
use crate::server::control_socket::{ControlSocket, END_TIMEOUT, bound_path};
use crate::server::domain_port::DomainPort;
use crate::server::handover::{self, Predecessor};
use crate::server::kept::Kept;
use crate::server::listen::Listeners;
use crate::server::service_manager::{CONTROL, ServiceManager, SocketStore};
use crate::server::state::State;
use crate::support::clock::now;
use crate::support::task::restart_on_panic;
use crate::tls::acceptor::Acceptor;
use crate::tls::certificate::Certificate;
use crate::tls::certificates::Certificates;

/// How long a switch that was replaced keeps idle connections: a client that is active sends its next request by then.
const IDLE_GRACE: Duration = Duration::from_secs(2);

/// How often to look whether a flood of clients is over.
const FLOOD_CHECK: Duration = Duration::from_secs(2);

/// The switch's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The route table.
    pub table: PathBuf,
    /// The control API's socket.
    pub socket: PathBuf,
    /// The address on which host ports are opened; all addresses without one.
    pub bind: Option<IpAddr>,
    /// The port on which the domains of all apps are served, once there are any.
    pub http: u16,
    /// The same by TLS, once one of them has a certificate.
    pub https: u16,
    /// The port by which clients come to `http`, where something in front passes another one on to it.
    pub public_http: Option<u16>,
    /// The same of `https`.
    pub public_https: Option<u16>,
    /// Whether HTTP/2 is spoken without TLS, too, by clients that begin with it.
    pub h2c: bool,
    /// The folder of the certificates.
    pub certificates: PathBuf,
    /// What clients and apps may cost.
    pub limits: Limits,
    /// The proxies in front whose word counts for where a request came from.
    pub trusted_proxies: Vec<Network>,
    /// Whether these say by the PROXY protocol whose a connection is.
    pub proxy_protocol: bool,
    /// The program's version, for the status.
    pub version: String,
    /// Whether to replace the switch that runs, if one does, and to take over its sockets.
    pub take_over: bool,
}

/// Why the switch did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another switch runs.
    #[error("the traffic switch runs already and listens on {}", .0.display())]
    Running(PathBuf),
    /// The socket could not be made.
    #[error("{}: {source}", .path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the kernel reported.
        source: io::Error,
    },
    /// What a service manager has kept cannot be had, or it cannot be told anything.
    #[error(
        "the sockets that the service manager has kept cannot be had: {0}. `gokku proxy restart`, or a restart of the service, opens new ones"
    )]
    ServiceManager(#[source] io::Error),
    /// The table cannot be read.
    #[error(transparent)]
    Table(#[from] Unreadable),
    /// TLS cannot be had.
    #[error("TLS cannot be had: {0}")]
    Tls(#[source] rustls::Error),
    /// The switch that runs could not be replaced.
    #[error("the running traffic switch could not be replaced, and keeps serving: {0}")]
    Handover(io::Error),
}

/// The running switch.
#[derive(Debug)]
pub struct Proxy {
    state: Arc<State>,
    control: ControlSocket,
    answering: JoinHandle<()>,
    handing_over: JoinHandle<()>,
    trimming: JoinHandle<()>,
    _watching: AbortOnDropHandle<()>,
    /// The switch that has taken this one's place.
    successors: Arc<tokio::sync::Mutex<mpsc::Receiver<Successor>>>,
}

/// The switch that serves now, and waits for this one to release the control socket.
#[derive(Debug)]
pub struct Successor(UnixStream);

impl Proxy {
    /// Starts one that nobody has kept sockets for, and nobody keeps them of, see [`Proxy::start_managed`].
    pub fn start(config: Config) -> BoxFuture<'static, Result<Self, StartError>> {
        Self::start_managed(config, ServiceManager::default())
    }

    /// Reads the table, and opens the ports and the control socket, or takes those that the service manager has kept. A port that cannot be opened is reported in the status
    /// and tried again; the other apps are served. Nothing is sent to a target of the table before its container is seen to
    /// run at the same address, or [`Switch::mark_up`] tells where it runs.
    pub fn start_managed(
        config: Config,
        manager: ServiceManager,
    ) -> BoxFuture<'static, Result<Self, StartError>> {
        // In a box: the code of a future that another crate polls is compiled there, as that crate is. All that serves
        // requests begins here.
        Box::pin(Self::begin(config, manager))
    }

    async fn begin(config: Config, manager: ServiceManager) -> Result<Self, StartError> {
        let store = SocketStore::begin(&manager).map_err(StartError::ServiceManager)?;
        let descriptors = manager.kept.into_iter().map(|(_, descriptor)| descriptor);
        let kept = Kept::sort(descriptors.collect(), &bound_path(&config.socket));
        let mut start = Start::begin(&config, kept.control).await?;
        let table = TableFile::at(&config.table);
        table.remove_temporary_files();
        let loaded = table.load()?;
        if let Some(trouble) = &loaded.trouble {
            tracing::error!("{trouble}");
        }
        let certificates = Arc::new(Certificates::of(&config.certificates));
        let redirect = HttpsRedirect::new(
            Arc::clone(&certificates.table),
            config.public_https.unwrap_or(config.https),
        );
        let acceptor = Acceptor::new(Arc::clone(&certificates.table)).map_err(StartError::Tls)?;
        let state = Arc::new(State {
            switch: Switch::new(table, loaded.routes, config.limits.clone()),
            listeners: Listeners::new(
                config.bind,
                ServeContext::new(
                    config.limits,
                    config.trusted_proxies,
                    config.proxy_protocol,
                    config.h2c,
                ),
                store,
            ),
            http_port: DomainPort::new(config.http, config.public_http),
            https_port: DomainPort::new(config.https, config.public_https),
            certificates,
            redirect: Arc::new(redirect),
            acme: Arc::default(),
            changed: Arc::default(),
            acceptor,
            version: config.version,
            trouble: loaded.trouble,
            ports: tokio::sync::Mutex::new(()),
        });
        state.switch.mark_seen_up().await;
        state
            .listeners
            .inherit(kept.ports)
            .map_err(StartError::ServiceManager)?;
        if let Start::Replacing(predecessor) = &mut start {
            let listeners = std::mem::take(&mut predecessor.listeners);
            state.listeners.inherit(listeners).map_err(StartError::Handover)?;
        }
        for route in state.switch.routes() {
            if let Err(refused) = state.open_ports(&route).await {
                tracing::error!(app = %route.app(), "{refused}");
                let (state, app) = (Arc::clone(&state), route.app().clone());
                tokio::spawn(async move {
                    restart_on_panic("a port that is to be opened", || state.open_later(&app)).await;
                });
            }
        }
        // Host ports need none.
        state.certificates.reload();
        state.settle_domain_ports().await;
        if state.is_port_wanted(Scheme::Https) {
            let warmed = state.acceptor.clone();
            drop(tokio::task::spawn_blocking(move || warmed.warm_up()));
        }
        let store = &state.listeners.store;
        let (control, listener) = match start {
            Start::Alone(control, listener) => (control, listener),
            Start::Replacing(predecessor) => {
                // Who dies right after the other one has gone must not take the sockets with it.
                state.listeners.forget_inherited();
                store.settle().await;
                blocking(move || predecessor.confirm_served())
                    .await
                    .map_err(StartError::Handover)?;
                ControlSocket::open(&config.socket, Vec::new()).await?
            }
        };
        store.store(CONTROL, &listener);
        state.listeners.forget_inherited();
        let asked = Arc::clone(&state);
        let answering = tokio::spawn(async move {
            restart_on_panic("the control socket", || control_server::accept(&listener, &asked)).await;
        });
        let waiting = handover::listen(&config.socket).map_err(|source| StartError::Socket {
            path: handover::socket_path(&config.socket),
            source,
        })?;
        let (sender, successors) = mpsc::channel(1);
        let given = Arc::clone(&state);
        let handing_over = tokio::spawn(async move {
            restart_on_panic("the hand-over", || hand_over(&waiting, &given, &sender)).await;
        });
        let seen = Arc::clone(&state);
        let watching = tokio::spawn(async move {
            restart_on_panic("the containers' processes", || seen.switch.watch_processes()).await;
        });
        let trimmed = Arc::clone(&state);
        let trimming = tokio::spawn(async move {
            restart_on_panic("the memory", || trim_memory(Arc::clone(&trimmed))).await;
        });
        Ok(Self {
            state,
            control,
            answering,
            handing_over,
            trimming,
            _watching: AbortOnDropHandle::new(watching),
            successors: Arc::new(tokio::sync::Mutex::new(successors)),
        })
    }

    /// Waits until another switch serves in this one's place; then this one is to [`Proxy::leave`].
    pub fn successor(&self) -> impl Future<Output = Successor> + use<> {
        let successors = Arc::clone(&self.successors);
        async move {
            match successors.lock().await.recv().await {
                Some(successor) => successor,
                None => std::future::pending().await,
            }
        }
    }

    /// Leaves the rest to the switch that serves now: waits for the requests in flight, upgraded connections included, and
    /// cuts what is left at the limit.
    pub async fn leave(self, successor: Successor, limit: Duration) {
        let listeners = &self.state.listeners;
        listeners.store.leave();
        listeners.leaving.cancel();
        listeners.connections.close();
        // The lock first, then the word that it is free.
        self.control.release();
        drop(successor.0);
        let began = Instant::now();
        // A client that is about to send another request gets its answer, and is told that the connection ends.
        if timeout(IDLE_GRACE.min(limit), listeners.connections.wait())
            .await
            .is_err()
        {
            listeners.stopping.cancel();
            let left = limit.saturating_sub(began.elapsed());
            let _ = timeout(left, listeners.connections.wait()).await;
        }
        listeners.cutting.cancel();
        // This one answers until the successor's socket has its name.
        self.answering.abort();
    }

    /// Gives an app the domains that it has whatever its release is.
    pub async fn put_domains(&self, app: &AppName, domains: Vec<Domain>) -> Result<(), Refused> {
        self.state.put_domains(app, domains).await
    }

    /// Returns whether a host has a certificate that is valid now.
    pub fn is_secured(&self, host: &str) -> bool {
        self.state.certificates.table.is_secured(host, now())
    }

    /// Reads the certificates on disk again.
    pub async fn reload_certificates(&self) -> Result<CertificatesStatus, Refused> {
        self.state.reload_certificates().await
    }

    /// Returns what is told when domains or certificates have changed. Who waits for it is one.
    pub fn changed(&self) -> &Arc<Notify> {
        &self.state.changed
    }

    /// Returns the names by which apps are served, each with the app that has its root, or the path nearest to it.
    pub fn domain_names(&self) -> BTreeMap<DomainName, AppName> {
        self.state.switch.domains().names()
    }

    /// Answers a certificate authority that asks a host for this token by HTTP-01, until that is removed.
    pub fn put_http_challenge(&self, host: &DomainName, token: &str, answer: &str) {
        self.state.acme.put(host, token, answer);
    }

    /// Answers it no more.
    pub fn remove_http_challenge(&self, token: &str) {
        self.state.acme.remove(token);
    }

    /// Shows a certificate authority that asks for a name by TLS-ALPN-01 this certificate, until that is removed.
    pub async fn put_challenge(&self, name: &DomainName, shown: Certificate) {
        self.state.show_challenge(name, shown).await;
    }

    /// Shows it none any more.
    pub async fn remove_challenge(&self, name: &DomainName) {
        self.state.remove_challenge(name).await;
    }

    /// Returns the routes and targets, for whoever runs in the same process.
    pub fn switch(&self) -> &Switch {
        &self.state.switch
    }

    /// Stops: accepts no more connections, closes idle ones, cuts upgraded ones, and waits for the requests in flight, up to
    /// the limit.
    pub async fn stop(self, limit: Duration) {
        self.answering.abort();
        self.handing_over.abort();
        self.trimming.abort();
        let listeners = &self.state.listeners;
        listeners.store.leave();
        listeners.stopping.cancel();
        listeners.cutting.cancel();
        listeners.connections.close();
        // Another switch may start while the last requests are answered.
        self.control.close();
        let _ = tokio::time::timeout(limit, listeners.connections.wait()).await;
    }
}

/// Runs work that blocks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other)?
}

/// How a switch starts.
enum Start {
    /// No other switch runs, and the control socket is this one's already.
    Alone(ControlSocket, UnixListener),
    /// Another one still serves, and has handed over its sockets.
    Replacing(Predecessor),
}

impl Start {
    async fn begin(config: &Config, kept: Vec<Listening>) -> Result<Self, StartError> {
        if config.take_over && Client::new(&config.socket).status().await.is_ok() {
            let control = config.socket.clone();
            let predecessor = blocking(move || handover::receive(&control)).await;
            return predecessor.map(Self::Replacing).map_err(StartError::Handover);
        }
        let (control, listener) = ControlSocket::open(&config.socket, kept).await?;
        Ok(Self::Alone(control, listener))
    }
}

/// Returns the memory that a flood of clients took to the machine, once the flood is over.
async fn trim_memory(state: Arc<State>) {
    let mut ticks = interval(FLOOD_CHECK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if state.listeners.context.limiter.take_flood_end() {
            let _ = tokio::task::spawn_blocking(memory::give_back).await;
        }
    }
}

/// Hands the sockets to whoever asks for them, until another switch serves them.
async fn hand_over(waiting: &UnixListener, state: &State, successors: &mpsc::Sender<Successor>) {
    let mut pause = Backoff::up_to(END_TIMEOUT);
    loop {
        let Ok(asking) = waiting.accept().await.and_then(|(asking, _)| asking.into_std()) else {
            sleep(pause.take()).await;
            continue;
        };
        // No port is opened or closed during a hand-over.
        let _no_change = state.ports.lock().await;
        let Ok(descriptors) = state.listeners.descriptors() else {
            continue;
        };
        match blocking(move || handover::send(asking, &descriptors)).await {
            Ok(connection) => {
                let _ = successors.send(Successor(connection)).await;
                return;
            }
            Err(error) => tracing::warn!("the hand-over to another switch failed: {error}"),
        }
    }
}
