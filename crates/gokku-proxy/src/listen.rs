//! Host ports: opened, and each connection on them let in; `serve` serves it.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use gokku_core::AppName;
use gokku_core::machine::backoff::Pause;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Refused;
use crate::own;
use crate::port_holder::port_holder;
use crate::serve::{Ending, LAST_LOOK, Terms, serve};
use crate::switch::Route;
use crate::task::again;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;
/// How long it is listened on at most, when more and more come.
const LAST_LOOKS: Duration = Duration::from_secs(1);
/// The most that is waited when no connection can be accepted.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The open host ports.
#[derive(Debug)]
pub(crate) struct Listeners {
    bind: Option<IpAddr>,
    pub(crate) terms: Arc<Terms>,
    open: Mutex<HashMap<AppName, Open>>,
    /// Sockets of the switch before this one, by their port.
    inherited: Mutex<HashMap<u16, TcpListener>>,
    /// Every connection that is served, and whoever lets them in.
    pub(crate) connections: TaskTracker,
    /// No more connections; those that there are end with their next answer.
    pub(crate) leaving: CancellationToken,
    /// No more connections, and those that are idle end.
    pub(crate) stopping: CancellationToken,
    /// Upgraded connections are cut.
    pub(crate) cutting: CancellationToken,
}

/// A port that serves.
#[derive(Debug)]
struct Open {
    port: u16,
    /// Whoever accepts has it, and closes it.
    listener: Weak<TcpListener>,
    closing: CancellationToken,
    accepting: JoinHandle<()>,
}

impl Open {
    /// Closes it: afterwards somebody else can have it.
    async fn close(self) {
        self.closing.cancel();
        let _ = self.accepting.await;
    }
}

/// A port that was opened and does not serve yet.
#[derive(Debug)]
pub(crate) struct Opened {
    port: u16,
    listener: TcpListener,
}

impl Opened {
    /// The port.
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

/// Opens a port; on all addresses, of both families, unless one was configured.
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

/// Whether this process could open a port now; says whose it is when not. To be called on a runtime.
pub fn can_be_had(address: Option<IpAddr>, port: u16) -> Result<(), Refused> {
    open(address, port)
        .map(drop)
        .map_err(|error| refused(port, &error))
}

impl Listeners {
    pub(crate) fn new(bind: Option<IpAddr>, terms: Terms) -> Self {
        Self {
            bind,
            connections: terms.connections.clone(),
            terms: Arc::new(terms),
            open: Mutex::default(),
            inherited: Mutex::default(),
            leaving: CancellationToken::new(),
            stopping: CancellationToken::new(),
            cutting: CancellationToken::new(),
        }
    }

    /// Takes over sockets that listen already; those that listen elsewhere than they should are closed.
    pub(crate) fn inherit(&self, listeners: Vec<std::net::TcpListener>) -> io::Result<()> {
        let mut inherited = self.inherited.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// Closes the sockets that no route has asked for.
    pub(crate) fn forget_inherited(&self) {
        self.inherited
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// The sockets that listen, to be given away.
    pub(crate) fn descriptors(&self) -> io::Result<Vec<OwnedFd>> {
        let open = self.open_ports();
        open.values()
            .filter_map(|open| open.listener.upgrade())
            .map(|listener| listener.as_fd().try_clone_to_owned())
            .collect()
    }

    fn open_ports(&self) -> std::sync::MutexGuard<'_, HashMap<AppName, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the app's port is open and this one.
    pub(crate) fn has(&self, app: &AppName, port: u16) -> bool {
        self.open_ports().get(app).is_some_and(|open| open.port == port)
    }

    /// Opens a port.
    pub(crate) fn open(&self, port: u16) -> Result<Opened, Refused> {
        let mut inherited = self.inherited.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listener) = inherited.remove(&port) {
            return Ok(Opened { port, listener });
        }
        drop(inherited);
        let error = match open(self.bind, port) {
            Ok(listener) => return Ok(Opened { port, listener }),
            Err(error) => error,
        };
        let ours = self
            .open_ports()
            .iter()
            .find(|(_, open)| open.port == port)
            .map(|(app, _)| Refused::port_of(app, port));
        Err(match ours {
            Some(ours) if error.kind() == io::ErrorKind::AddrInUse => ours,
            _ => refused(port, &error),
        })
    }

    /// Opens the first free port from `first` on that is not taken.
    pub(crate) fn open_from(&self, first: u16, is_taken: impl Fn(u16) -> bool) -> Result<Opened, Refused> {
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

    /// Serves an app's connections on an opened port, and no longer on the one it had.
    pub(crate) async fn serve(&self, route: Arc<Route>, opened: Opened) {
        let closing = self.stopping.child_token();
        let (app, port) = (route.app().clone(), opened.port);
        let connections = self.connections.clone();
        let terms = Arc::clone(&self.terms);
        let ending = Ending {
            closing: closing.clone(),
            leaving: self.leaving.clone(),
            cutting: self.cutting.clone(),
        };
        let listener = Arc::new(opened.listener);
        let given = Arc::downgrade(&listener);
        let accepting = self.connections.spawn(async move {
            // A connection ends with its port: it knows this route, and no other that may come after it.
            let let_in = |stream, peer| {
                let Some(place) = terms.crowd.enter(route.app()) else {
                    own::turn_away(&route, &stream);
                    return;
                };
                connections.spawn(serve(
                    stream,
                    peer,
                    place,
                    Arc::clone(&route),
                    Arc::clone(&terms),
                    ending.clone(),
                ));
            };
            again("a port's connections", || accept(&listener, &ending, &let_in)).await;
        });
        let open = Open {
            port,
            listener: given,
            closing,
            accepting,
        };
        let before = self.open_ports().insert(app, open);
        if let Some(before) = before {
            before.close().await;
        }
    }

    /// Closes an app's port.
    pub(crate) async fn close(&self, app: &AppName) {
        let open = self.open_ports().remove(app);
        if let Some(open) = open {
            open.close().await;
        }
    }
}

async fn accept(listener: &TcpListener, ending: &Ending, serve: &impl Fn(TcpStream, SocketAddr)) {
    // Set while it closes: whoever stands in the queue by then is still let in.
    let mut until: Option<Instant> = None;
    let mut last = Instant::now();
    let mut pause = Pause::up_to(LONGEST_PAUSE);
    loop {
        if until.is_some_and(|until| Instant::now() > until) {
            return;
        }
        let accepted = match until {
            None => tokio::select! {
                accepted = listener.accept() => accepted,
                () = ending.begins() => {
                    until = Some(Instant::now() + LAST_LOOK);
                    last = Instant::now() + LAST_LOOKS;
                    continue;
                }
            },
            Some(until) => {
                // Without a pause tokio would have the queue look empty to a task that takes much from it.
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
                serve(stream, peer);
                // Letting in many takes longer than a look at an empty queue.
                until = until.map(|_| (Instant::now() + LAST_LOOK).min(last));
            }
            // Out of descriptors, or the client has gone again: give others a turn and go on.
            Err(error) => {
                tracing::warn!("a connection could not be accepted: {error}");
                sleep(pause.take()).await;
            }
        }
    }
}
