//! One container that gets, or got, traffic: its requests in flight, its connections, its end.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gokku_core::{AppName, ContainerId};
use hyper::Version;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::body::Body;
use crate::connector::Connector;
use crate::health::{Checks, Health, Turn};
use crate::limits::Limits;
use crate::place::Place;
use crate::process::{Found, Watched, Which};

/// Idle connections to apps are closed before apps close theirs, which is after 5 s for the hastiest.
const IDLE: Duration = Duration::from_secs(4);

/// How long a connection attempt may take; a container is on this machine.
const CONNECT: Duration = Duration::from_secs(5);

/// A container that gets, or got, traffic.
#[derive(Debug)]
pub struct Target {
    /// The app it belongs to: never another one's.
    pub(crate) app: AppName,
    place: Arc<Place>,
    health: Mutex<Health>,
    process: Mutex<Seen>,
    pub(crate) client: Client<Connector, Body>,
    plain: AtomicU64,
    upgraded: AtomicU64,
    /// It answers in HTTP/1.0, which knows no `100 Continue`.
    old: AtomicBool,
    /// Told when a request has ended.
    ended: Notify,
    /// Cuts the upgraded connections.
    pub(crate) cut: CancellationToken,
}

/// What is seen of a container's first process.
#[derive(Debug, Default)]
struct Seen {
    process: Option<Watched>,
    /// Whether one was seen before: then there is one as long as the container runs.
    once: bool,
}

impl Target {
    pub(crate) fn new(app: AppName, facts: api::Target, limits: &Limits) -> Self {
        let place = Arc::new(Place::new(facts));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            // All that is kept of an answer that has no end yet.
            .http1_max_buf_size(limits.max_answer_head_bytes)
            // Room is made for so many with each answer.
            .http1_max_headers(limits.max_answer_headers)
            .http1_preserve_header_case(true)
            .http1_title_case_headers(true)
            .build(Connector::new(
                Arc::clone(&place),
                CONNECT,
                limits.answer_timeout,
                limits.keepalive_interval,
            ));
        Self {
            app,
            place,
            health: Mutex::default(),
            process: Mutex::default(),
            client,
            plain: AtomicU64::new(0),
            upgraded: AtomicU64::new(0),
            old: AtomicBool::new(false),
            ended: Notify::new(),
            cut: CancellationToken::new(),
        }
    }

    /// What was told of it.
    pub fn facts(&self) -> api::Target {
        self.place.facts()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.facts().address
    }

    /// Where requests can be sent now; nowhere while its container is down.
    pub(crate) fn reachable(&self) -> Option<SocketAddr> {
        self.place.reachable()
    }

    pub(crate) fn is_down(&self) -> bool {
        self.place.is_down()
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.place.set_down(down);
    }

    /// Its container runs. One that did not before has to pass a health check again.
    pub(crate) fn revive(&self) {
        let mut seen = self.seen();
        // The end of a process before this one says nothing any more.
        seen.process.take_if(|process| process.number().is_none());
        if self.is_down() {
            self.set_health(Health::Unproven(0));
        }
        self.set_down(false);
    }

    /// Its container runs and is healthy, as whoever gives it the traffic has seen.
    pub(crate) fn prove(&self) {
        self.revive();
        self.set_health(Health::Good);
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of its container's first process; none while none is seen.
    pub(crate) fn process(&self) -> Option<u32> {
        self.seen().process.as_ref().and_then(Watched::number)
    }

    /// Watches its container's first process: with that it is down, and `on_end` is told.
    pub(crate) fn watch(
        self: &Arc<Self>,
        found: Found,
        on_end: impl FnOnce(&ContainerId) + Send + 'static,
    ) -> io::Result<()> {
        let target = Arc::downgrade(self);
        // Held until it is known which one it is: it may end at once.
        let mut seen = self.seen();
        let watched = Watched::start(found, move |which| {
            if let Some(target) = target.upgrade()
                && target.process_ended(&which)
            {
                on_end(&target.facts().container);
            }
        })?;
        seen.once = true;
        seen.process = Some(watched);
        Ok(())
    }

    /// Whether that process was the one it has.
    fn process_ended(&self, which: &Which) -> bool {
        let seen = self.seen();
        let is_it = seen.process.as_ref().is_some_and(|process| process.is(which));
        if is_it {
            self.set_down(true);
        }
        is_it
    }

    /// Its container's first process was looked for, and there is none. Of one that could be seen before, that is its
    /// end.
    pub(crate) fn not_found(&self) {
        let seen = self.seen();
        if seen.once && seen.process.as_ref().and_then(Watched::number).is_none() {
            self.set_down(true);
        }
    }

    /// What is known of its health.
    pub(crate) fn health(&self) -> Health {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_health(&self, health: Health) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }

    /// Takes note of a health check.
    pub(crate) fn judge(&self, passed: bool, checks: Checks) -> (Option<Turn>, Health) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *health;
        *health = before.after(passed, checks);
        (health.turn(before), *health)
    }

