//! One app's route: its ports, its targets, and whether requests wait.
//!
//! A request, or a connection of a TCP port, is counted on its target under the same read lock that picks it, and a switch takes the write lock: after a
//! switch, whoever drains the old target knows of every request it will ever have.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard};
use std::time::Duration;

use gokku_core::app::error_pages::ErrorPages;
use gokku_core::app::maintenance::Maintenance;
use gokku_core::domains::domain::{Domain, first_address};
use gokku_core::{AppName, ContainerId};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::control::api;
use crate::http::error_reason::ErrorLog;
use crate::route::balance::pick;
use crate::route::table::{Entry, all_domains};
use crate::route::target::{Lease, Target};
use crate::support::lock::{lock, read, write};

/// An app's route.
#[derive(Debug)]
pub struct Route {
    app: AppName,
    state: RwLock<State>,
    /// Notified when the state has changed.
    changed: Notify,
    /// Whether there is maintenance in the state: most requests need no more of it.
    in_maintenance: AtomicBool,
    requests: AtomicU64,
    waiting: AtomicU64,
    trouble: Mutex<Option<String>>,
    errors: Arc<ErrorLog>,
}

#[derive(Debug)]
struct State {
    port: Option<u16>,
    /// The app's TCP ports, open or not.
    tcp: Vec<u16>,
    targets: Vec<Arc<Target>>,
    /// How long each request may wait, while requests wait.
    hold: Option<Duration>,
    /// What clients get in place of the app.
    maintenance: Option<Arc<Maintenance>>,
    /// The app's own domains, and its release's.
    domains: Vec<Domain>,
    release_domains: Vec<Domain>,
    error_pages: Arc<ErrorPages>,
}

impl State {
    fn new(entry: Entry, targets: Vec<Arc<Target>>) -> Self {
        Self {
            port: entry.port,
            tcp: entry.tcp,
            targets,
            hold: entry.hold_ms.map(Duration::from_millis),
            maintenance: entry.maintenance.map(Arc::new),
            domains: entry.domains,
            release_domains: entry.release_domains,
            error_pages: Arc::new(entry.error_pages),
        }
    }

    /// Returns it as it stands in the table.
    fn entry(&self) -> Entry {
        Entry {
            port: self.port,
            tcp: self.tcp.clone(),
            targets: self.targets.iter().map(|target| target.facts()).collect(),
            hold_ms: self
                .hold
                .map(|hold| u64::try_from(hold.as_millis()).unwrap_or(u64::MAX)),
            maintenance: self.maintenance.as_deref().cloned(),
            domains: self.domains.clone(),
            release_domains: self.release_domains.clone(),
            error_pages: (*self.error_pages).clone(),
        }
    }
}

/// Why a request gets no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unroutable {
    /// The app has none: it was stopped, or never deployed.
    NoTarget,
    /// The request has waited as long as it may.
    HeldTooLong,
}

