//! The ports: opens them, and admits each connection; `serve` serves it.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use gokku_core::AppName;
use gokku_core::machine::backoff::Backoff;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::serve_context::{ServeContext, Shutdown};
use crate::control::api::Refused;
use crate::os::port_holder::port_holder;
use crate::server::port_service::{PortOwner, PortService};
use crate::server::serve::LAST_LOOK;
use crate::server::service_manager::{SocketStore, name_of_port};
use crate::support::lock::lock;
use crate::support::task::restart_on_panic;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;
/// The longest time that a port which is to be closed accepts, when more and more connections come.
const MAX_LAST_LOOKS: Duration = Duration::from_secs(1);
/// The longest pause when no connection can be accepted.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The open ports.
#[derive(Debug)]
pub(crate) struct Listeners {
    bind: Option<IpAddr>,
    pub(crate) context: Arc<ServeContext>,
    open: Mutex<HashMap<PortOwner, ServedPort>>,
    /// What keeps them while the switch is gone.
    pub(crate) store: SocketStore,
    /// Sockets of the switch before this one, by port.
    inherited: Mutex<HashMap<u16, TcpListener>>,
    /// The tasks of all connections, and of the ports that accept them.
    pub(crate) connections: TaskTracker,
    /// No more connections are accepted, and each is closed after its next answer.
    pub(crate) leaving: CancellationToken,
    /// No more connections are accepted, and idle ones are closed.
    pub(crate) stopping: CancellationToken,
    /// Upgraded connections are cut.
    pub(crate) cutting: CancellationToken,
}

/// A port whose connections are served.
#[derive(Debug)]
struct ServedPort {
    port: u16,
    /// The accepting task has it, and closes it.
    listener: Weak<TcpListener>,
    closing: CancellationToken,
    accepting: JoinHandle<()>,
}

impl ServedPort {
    /// Closes the port.
    async fn close(self) {
        self.closing.cancel();
        let _ = self.accepting.await;
    }
}

/// A port that was opened and is not served yet.
#[derive(Debug)]
pub(crate) struct OpenedPort {
    port: u16,
    listener: TcpListener,
}

impl OpenedPort {
    /// Returns the port's number.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Opens a port on an address, or on all addresses of both families.
fn open(address: Option<IpAddr>, port: u16) -> io::Result<TcpListener> {
    match address {
        Some(address) => bind(SocketAddr::new(address, port)),
        None => bind(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)).or_else(|error| {
            // A machine without IPv6 has no such address.
            if error.kind() == io::ErrorKind::AddrInUse {
                return Err(error);
            }
            bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))
        }),
    }
}

fn refused(port: u16, error: &io::Error) -> Refused {
    if error.kind() == io::ErrorKind::AddrInUse {
        let holder = port_holder(port);
        return Refused::PortTaken {
            port,
            holder,
            app: None,
        };
    }
    Refused::Port {
        port,
        reason: error.to_string(),
    }
}

/// Checks that this process could open a port now, or returns whose it is. To be called on a runtime.
pub fn check_port(address: Option<IpAddr>, port: u16) -> Result<(), Refused> {
    open(address, port)
        .map(drop)
        .map_err(|error| refused(port, &error))
}

impl Listeners {
    pub(crate) fn new(bind: Option<IpAddr>, context: ServeContext, store: SocketStore) -> Self {
        Self {
            bind,
            store,
            connections: context.connections.clone(),
            context: Arc::new(context),
            open: Mutex::default(),
            inherited: Mutex::default(),
            leaving: CancellationToken::new(),
            stopping: CancellationToken::new(),
            cutting: CancellationToken::new(),
        }
    }

    /// Takes over sockets that listen already; those that listen on other addresses than they should are closed.
    pub(crate) fn inherit(&self, listeners: Vec<std::net::TcpListener>) -> io::Result<()> {
        let mut inherited = lock(&self.inherited);
        for listener in listeners {
            let address = listener.local_addr()?;
            let wanted = self
                .bind
                .map_or(address.ip().is_unspecified(), |bind| bind == address.ip());
            if wanted {
                listener.set_nonblocking(true)?;
                inherited.insert(address.port(), TcpListener::from_std(listener)?);
            }
        }
        Ok(())
    }

    /// Closes the inherited sockets that no route has asked for, here and where they are kept.
    pub(crate) fn forget_inherited(&self) {
        for (port, _) in lock(&self.inherited).drain() {
            self.store.forget(&name_of_port(port));
        }
        self.store.forget_unused();
    }

    /// Returns the sockets that listen, to be handed over.
    pub(crate) fn descriptors(&self) -> io::Result<Vec<OwnedFd>> {
        let open = self.open_ports();
        open.values()
            .filter_map(|open| open.listener.upgrade())
            .map(|listener| listener.as_fd().try_clone_to_owned())
            .collect()
    }

