//! The control socket, which one switch has at a time: whoever holds the lock beside it owns it, and the kernel releases
//! that lock when its holder dies.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gokku_core::machine::backoff::Backoff;
use tokio::net::UnixListener;
use tokio::time::{Instant, sleep, timeout};

use crate::control::client::Client;
use crate::server::proxy::StartError;

/// How long a switch that no longer answers may take to be gone.
pub(crate) const END_TIMEOUT: Duration = Duration::from_secs(5);

/// The control socket of this switch.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    path: PathBuf,
    lock: File,
}

impl ControlSocket {
    /// Opens the control socket, in place of one that a dead switch has left. Waits for a switch that is about to end.
    pub(crate) async fn open(path: &Path) -> Result<(Self, UnixListener), StartError> {
        let failed = |source| StartError::Socket {
            path: path.to_owned(),
            source,
        };
        let lock = File::create(path.with_extension("lock")).map_err(failed)?;
        let began = Instant::now();
        let mut pause = Backoff::up_to(END_TIMEOUT);
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                // A killed process keeps its locks, and even its sockets, until the kernel is done with it: only an answer
                // shows that it lives.
                Err(TryLockError::WouldBlock) => {
                    let left = END_TIMEOUT.saturating_sub(began.elapsed());
                    let asked = timeout(left, Client::new(path).status()).await;
                    if left.is_zero() || asked.is_ok_and(|answer| answer.is_ok()) {
                        return Err(StartError::Running(path.to_owned()));
                    }
                    sleep(pause.take()).await;
                }
            }
        }
        // The socket gets its name once it listens, so that something always answers at that name.
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

    /// Removes the socket, and lets another switch have its place.
    pub(crate) fn close(self) {
        let _ = fs::remove_file(&self.path);
    }

    /// Lets another switch have the socket's place, but leaves the socket there until that one replaces it.
    pub(crate) fn release(self) {
        drop(self.lock);
    }
}
