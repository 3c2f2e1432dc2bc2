//! What is needed to serve connections ([`ServeContext`]), to end them ([`Shutdown`]), and to answer one request
//! ([`RequestContext`]).

use std::net::IpAddr;
use std::sync::Arc;

use gokku_core::domains::scheme::Scheme;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::connection_limit::{ConnectionLimiter, ConnectionPermit};
use crate::client::connection_state::ActiveRequest;
use crate::config::limits::Limits;
use crate::config::network::Network;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct ServeContext {
    pub(crate) limits: Limits,
    /// The proxies in front whose word counts for where a request came from.
    pub(crate) trusted: Vec<Network>,
    /// Whether their connections begin with the PROXY protocol.
    pub(crate) proxy_protocol: bool,
    pub(crate) limiter: Arc<ConnectionLimiter>,
    /// HTTP/2 is spoken without TLS, too, by clients that begin with it.
    pub(crate) h2c: bool,
    /// The tasks of all connections, upgraded ones too, and of the ports that accept them.
    pub(crate) connections: TaskTracker,
}

impl ServeContext {
    pub(crate) fn new(limits: Limits, trusted: Vec<Network>, proxy_protocol: bool, h2c: bool) -> Self {
        Self {
            limiter: Arc::new(ConnectionLimiter::new(&limits)),
            limits,
            trusted,
            proxy_protocol,
            h2c,
            connections: TaskTracker::new(),
        }
    }
}

/// How a port's connections are ended.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown {
    /// No more are accepted, and idle ones are closed.
    pub(crate) closing: CancellationToken,
    /// No more are accepted, and each is closed after its next answer.
    pub(crate) leaving: CancellationToken,
    /// Upgraded connections are cut.
    pub(crate) cutting: CancellationToken,
}

impl Shutdown {
    /// Waits until no more connections are accepted.
    pub(crate) async fn begins(&self) {
        tokio::select! {
            () = self.closing.cancelled() => {}
            () = self.leaving.cancelled() => {}
        }
    }
}

/// What is known of a request besides its message.
pub(crate) struct RequestContext {
    /// The address that it came from.
    pub(crate) peer: IpAddr,
    /// The scheme by which it came.
    pub(crate) scheme: Scheme,
    /// For how many seconds its client is to ask by https only; none where it is told nothing of that.
    pub(crate) hsts: Option<u32>,
    pub(crate) active: Arc<ActiveRequest>,
    /// Its connection counts as one of the clients' as long as this is here.
    pub(crate) permit: Arc<ConnectionPermit>,
    pub(crate) serve: Arc<ServeContext>,
}
