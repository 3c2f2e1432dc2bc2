//! The switch as a whole: started from its table, stopped without losing a request.

use std::fs::{self, File, TryLockError};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::time::{Instant, timeout};

use crate::client::Client;
use crate::control;
use crate::inner::Inner;
use crate::listen::Listeners;
use crate::pause::Pause;
use crate::switch::Switch;
use crate::table::{TableFile, Unreadable};

/// How long one that does not answer any more may take to be gone.
const ENDING: Duration = Duration::from_secs(5);

/// What the switch needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The route table.
    pub table: PathBuf,
    /// The control API's socket.
    pub socket: PathBuf,
    /// The address that host ports are opened on; all of them without.
    pub bind: Option<IpAddr>,
    /// The program's version, for its status.
    pub version: String,
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
}

/// The running switch.
#[derive(Debug)]
pub struct Proxy {
    inner: Arc<Inner>,
    control: ControlSocket,
    answering: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Reads the table, opens the ports and the control socket. A port that cannot be opened is told in the
    /// status and tried again; the other apps are served. Nothing is sent to a target of the table before
    /// [`Switch::repair`] tells that it runs and where, or [`Switch::trust`] that nobody can tell.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let (control, listener) = ControlSocket::open(&config.socket).await?;
        let table = TableFile::at(&config.table);
        table.sweep();
        let loaded = table.load()?;
        if let Some(trouble) = &loaded.trouble {
            tracing::error!("{trouble}");
        }
        let inner = Arc::new(Inner {
            switch: Switch::new(table, loaded.routes),
            listeners: Listeners::new(config.bind),
            version: config.version,
            trouble: loaded.trouble,
            ports: tokio::sync::Mutex::new(()),
        });
        for route in inner.switch.routes() {
            match inner.listeners.open(route.port()) {
                Ok(opened) => {
                    inner.listeners.serve(route, opened).await;
                }
                Err(refused) => {
                    tracing::error!(app = %route.app(), "{refused}");
                    route.set_trouble(Some(refused.to_string()));
                    tokio::spawn(Arc::clone(&inner).open_later(route.app().clone()));
                }
            }
        }
        let answering = tokio::spawn(control::accept(listener, Arc::clone(&inner)));
        Ok(Self {
            inner,
            control,
            answering,
        })
    }

    /// The routes and targets, for whoever runs in the same process.
    pub fn switch(&self) -> &Switch {
        &self.inner.switch
    }

    /// Stops: no more connections, requests in flight finish, idle connections end; upgraded connections are
    /// cut, and all the rest at the limit.
    pub async fn stop(self, limit: Duration) {
        self.answering.abort();
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
    _lock: File,
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
                    pause.wait().await;
                }
            }
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o660)).map_err(failed)?;
        let control = Self {
            path: path.to_owned(),
            _lock: lock,
        };
        Ok((control, listener))
    }

    /// Removes it, and lets another switch have its place.
    fn close(self) {
        let _ = fs::remove_file(&self.path);
    }
}
