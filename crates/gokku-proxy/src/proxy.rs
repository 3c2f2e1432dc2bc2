//! The switch as a whole: started from its table, stopped without losing a request.

use std::fs::{self, File, TryLockError};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gokku_core::machine::backoff::Pause;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::client::Client;
use crate::control;
use crate::handover::{self, Taken};
use crate::inner::Inner;
use crate::limits::Limits;
use crate::listen::Listeners;
use crate::memory;
use crate::network::Network;
use crate::serve::Terms;
use crate::switch::Switch;
use crate::table::{TableFile, Unreadable};
use crate::task::again;

/// How long idle connections are kept by one whose place was taken: a client that is not idle sends its next request by
/// then.
const LINGER: Duration = Duration::from_secs(2);

/// How long one that does not answer any more may take to be gone.
const ENDING: Duration = Duration::from_secs(5);

/// How often is looked whether a flood of clients has gone.
const EBB: Duration = Duration::from_secs(2);

/// What the switch needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The route table.
    pub table: PathBuf,
    /// The control API's socket.
    pub socket: PathBuf,
    /// The address that host ports are opened on; all of them without.
    pub bind: Option<IpAddr>,
    /// What clients and apps may cost.
    pub limits: Limits,
    /// The proxies in front whose word counts for where a request came from; nobody's without.
    pub trusted_proxies: Vec<Network>,
    /// The program's version, for its status.
    pub version: String,
    /// Whether to take the place of the one that runs, if one does: its sockets are passed on.
    pub take_over: bool,
}

/// Why the switch did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another one runs.
    #[error("the traffic switch runs already and listens on {}", .0.display())]
    Running(PathBuf),
    /// The socket could not be made.
    #[error("{}: {source}", .path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The table cannot be read.
    #[error(transparent)]
    Table(#[from] Unreadable),
    /// The one that runs cannot be replaced.
    #[error("the traffic switch that runs cannot be replaced: {0}; it goes on")]
    Handover(io::Error),
}

/// The running switch.
#[derive(Debug)]
pub struct Proxy {
    inner: Arc<Inner>,
    control: ControlSocket,
    answering: JoinHandle<()>,
    giving: JoinHandle<()>,
    ebbing: JoinHandle<()>,
    _seeing: AbortOnDropHandle<()>,
    /// Whoever has taken this one's place.
    successors: Arc<tokio::sync::Mutex<mpsc::Receiver<Successor>>>,
}

/// The switch that serves now, and waits for this one to let go of the control socket.
#[derive(Debug)]
pub struct Successor(UnixStream);

impl Proxy {
    /// Reads the table, opens the ports and the control socket. A port that cannot be opened is told in the
    /// status and tried again; the other apps are served. Nothing is sent to a target of the table before it is seen
    /// that its container runs and is where it was, or [`Switch::repair`] tells that it runs and where.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let mut way_in = WayIn::find(&config).await?;
        let table = TableFile::at(&config.table);
        table.sweep();
        let loaded = table.load()?;
        if let Some(trouble) = &loaded.trouble {
            tracing::error!("{trouble}");
        }
        let inner = Arc::new(Inner {
            switch: Switch::new(table, loaded.routes, config.limits.clone()),
            listeners: Listeners::new(config.bind, Terms::new(config.limits, config.trusted_proxies)),
            version: config.version,
            trouble: loaded.trouble,
            ports: tokio::sync::Mutex::new(()),
        });
        inner.switch.recognize().await;
        if let WayIn::Taken(taken) = &mut way_in {
            let listeners = std::mem::take(&mut taken.listeners);
            inner.listeners.inherit(listeners).map_err(StartError::Handover)?;
        }
        for route in inner.switch.routes() {
            match inner.listeners.open(route.port()) {
                Ok(opened) => {
                    inner.listeners.serve(route, opened).await;
                }
                Err(refused) => {
                    tracing::error!(app = %route.app(), "{refused}");
                    route.set_trouble(Some(refused.to_string()));
                    let (inner, app) = (Arc::clone(&inner), route.app().clone());
                    tokio::spawn(async move {
                        again("a port that is to be opened", || inner.open_later(&app)).await;
                    });
                }
            }
        }
        inner.listeners.forget_inherited();
        let (control, listener) = match way_in {
            WayIn::Free(control, listener) => (control, listener),
            WayIn::Taken(taken) => {
                blocking(move || taken.served())
                    .await
                    .map_err(StartError::Handover)?;
                ControlSocket::open(&config.socket).await?
            }
        };
        let asked = Arc::clone(&inner);
        let answering = tokio::spawn(async move {
            again("the control socket", || control::accept(&listener, &asked)).await;
        });
        let waiting = handover::open(&config.socket).map_err(|source| StartError::Socket {
            path: handover::place(&config.socket),
            source,
        })?;
        let (sender, successors) = mpsc::channel(1);
        let given = Arc::clone(&inner);
        let giving = tokio::spawn(async move {
            again("the hand-over", || give(&waiting, &given, &sender)).await;
        });
        let seen = Arc::clone(&inner);
        let seeing = tokio::spawn(async move {
            again("the containers' processes", || seen.switch.keep_seeing()).await;
        });
        let ebbed = Arc::clone(&inner);
        let ebbing = tokio::spawn(async move {
            again("the memory", || give_memory_back(Arc::clone(&ebbed))).await;
        });
        Ok(Self {
            inner,
            control,
            answering,
            giving,
            ebbing,
            _seeing: AbortOnDropHandle::new(seeing),
            successors: Arc::new(tokio::sync::Mutex::new(successors)),
        })
    }

    /// Waits until another switch serves in this one's place: what is left is to [`Proxy::leave`].
    pub fn successor(&self) -> impl Future<Output = Successor> + use<> {
        let successors = Arc::clone(&self.successors);
        async move {
            match successors.lock().await.recv().await {
                Some(successor) => successor,
                None => std::future::pending().await,
            }
        }
    }

    /// Lets the one that serves now have the rest: answers the requests in flight, upgraded connections too, and cuts
    /// what is left at the limit.
    pub async fn leave(self, successor: Successor, limit: Duration) {
        let listeners = &self.inner.listeners;
        listeners.leaving.cancel();
        listeners.connections.close();
        self.control.pass_on(successor);
        let began = Instant::now();
        // Who is about to send another request on a connection is answered, and told that it ends.
        if timeout(LINGER.min(limit), listeners.connections.wait())
            .await
            .is_err()
        {
            listeners.stopping.cancel();
            let left = limit.saturating_sub(began.elapsed());
            let _ = timeout(left, listeners.connections.wait()).await;
        }
        listeners.cutting.cancel();
        // Until the other one's socket has its name, this one answers.
        self.answering.abort();
    }

    /// The routes and targets, for whoever runs in the same process.
    pub fn switch(&self) -> &Switch {
        &self.inner.switch
    }

    /// Stops: no more connections, requests in flight finish, idle connections end; upgraded connections are
    /// cut, and all the rest at the limit.
    pub async fn stop(self, limit: Duration) {
        self.answering.abort();
        self.giving.abort();
        self.ebbing.abort();
        let listeners = &self.inner.listeners;
        listeners.stopping.cancel();
        listeners.cutting.cancel();
        listeners.connections.close();
        // Another one may start while the last requests are answered.
        self.control.close();
        let _ = tokio::time::timeout(limit, listeners.connections.wait()).await;
    }
}