    fn open_ports(&self) -> MutexGuard<'_, HashMap<PortOwner, ServedPort>> {
        lock(&self.open)
    }

    /// Returns whether its port is this one, and open.
    pub(crate) fn has(&self, owner: &PortOwner, port: u16) -> bool {
        self.open_ports().get(owner).is_some_and(|open| open.port == port)
    }

    /// Opens a port, or takes an inherited one.
    pub(crate) fn open(&self, port: u16) -> Result<OpenedPort, Refused> {
        let mut inherited = lock(&self.inherited);
        if let Some(listener) = inherited.remove(&port) {
            return Ok(OpenedPort { port, listener });
        }
        drop(inherited);
        let error = match open(self.bind, port) {
            Ok(listener) => return Ok(OpenedPort { port, listener }),
            Err(error) => error,
        };
        let ours = self
            .open_ports()
            .iter()
            .find(|(_, open)| open.port == port)
            .map(|(owner, _)| owner.refuses(port));
        Err(match ours {
            Some(ours) if error.kind() == io::ErrorKind::AddrInUse => ours,
            _ => refused(port, &error),
        })
    }

    /// Opens the first port from `first` on that is free and not taken.
    pub(crate) fn open_from(
        &self,
        first: u16,
        is_taken: impl Fn(u16) -> bool,
    ) -> Result<OpenedPort, Refused> {
        let mut last = None;
        for port in (first.max(1)..=u16::MAX).filter(|port| !is_taken(*port)) {
            match self.open(port) {
                Err(taken @ Refused::PortTaken { .. }) => last = Some(taken),
                other => return other,
            }
        }
        Err(last.unwrap_or(Refused::Port {
            port: first,
            reason: "no port from here on is free".to_owned(),
        }))
    }

    /// Returns the socket of an app's port that is open for something else now, once more: one of HTTP that becomes one of TCP. Who
    /// connects meanwhile is not refused.
    pub(crate) fn reopen(&self, app: &AppName, port: u16) -> Option<OpenedPort> {
        let open = self.open_ports();
        let mut open = open.iter();
        let (_, served) = open.find(|(owner, served)| owner.app() == Some(app) && served.port == port)?;
        let socket = served.listener.upgrade()?.as_fd().try_clone_to_owned().ok()?;
        let listener = TcpListener::from_std(socket.into()).ok()?;
        Some(OpenedPort { port, listener })
    }

    /// Returns what of an app is open.
    pub(crate) fn owned_by(&self, app: &AppName) -> Vec<PortOwner> {
        let open = self.open_ports();
        let owners = open.keys().filter(|owner| owner.app() == Some(app));
        owners.cloned().collect()
    }

    /// Returns whether one of these has this port.
    pub(crate) fn are_any(&self, owners: &[PortOwner], port: u16) -> bool {
        owners.iter().any(|owner| self.has(owner, port))
    }

    /// Serves the connections on an opened port, and closes the one that its owner had.
    pub(crate) async fn serve(&self, service: PortService, opened: OpenedPort) {
        let closing = self.stopping.child_token();
        let (owner, port) = (service.owner(), opened.port);
        let connections = self.connections.clone();
        let context = Arc::clone(&self.context);
        let shutdown = Shutdown {
            closing: closing.clone(),
            leaving: self.leaving.clone(),
            cutting: self.cutting.clone(),
        };
        let listener = Arc::new(opened.listener);
        self.store.store(&name_of_port(port), &*listener);
        let weak = Arc::downgrade(&listener);
        let accepting = self.connections.spawn(async move {
            // A connection ends with its port: it knows where this one leads, and no other that may come after it.
            let admit = |stream, peer| {
                let Some(permit) = context.limiter.admit(service.app()) else {
                    service.turn_away(stream);
                    return;
                };
                service.serve(&connections, (stream, peer), permit, &context, &shutdown);
            };
            restart_on_panic("a port's connections", || accept(&listener, &shutdown, &admit)).await;
        });
        let open = ServedPort {
            port,
            listener: weak,
            closing,
            accepting,
        };
        let before = self.open_ports().insert(owner, open);
        match before {
            // What is kept by this port's name is the new one.
            Some(before) if before.port == port => before.close().await,
            Some(before) => self.end(before).await,
            None => {}
        }
    }

    /// Closes the port that somebody has.
    pub(crate) async fn close(&self, owner: &PortOwner) {
        let open = self.open_ports().remove(owner);
        if let Some(open) = open {
            self.end(open).await;
        }
    }

    /// Closes a port, at first where it is kept: afterwards another program can have it.
    async fn end(&self, open: ServedPort) {
        self.store.remove(&name_of_port(open.port)).await;
        open.close().await;
    }
}

/// Accepts connections until the port is to be closed.
async fn accept(listener: &TcpListener, shutdown: &Shutdown, admit: &impl Fn(TcpStream, SocketAddr)) {
    // Set while the port closes: connections that stand in the queue by then are still accepted.
    let mut until: Option<Instant> = None;
    let mut last = Instant::now();
    let mut pause = Backoff::up_to(LONGEST_PAUSE);
    loop {
        if until.is_some_and(|until| Instant::now() > until) {
            return;
        }
        let accepted = match until {
            None => tokio::select! {
                accepted = listener.accept() => accepted,
                () = shutdown.begins() => {
                    until = Some(Instant::now() + LAST_LOOK);
                    last = Instant::now() + MAX_LAST_LOOKS;
                    continue;
                }
            },
            Some(until) => {
                // Without this, tokio's budget would make the queue look empty to a task that takes much from it.
                yield_now().await;
                match timeout_at(until, listener.accept()).await {
                    Ok(accepted) => accepted,
                    Err(_) => return,
                }
            }
        };
        match accepted {
            Ok((stream, peer)) => {
                pause.reset();
                admit(stream, peer);
                // Accepting many takes longer than a look at an empty queue.
                until = until.map(|_| (Instant::now() + LAST_LOOK).min(last));
            }
            // Out of descriptors, or the client has gone again: let others run, and go on.
            Err(error) => {
                tracing::warn!("a connection could not be accepted: {error}");
                sleep(pause.take()).await;
            }
        }
    }
}
