//! What all connections share: the version, the behaviour, the count of requests, and whether it is stopping.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use crate::behaviour::Behaviour;

/// The one state of the process.
pub(crate) struct State {
    /// `APP_VERSION`, else the first line of `/version`, else `none`.
    pub(crate) version: String,
    pub(crate) behaviour: Behaviour,
    requests: AtomicU64,
    health: AtomicU16,
    stopping: AtomicBool,
    open: Mutex<u64>,
    closed: Condvar,
}

impl State {
    pub(crate) fn new(behaviour: Behaviour) -> Self {
        let version = std::env::var("APP_VERSION")
            .or_else(|_| std::fs::read_to_string("/version"))
            .unwrap_or_else(|_| "none".to_owned());
        Self {
            version: version.lines().next().unwrap_or("none").trim().to_owned(),
            health: AtomicU16::new(behaviour.health_status.unwrap_or(200)),
            behaviour,
            requests: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            open: Mutex::new(0),
            closed: Condvar::new(),
        }
    }

    /// Counts a request of a client.
    pub(crate) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Client requests since the start; probes (`/health`) and `/requests` itself are none.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// What `/health` answers.
    pub(crate) fn health(&self) -> u16 {
        self.health.load(Ordering::SeqCst)
    }

    /// From now on `/health` answers this.
    pub(crate) fn set_health(&self, status: u16) {
        self.health.store(status, Ordering::SeqCst);
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    pub(crate) fn opened(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    pub(crate) fn closed(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.closed.notify_all();
    }

    /// Waits until the last connection is closed.
    pub(crate) fn wait_until_closed(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while *open > 0 {
            open = self.closed.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