/// The control socket, of one switch at a time: whoever has the lock beside it owns it, and the kernel frees that
/// lock when its holder dies.
#[derive(Debug)]
struct ControlSocket {
    path: PathBuf,
    lock: File,
}

/// Does what blocks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other)?
}

/// How a switch gets the place it serves in.
enum WayIn {
    /// It was free, and so the control socket is this one's already.
    Free(ControlSocket, UnixListener),
    /// Another one serves there still, and has given its sockets.
    Taken(Taken),
}

impl WayIn {
    async fn find(config: &Config) -> Result<Self, StartError> {
        if config.take_over && Client::new(&config.socket).status().await.is_ok() {
            let control = config.socket.clone();
            let taken = blocking(move || handover::take(&control)).await;
            return taken.map(Self::Taken).map_err(StartError::Handover);
        }
        let (control, listener) = ControlSocket::open(&config.socket).await?;
        Ok(Self::Free(control, listener))
    }
}

/// Gives the memory back that a flood of clients took, once that has gone.
async fn give_memory_back(inner: Arc<Inner>) {
    let mut ticks = interval(EBB);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if inner.listeners.terms.crowd.has_ebbed() {
            let _ = tokio::task::spawn_blocking(memory::give_back).await;
        }
    }
}

/// Gives the sockets to whoever asks for them, until somebody serves them.
async fn give(waiting: &UnixListener, inner: &Inner, successors: &mpsc::Sender<Successor>) {
    let mut pause = Pause::up_to(ENDING);
    loop {
        let Ok(asking) = waiting.accept().await.and_then(|(asking, _)| asking.into_std()) else {
            sleep(pause.take()).await;
            continue;
        };
        // No port is opened or closed while somebody takes over.
        let _none_meanwhile = inner.ports.lock().await;
        let Ok(descriptors) = inner.listeners.descriptors() else {
            continue;
        };
        match blocking(move || handover::give(asking, &descriptors)).await {
            Ok(connection) => {
                let _ = successors.send(Successor(connection)).await;
                return;
            }
            Err(error) => tracing::warn!("the switch was not handed over: {error}"),
        }
    }
}

impl ControlSocket {
    /// Opens it; what a dead switch has left there is replaced. One that is about to end is waited for.
    async fn open(path: &Path) -> Result<(Self, UnixListener), StartError> {
        let failed = |source| StartError::Socket {
            path: path.to_owned(),
            source,
        };
        let lock = File::create(path.with_extension("lock")).map_err(failed)?;
        let began = Instant::now();
        let mut pause = Pause::up_to(ENDING);
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                // A process that was killed keeps its locks, and even its sockets, until the kernel has done with it:
                // only an answer tells one that lives.
                Err(TryLockError::WouldBlock) => {
                    let left = ENDING.saturating_sub(began.elapsed());
                    let asked = timeout(left, Client::new(path).status()).await;
                    if left.is_zero() || asked.is_ok_and(|answer| answer.is_ok()) {
                        return Err(StartError::Running(path.to_owned()));
                    }
                    sleep(pause.take()).await;
                }
            }
        }
        // It gets its name when it answers, so that there is always somebody at the name.
        let unnamed = path.with_extension("new");
        match fs::remove_file(&unnamed) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&unnamed).map_err(failed)?;
        fs::set_permissions(&unnamed, fs::Permissions::from_mode(0o660)).map_err(failed)?;
        fs::rename(&unnamed, path).map_err(failed)?;
        let control = Self {
            path: path.to_owned(),
            lock,
        };
        Ok((control, listener))
    }

    /// Removes it, and lets another switch have its place.
    fn close(self) {
        let _ = fs::remove_file(&self.path);
    }

    /// Lets the successor have its place: the lock first, then the word that it is free.
    fn pass_on(self, successor: Successor) {
        drop(self.lock);
        drop(successor.0);
    }
}
