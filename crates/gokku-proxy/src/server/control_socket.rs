//! The control socket, which one switch has at a time: whoever holds the lock beside it owns it, and the kernel releases
//! that lock when its holder dies.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as Listening;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gokku_core::machine::backoff::Backoff;
use tokio::net::UnixListener;
use tokio::time::{Instant, sleep, timeout};

use crate::control::client::Client;
use crate::server::proxy::StartError;
use crate::server::service_manager::inode;

/// How long a switch that no longer answers may take to be gone.
pub(crate) const END_TIMEOUT: Duration = Duration::from_secs(5);

/// The control socket of this switch.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    path: PathBuf,
    lock: File,
}

impl ControlSocket {
    /// Opens the control socket, in place of one that a dead switch has left, or takes that if it was kept: then nobody who
    /// asks notices. Waits for a switch that is about to end.
    pub(crate) async fn open(path: &Path, kept: Vec<Listening>) -> Result<(Self, UnixListener), StartError> {
        let failed = |source| StartError::Socket {
            path: path.to_owned(),
            source,
        };
        let mut lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.with_extension("lock"))
            .map_err(failed)?;
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
        let named = read_number(&mut lock);
        let is_named = |listener: &Listening| path.exists() && inode(listener).ok() == named;
        if let Some(listener) = kept.into_iter().find(is_named) {
            listener.set_nonblocking(true).map_err(failed)?;
            let listener = UnixListener::from_std(listener).map_err(failed)?;
            let path = path.to_owned();
            return Ok((Self { path, lock }, listener));
        }
        // The socket gets its name once it listens, so that something always answers at that name.
        let unnamed = bound_path(path);
        match fs::remove_file(&unnamed) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&unnamed).map_err(failed)?;
        fs::set_permissions(&unnamed, fs::Permissions::from_mode(0o660)).map_err(failed)?;
        fs::rename(&unnamed, path).map_err(failed)?;
        // Without the number the next one makes a socket of its own.
        let _ = inode(&listener).and_then(|number| write_number(&mut lock, number));
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

/// Returns the path that a control socket is bound to, before it gets its name.
pub(crate) fn bound_path(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// Reads which socket the one with the name is. It stands in the lock's file, because only its owner gives the name away; no
/// path tells.
fn read_number(lock: &mut File) -> Option<u64> {
    let mut text = String::new();
    lock.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_number(lock: &mut File, number: u64) -> io::Result<()> {
    lock.seek(SeekFrom::Start(0))?;
    lock.set_len(0)?;
    lock.write_all(format!("{number}\n").as_bytes())
}