/// Counts a waiting request for as long as it lives.
struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Route {
    /// Creates a route as the table has it, with these targets.
    pub(super) fn new(app: AppName, entry: Entry, targets: Vec<Arc<Target>>) -> Self {
        Self {
            errors: Arc::new(ErrorLog::of_app(app.clone())),
            app,
            in_maintenance: AtomicBool::new(entry.maintenance.is_some()),
            state: RwLock::new(State::new(entry, targets)),
            changed: Notify::new(),
            requests: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            trouble: Mutex::new(None),
        }
    }

    /// Returns the app.
    pub fn app(&self) -> &AppName {
        &self.app
    }

    /// Returns the log of the switch's own answers to the app's clients.
    pub(crate) fn errors(&self) -> &Arc<ErrorLog> {
        &self.errors
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        read(&self.state)
    }

    /// Returns what the app's clients get in place of the app.
    pub(crate) fn maintenance(&self) -> Option<Arc<Maintenance>> {
        if !self.in_maintenance.load(Ordering::Acquire) {
            return None;
        }
        self.state().maintenance.clone()
    }

    /// Returns the pages of the release for where the switch has to answer.
    pub(crate) fn error_pages(&self) -> Arc<ErrorPages> {
        Arc::clone(&self.state().error_pages)
    }

    /// Counts a request as accepted, and returns its number, which is its turn among several targets.
    pub(crate) fn count_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// Picks a target and counts the request on it, in one step; waits first while requests are held. `refused` are the
    /// containers that have refused this request.
    pub(crate) async fn lease(&self, turn: u64, refused: &[ContainerId]) -> Result<Lease, Unroutable> {
        self.take(|targets| pick(targets, turn, refused).map(Lease::take))
            .await
    }

    /// The same for a connection of a TCP port: of the targets that this port leads to.
    pub(crate) async fn lease_tcp(
        &self,
        port: u16,
        turn: u64,
        refused: &[ContainerId],
    ) -> Result<Lease, Unroutable> {
        self.take(|targets| {
            let there = targets.iter().filter(|target| target.has_tcp(port));
            let there: Vec<Arc<Target>> = there.cloned().collect();
            pick(&there, turn, refused).map(Lease::take_connection)
        })
        .await
    }

    /// Takes a lease under the lock under which the targets change, once nothing is held.
    async fn take(&self, pick: impl Fn(&[Arc<Target>]) -> Option<Lease>) -> Result<Lease, Unroutable> {
        let began = Instant::now();
        let mut waiting = None;
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Listen before looking, so that a release in between is not missed.
            changed.as_mut().enable();
            let limit = {
                let state = self.state();
                match state.hold {
                    None => return pick(&state.targets).ok_or(Unroutable::NoTarget),
                    Some(limit) => limit,
                }
            };
            waiting.get_or_insert_with(|| Waiting::new(&self.waiting));
            if timeout_at(began + limit, changed).await.is_err() {
                return Err(Unroutable::HeldTooLong);
            }
        }
    }

    /// Returns whether there is a target other than this container that is up.
    pub(crate) fn has_other(&self, container: &ContainerId) -> bool {
        let state = self.state();
        let mut others = state.targets.iter();
        others.any(|target| !target.is_down() && target.facts().container != *container)
    }

    /// Returns the route as it stands in the table.
    pub(crate) fn entry(&self) -> Entry {
        self.state().entry()
    }

    /// Changes the route, for those who wait as well.
    pub(super) fn set(&self, entry: Entry, targets: Vec<Arc<Target>>) {
        {
            let mut state = write(&self.state);
            self.in_maintenance
                .store(entry.maintenance.is_some(), Ordering::Release);
            *state = State::new(entry, targets);
        }
        self.changed.notify_waiters();
    }

    /// Takes all targets away, also from those who wait.
    pub(super) fn clear(&self) {
        {
            let mut state = write(&self.state);
            state.targets = Vec::new();
            state.hold = None;
        }
        self.changed.notify_waiters();
    }

    /// Sets why a port is not open.
    pub(crate) fn set_trouble(&self, trouble: Option<String>) {
        *lock(&self.trouble) = trouble;
    }

    /// Returns whether a port of the server is the app's, open or not.
    pub(crate) fn has_port(&self, port: u16) -> bool {
        let state = self.state();
        state.port == Some(port) || state.tcp.contains(&port)
    }

    /// Returns the targets whose health is checked, and the name by which they are asked: none while requests are held, because
    /// what is there is about to stop.
    pub(super) fn checked_targets(&self) -> (Vec<Arc<Target>>, Option<String>) {
        let state = self.state();
        if state.hold.is_some() {
            return (Vec::new(), None);
        }
        let first = first_address(&state.domains, &state.release_domains);
        let host = first.map(|domain| domain.name.as_str().to_owned());
        (state.targets.clone(), host)
    }

    /// Returns the status; `known` are all targets that there are, also those that get no traffic any more.
    pub(super) fn status<'a>(&self, known: impl Iterator<Item = &'a Arc<Target>>) -> api::RouteStatus {
        let (
            targets,
            Entry {
                port,
                tcp,
                hold_ms,
                maintenance,
                domains,
                release_domains,
                error_pages,
                ..
            },
        ) = {
            let state = self.state();
            (state.targets.clone(), state.entry())
        };
        let retired = known
            .filter(|target| {
                target.app == self.app
                    && target.in_flight() > 0
                    && !targets.iter().any(|routed| Arc::ptr_eq(routed, target))
            })
            .map(|target| target.status())
            .collect();
        api::RouteStatus {
            app: self.app.clone(),
            port,
            tcp,
            targets: targets.iter().map(|target| target.status()).collect(),
            retired,
            held: hold_ms.is_some(),
            maintenance: maintenance.is_some(),
            error_pages: !error_pages.is_empty(),
            waiting: self.waiting.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            trouble: lock(&self.trouble).clone(),
            domains: all_domains(&domains, &release_domains),
            release_domains,
        }
    }
}
