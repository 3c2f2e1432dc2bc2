//! Whose a connection is: of whoever has connected, or of the client that a load balancer in front says it is.

use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::connection_limit::ConnectionPermit;
use crate::client::proxy_header::{self, Endpoints};
use crate::client::serve_context::ServeContext;
use crate::http::forwarded;

/// A connection is not served: a load balancer in front was to say whose it is, and has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotSaid;

/// Returns what a load balancer in front says of whose a connection is, if one is to say so; none where it is its own.
pub(crate) async fn said_in_front(
    stream: &mut TcpStream,
    peer: SocketAddr,
    permit: &ConnectionPermit,
    context: &ServeContext,
) -> Result<Option<Endpoints>, NotSaid> {
    if !context.proxy_protocol || !forwarded::is_trusted(peer.ip(), &context.trusted) {
        return Ok(None);
    }
    let limit = context.limits.handshake_timeout;
    // In a box: most connections have no such header.
    let reading = Box::pin(timeout(limit, proxy_header::read(stream)));
    let read = tokio::select! {
        read = reading => read,
        () = permit.connection().shedding() => return Err(NotSaid),
    };
    match read {
        Ok(Ok(said)) => Ok(said),
        Ok(Err(error)) => {
            tracing::debug!(peer = %peer.ip(), "a connection of a proxy in front is not served: {error}");
            Err(NotSaid)
        }
        Err(_) => {
            tracing::debug!(peer = %peer.ip(), "a proxy in front did not say in {} s whose its connection is", limit.as_secs());
            Err(NotSaid)
        }
    }
}
