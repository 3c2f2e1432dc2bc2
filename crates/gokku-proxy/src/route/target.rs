//! One container that gets traffic, or got it: its requests in flight, its connections, its drain.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::Either;
use gokku_core::config::app_protocol::AppProtocol;
use gokku_core::{AppName, ContainerId};
use hyper::{Request, Response, Version};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::client::request_body::RequestBody;
use crate::config::health_checks::Checks;
use crate::config::limits::Limits;
use crate::control::api;
use crate::os::container_process::{ContainerProcess, ProcessIdentity, WatchedProcess};
use crate::route::connector::{ConnectError, Connector};
use crate::route::endpoint::Endpoint;
use crate::route::target_health::{Health, HealthChange};
use crate::route::upstream_http2::Http2Pool;
use crate::route::upstream_pool::{SendError, UpstreamBody, UpstreamPool};
use crate::support::lock::lock;

/// How long upgraded connections may take to end once they are cut.
const CUT_TIMEOUT: Duration = Duration::from_secs(5);

/// A container that gets traffic, or got it.
#[derive(Debug)]
pub struct Target {
    /// The app that the container belongs to, and no other.
    pub(crate) app: AppName,
    endpoint: Arc<Endpoint>,
    health: Mutex<Health>,
    process: Mutex<SeenProcess>,
    connections: Arc<UpstreamPool>,
    streams: Http2Pool,
    /// The app speaks HTTP/2.
    h2c: AtomicBool,
    /// Its answers are compressed.
    compression: AtomicBool,
    plain: AtomicU64,
    /// Upgraded connections, and those of TCP ports.
    upgraded: AtomicU64,
    /// The app answers in HTTP/1.0, which knows no `100 Continue`.
    http10: AtomicBool,
    /// Notified when a request has ended.
    ended: Notify,
    /// Cuts the upgraded connections, and those of TCP ports.
    pub(crate) cut: CancellationToken,
}

/// What is seen of the container's first process.
#[derive(Debug, Default)]
struct SeenProcess {
    process: Option<WatchedProcess>,
    /// Whether one was ever seen: then there is one as long as the container runs.
    ever: bool,
}

impl Target {
    pub(crate) fn new(app: AppName, facts: api::Target, limits: &Limits) -> Self {
        let h2c = AtomicBool::new(facts.protocol == AppProtocol::H2c);
        let compression = AtomicBool::new(facts.compression);
        let endpoint = Arc::new(Endpoint::new(facts));
        let connections = UpstreamPool::new(Connector::new(Arc::clone(&endpoint), limits), limits);
        Self {
            app,
            endpoint,
            health: Mutex::default(),
            process: Mutex::default(),
            connections,
            streams: Http2Pool::new(limits),
            h2c,
            compression,
            plain: AtomicU64::new(0),
            upgraded: AtomicU64::new(0),
            http10: AtomicBool::new(false),
            ended: Notify::new(),
            cut: CancellationToken::new(),
        }
    }

    /// Returns what the switch was told of the container.
    pub fn facts(&self) -> api::Target {
        self.endpoint.facts()
    }