    /// Whether it is known not to say when a client may send a body.
    pub(crate) fn is_old(&self) -> bool {
        self.old.load(Ordering::Relaxed)
    }

    /// Takes note of the version that it answers in.
    pub(crate) fn answered_in(&self, version: Version) {
        let old = version < Version::HTTP_11;
        if old != self.is_old() {
            self.old.store(old, Ordering::Relaxed);
        }
    }

    /// Takes these facts for the former ones.
    pub(crate) fn correct(&self, facts: api::Target) {
        self.place.correct(facts);
    }

    /// How many requests it has.
    pub(crate) fn in_flight(&self) -> u64 {
        self.plain.load(Ordering::Acquire) + self.upgraded.load(Ordering::Acquire)
    }

    /// What is known of it.
    pub fn status(&self) -> api::TargetStatus {
        let facts = self.facts();
        let upgraded = self.upgraded.load(Ordering::Acquire);
        api::TargetStatus {
            container: facts.container,
            release: facts.release,
            address: facts.address,
            down: self.is_down(),
            process: self.process(),
            unhealthy: self.health() == Health::Out,
            in_flight: self.plain.load(Ordering::Acquire) + upgraded,
            upgraded,
        }
    }

    /// Waits until no request is in flight, and no upgraded connection goes on; each up to its limit, after
    /// which upgraded connections are cut.
    pub async fn drain(&self, limit: Duration, upgrade_limit: Duration) -> api::Drained {
        let now = Instant::now();
        self.wait_for_none(&self.plain, now + limit).await;
        self.wait_for_none(&self.upgraded, now + upgrade_limit).await;
        let cut = self.upgraded.load(Ordering::Acquire);
        if cut > 0 {
            self.cut.cancel();
            self.wait_for_none(&self.upgraded, Instant::now() + CONNECT).await;
        }
        api::Drained {
            left: self.plain.load(Ordering::Acquire),
            cut,
        }
    }

    async fn wait_for_none(&self, count: &AtomicU64, until: Instant) {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            // Listen before looking, so that an end in between is heard.
            ended.as_mut().enable();
            if count.load(Ordering::Acquire) == 0 || timeout_at(until, ended).await.is_err() {
                return;
            }
        }
    }
}

/// One request in flight on a target. It ends when this is dropped: with the response's body, or with the
/// upgraded connection.
#[derive(Debug)]
pub struct Lease {
    target: Arc<Target>,
    upgraded: bool,
}

impl Lease {
    /// Counts a request. Only to be called where the target is picked, under the route's lock.
    pub(crate) fn take(target: &Arc<Target>) -> Self {
        target.plain.fetch_add(1, Ordering::AcqRel);
        Self {
            target: Arc::clone(target),
            upgraded: false,
        }
    }

    /// Its target.
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// The request has become an upgraded connection.
    pub(crate) fn upgrade(mut self) -> Self {
        self.target.upgraded.fetch_add(1, Ordering::AcqRel);
        self.target.plain.fetch_sub(1, Ordering::AcqRel);
        self.upgraded = true;
        self.target.ended.notify_waiters();
        self
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let count = if self.upgraded {
            &self.target.upgraded
        } else {
            &self.target.plain
        };
        if count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.target.ended.notify_waiters();
        }
    }
}
