//! Connects to one container, and to no other: an attempt that is still under way when the container goes may be accepted
//! by the container that gets its address next.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::limits::Limits;
use crate::os::kernel_timeouts::set_kernel_timeouts;
use crate::route::endpoint::Endpoint;

/// How long a connection attempt may take; the container is on this machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects to an app.
#[derive(Debug)]
pub(crate) struct Connector {
    endpoint: Arc<Endpoint>,
    /// How long the app may take nothing of what is sent.
    send_timeout: Option<Duration>,
    /// After how long a silence the kernel asks whether the app's end is still there.
    keepalive_interval: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The container had left the address when the connection was made.
    #[error("the container has left {0}")]
    Gone(SocketAddr),
    /// What the kernel reported.
    #[error("connecting to {address}: {source}")]
    Io {
        /// Where to.
        address: SocketAddr,
        /// What was reported.
        source: io::Error,
    },
    /// The HTTP library did not take the connection.
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

impl Connector {
    /// Creates a connector to a container.
    pub(crate) fn new(endpoint: Arc<Endpoint>, limits: &Limits) -> Self {
        Self {
            endpoint,
            send_timeout: limits.answer_timeout,
            keepalive_interval: limits.keepalive_interval,
        }
    }

    /// Returns whether the container is at this address, and runs.
    pub(crate) fn is_at(&self, address: SocketAddr) -> bool {
        self.endpoint.reachable() == Some(address)
    }

    /// Connects to the container at this address, for requests.
    pub(crate) async fn connect(&self, address: SocketAddr) -> Result<TcpStream, ConnectError> {
        let (stream, accepted) = self.open(address, self.send_timeout).await?;
        if self.is_at(accepted) {
            Ok(stream)
        } else {
            Err(ConnectError::Gone(accepted))
        }
    }

    /// Connects to one of its TCP ports. There nobody but the app knows how long it may take nothing.
    pub(crate) async fn connect_tcp(&self, address: SocketAddr) -> Result<TcpStream, ConnectError> {
        let (stream, accepted) = self.open(address, None).await?;
        let there = self.endpoint.reachable();
        if there.is_some_and(|there| there.ip() == accepted.ip()) {
            Ok(stream)
        } else {
            Err(ConnectError::Gone(accepted))
        }
    }

    /// Connects, and returns who has accepted.
    async fn open(
        &self,
        address: SocketAddr,
        send_timeout: Option<Duration>,
    ) -> Result<(TcpStream, SocketAddr), ConnectError> {
        let failed = |source| ConnectError::Io { address, source };
        let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect(address));
        let stream = match connecting.await {
            Ok(connected) => connected.map_err(failed)?,
            Err(_) => return Err(failed(ErrorKind::TimedOut.into())),
        };
        stream.set_nodelay(true).map_err(failed)?;
        set_kernel_timeouts(&stream, send_timeout, self.keepalive_interval)
            .map_err(|errno| failed(errno.into()))?;
        let accepted = stream.peer_addr().map_err(failed)?;
        Ok((stream, accepted))
    }
}
