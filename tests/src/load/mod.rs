//! Clients that keep an app busy, and count how each request ended.
//!
//! A thread for each client, blocking reads, nothing retried: a request either got its whole answer from the
//! app, or it is counted as the failure it was. `clients` says what each kind does, `report` what is counted,
//! `timeline` which version may answer when.

mod clients;
mod report;
mod timeline;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use report::{Answered, Kind, Report, Tally};
pub use timeline::Timeline;

use rustls::ClientConfig;

use crate::http::{Connection, Failure};
use crate::{PATIENCE, wait_until};

/// How many clients of each kind, and what they do.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// Where the app is reached.
    pub address: SocketAddr,
    /// How it is reached by TLS, and by which name; without, it is reached as it is.
    pub tls: Option<(Arc<ClientConfig>, &'static str)>,
    /// Whether it is files that are served: an answer's body alone says which version they are of.
    pub files: bool,
    /// Clients that send `GET /version` on one connection for as long as the server keeps it.
    pub keep_alive: usize,
    /// Clients that send `GET /version`, each time on a new connection.
    pub fresh: usize,
    /// Clients that send `POST /upload`.
    pub uploads: usize,
    /// How much they send.
    pub upload_bytes: usize,
    /// Clients that send `GET /slow`.
    pub slow: usize,
    /// How long that takes.
    pub slow_ms: u64,
    /// Clients that read `GET /stream`.
    pub streams: usize,
    /// Clients that hold a WebSocket.
    pub web_sockets: usize,
    /// How many echoes they wait for before they close it and open the next.
    pub echoes: usize,
    /// How long they rest between two echoes.
    pub echo_rest: Duration,
    /// How long a keep-alive or fresh client rests between two requests, and one that uploads ten times that. With none, a
    /// few of them take all of a small machine, and what is deployed meanwhile gets little.
    pub rest: Duration,
    /// How long a client waits for bytes before it counts a time-out.
    pub patience: Duration,
}

impl LoadPlan {
    /// No client at all.
    pub fn none(address: SocketAddr) -> Self {
        Self {
            address,
            tls: None,
            files: false,
            keep_alive: 0,
            fresh: 0,
            uploads: 0,
            upload_bytes: 1 << 20,
            slow: 0,
            slow_ms: 2000,
            streams: 0,
            web_sockets: 0,
            echoes: 20,
            echo_rest: Duration::from_millis(50),
            rest: Duration::from_millis(5),
            patience: PATIENCE,
        }
    }

    /// A few of each kind: what a machine of two cores bears beside deploys.
    pub fn small(address: SocketAddr) -> Self {
        Self {
            keep_alive: 4,
            fresh: 4,
            uploads: 2,
            slow: 4,
            streams: 1,
            web_sockets: 2,
            ..Self::none(address)
        }
    }

    /// Connects to the app.
    fn open(&self) -> Result<Connection, Failure> {
        match &self.tls {
            Some((config, name)) => Connection::open_tls(self.address, self.patience, config, name),
            None => Connection::open(self.address, self.patience),
        }
    }

    /// How many clients of this kind.
    fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::KeepAlive => self.keep_alive,
            Kind::Fresh => self.fresh,
            Kind::Upload => self.uploads,
            Kind::Slow => self.slow,
            Kind::Stream => self.streams,
            Kind::WebSocket => self.web_sockets,
        }
    }
}

/// Clients at work.
#[must_use]
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
    began: Instant,
}

/// What the clients of a load have in common.
struct Shared {
    plan: LoadPlan,
    stopping: AtomicBool,
    report: Mutex<Report>,
}

impl Load {
    /// Starts the clients and returns once each kind has had an answer, so that what follows happens under load.
    ///
    /// # Panics
    ///
    /// When some kind gets no answer in a minute.
    #[track_caller]
    pub fn start(plan: LoadPlan) -> Self {
        let load = Self::start_without_waiting(plan);
        wait_until("an answer to each kind of client", PATIENCE, || {
            let report = load.shared.report();
            let idle = |kind: &Kind| load.shared.plan.count(*kind) > 0 && report.of(*kind).answered == 0;
            (!Kind::ALL.iter().any(idle)).then_some(())
        });
        load
    }

    /// Starts the clients, whether anything answers or not.
    pub fn start_without_waiting(plan: LoadPlan) -> Self {
        let shared = Arc::new(Shared {
            plan,
            stopping: AtomicBool::new(false),
            report: Mutex::new(Report::default()),
        });
        let mut clients = Vec::new();
        for kind in Kind::ALL {
            for _ in 0..shared.plan.count(kind) {
                let shared = Arc::clone(&shared);
                shared.report().plan(kind);
                clients.push(thread::spawn(move || clients::run(kind, &shared)));
            }
        }
        Self {
            shared,
            clients,
            began: Instant::now(),
        }
    }

    /// How many answers this version has given so far.
    pub fn answers_of(&self, version: &str) -> u64 {
        self.shared
            .report()
            .by_version()
            .get(version)
            .copied()
            .unwrap_or(0)
    }

    /// How many requests have ended so far, well or not.
    pub fn requests(&self) -> u64 {
        self.shared.report().total().requests()
    }

    /// How many have failed so far.
    pub fn failures(&self) -> u64 {
        self.shared.report().total().failed()
    }

    /// Stops: each client finishes the request it is at.
    pub fn stop(mut self) -> Report {
        self.shared.stop();
        for client in self.clients.drain(..) {
            assert!(client.join().is_ok(), "a load client panicked");
        }
        let mut report = std::mem::take(&mut *self.shared.report());
        report.lasted = self.began.elapsed();
        report
    }
}

impl Drop for Load {
    /// A story that failed leaves no client behind that goes on asking.
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl Shared {
    fn report(&self) -> std::sync::MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}