    /// Returns the container's last known address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.facts().address
    }

    /// Returns where requests can be sent now; nothing while the container is down.
    pub(crate) fn reachable(&self) -> Option<SocketAddr> {
        self.endpoint.reachable()
    }

    /// Returns whether a TCP port of the server leads to it.
    pub(crate) fn has_tcp(&self, host: u16) -> bool {
        self.endpoint.tcp_port(host).is_some()
    }

    /// Returns where connections of a TCP port of the server can be made now; nothing while the container is down.
    pub(crate) fn reachable_tcp(&self, host: u16) -> Option<SocketAddr> {
        let address = self.reachable()?;
        let port = self.endpoint.tcp_port(host)?;
        Some(SocketAddr::new(address.ip(), port))
    }

    pub(crate) fn is_down(&self) -> bool {
        self.endpoint.is_down()
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.endpoint.set_down(down);
    }

    /// Marks the container as running. If it was down, it has to pass a health check again.
    pub(crate) fn mark_up(&self) {
        let mut seen = self.seen();
        // The end of an earlier process says nothing any more.
        seen.process.take_if(|process| process.pid().is_none());
        if self.is_down() {
            self.set_health(Health::Unproven(0));
        }
        self.set_down(false);
    }

    /// Marks the container as running and healthy, as whoever gives it the traffic has seen.
    pub(crate) fn mark_healthy(&self) {
        self.mark_up();
        self.set_health(Health::Good);
    }

    fn seen(&self) -> MutexGuard<'_, SeenProcess> {
        lock(&self.process)
    }

    /// Returns the id of the container's first process, while one is seen.
    pub(crate) fn process(&self) -> Option<u32> {
        self.seen().process.as_ref().and_then(WatchedProcess::pid)
    }

    /// Watches the container's first process: when that ends the target is down, and `on_end` is called.
    pub(crate) fn watch(
        self: &Arc<Self>,
        process: ContainerProcess,
        on_end: impl FnOnce(&ContainerId) + Send + 'static,
    ) -> io::Result<()> {
        let target = Arc::downgrade(self);
        // Held until it is known which process this is: it may end at once.
        let mut seen = self.seen();
        let watched = WatchedProcess::start(process, move |identity| {
            if let Some(target) = target.upgrade()
                && target.process_ended(&identity)
            {
                on_end(&target.facts().container);
            }
        })?;
        seen.ever = true;
        seen.process = Some(watched);
        Ok(())
    }

    /// Notes that a process has ended; returns whether it was the one that is watched now.
    fn process_ended(&self, identity: &ProcessIdentity) -> bool {
        let seen = self.seen();
        let is_current = seen.process.as_ref().is_some_and(|process| process.is(identity));
        if is_current {
            self.set_down(true);
        }
        is_current
    }

    /// Notes that the container's first process was looked for and not found. If one was seen before, the container has
    /// ended.
    pub(crate) fn process_not_found(&self) {
        let seen = self.seen();
        if seen.ever && seen.process.as_ref().and_then(WatchedProcess::pid).is_none() {
            self.set_down(true);
        }
    }

    /// Returns the state of the target's health.
    pub(crate) fn health(&self) -> Health {
        *lock(&self.health)
    }

    fn set_health(&self, health: Health) {
        *lock(&self.health) = health;
    }

    /// Records a health check. Returns what it has changed, and the health after it.
    pub(crate) fn record_check(&self, passed: bool, checks: Checks) -> (Option<HealthChange>, Health) {
        let mut health = lock(&self.health);
        let before = *health;
        *health = before.after(passed, checks);
        (health.change_since(before), *health)
    }

    /// Returns whether the app is known not to answer `Expect: 100-continue`.
    pub(crate) fn is_http10(&self) -> bool {
        self.http10.load(Ordering::Relaxed)
    }

    /// Notes the version that the app answers in.
    pub(crate) fn note_version(&self, version: Version) {
        let http10 = version < Version::HTTP_11;
        if http10 != self.is_http10() {
            self.http10.store(http10, Ordering::Relaxed);
        }
    }

    /// Returns what the app speaks.
    pub(crate) fn protocol(&self) -> AppProtocol {
        if self.is_h2c() {
            AppProtocol::H2c
        } else {
            AppProtocol::Http1
        }
    }

    /// Returns whether that is HTTP/2.
    pub(crate) fn is_h2c(&self) -> bool {
        self.h2c.load(Ordering::Relaxed)
    }

    /// Returns whether its answers are compressed for clients that take them so.
    pub(crate) fn compresses(&self) -> bool {
        self.compression.load(Ordering::Relaxed)
    }

    /// Sends a request to the container at this address, in the form that its protocol has, and returns its answer. Dropping the
    /// future gives it up.
    pub(crate) fn send(
        &self,
        address: SocketAddr,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<UpstreamBody>, SendError>> + Send {
        if request.version() == Version::HTTP_2 {
            // In a box: a request of HTTP/1.1 needs no room for it.
            let sending = self.streams.send(self.connections.connector(), address, request);
            Either::Left(Box::pin(sending))
        } else {
            Either::Right(self.connections.send(address, request))
        }
    }

    /// Connects to one of its TCP ports.
    pub(crate) async fn connect(&self, address: SocketAddr) -> Result<TcpStream, ConnectError> {
        self.connections.connector().connect_tcp(address).await
    }

    /// Replaces what the switch was told of the container.
    pub(crate) fn update(&self, facts: api::Target) {
        self.h2c
            .store(facts.protocol == AppProtocol::H2c, Ordering::Relaxed);
        self.compression.store(facts.compression, Ordering::Relaxed);
        self.endpoint.update(facts);
    }

    /// Returns how many requests are in flight, upgraded connections included.
    pub(crate) fn in_flight(&self) -> u64 {
        self.plain.load(Ordering::Acquire) + self.upgraded.load(Ordering::Acquire)
    }

    /// Returns the target's status.
    pub fn status(&self) -> api::TargetStatus {
        let facts = self.facts();
        let upgraded = self.upgraded.load(Ordering::Acquire);
        api::TargetStatus {
            container: facts.container,
            release: facts.release,
            address: facts.address,
            protocol: facts.protocol,
            tcp: facts.tcp,
            proxy_protocol: facts.proxy_protocol,
            down: self.is_down(),
            process: self.process(),
            unhealthy: self.health() == Health::Out,
            in_flight: self.plain.load(Ordering::Acquire) + upgraded,
            upgraded,
        }
    }

    /// Waits until no request is in flight and no upgraded connection or one of a TCP port goes on, each up to its limit; then cuts
    /// the connections that are left.
    pub async fn drain(&self, limit: Duration, upgrade_limit: Duration) -> api::Drained {
        let now = Instant::now();
        self.wait_for_none(&self.plain, now + limit).await;
        self.wait_for_none(&self.upgraded, now + upgrade_limit).await;
        let cut = self.upgraded.load(Ordering::Acquire);
        if cut > 0 {
            self.cut.cancel();
            self.wait_for_none(&self.upgraded, Instant::now() + CUT_TIMEOUT)
                .await;
        }
        api::Drained {
            left: self.plain.load(Ordering::Acquire),
            cut,
        }
    }

    /// Waits until a count is zero.
    async fn wait_for_none(&self, count: &AtomicU64, until: Instant) {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            // Listen before looking, so that an end in between is not missed.
            ended.as_mut().enable();
            if count.load(Ordering::Acquire) == 0 || timeout_at(until, ended).await.is_err() {
                return;
            }
        }
    }
}

/// One request in flight on a target, for as long as this lives: until the response's body ends, or the upgraded connection or that of
/// a TCP port.
#[derive(Debug)]
pub struct Lease {
    target: Arc<Target>,
    upgraded: bool,
}

impl Lease {
    /// Counts a request. To be called only where the target is picked, under the route's lock.
    pub(crate) fn take(target: &Arc<Target>) -> Self {
        target.plain.fetch_add(1, Ordering::AcqRel);
        Self {
            target: Arc::clone(target),
            upgraded: false,
        }
    }

    /// Counts a connection of a TCP port, which may go on for as long as an upgraded one. To be called where [`Lease::take`] is.
    pub(crate) fn take_connection(target: &Arc<Target>) -> Self {
        target.upgraded.fetch_add(1, Ordering::AcqRel);
        Self {
            target: Arc::clone(target),
            upgraded: true,
        }
    }

    /// Returns the target.
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Counts the request as an upgraded connection from now on.
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
