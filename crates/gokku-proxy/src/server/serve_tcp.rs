//! Serves a client's connection on a TCP port.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::client::client_address::said_in_front;
use crate::client::connection_limit::ConnectionPermit;
use crate::client::proxy_header::Endpoints;
use crate::client::serve_context::ServeContext;
use crate::forward::tcp::{TcpClient, forward};
use crate::http::head_scanner::Follows;
use crate::os::kernel_timeouts::set_kernel_timeouts;
use crate::route::app_route::Route;

/// Serves a connection to its end.
pub(crate) async fn serve_tcp(
    (mut stream, peer): (TcpStream, SocketAddr),
    permit: ConnectionPermit,
    (route, port): (Arc<Route>, u16),
    context: Arc<ServeContext>,
    cutting: CancellationToken,
) {
    // What is small goes out at once: whoever wrote it knows whether more follows.
    let _ = stream.set_nodelay(true);
    // A client that reads nothing for long may mean to; one that has vanished does not answer the kernel.
    if let Err(error) = set_kernel_timeouts(&stream, None, context.limits.keepalive_interval) {
        tracing::debug!("a client that vanishes will not be cut: {error}");
    }
    let Ok(said) = said_in_front(&mut stream, peer, &permit, &context).await else {
        return;
    };
    // From here on it makes room for no other: it may be silent for as long as it likes, and is in use all the same.
    let _active = permit.connection().begin_request(Follows::Other);
    if permit.connection().is_shed() {
        return;
    }
    let endpoints = said.unwrap_or_else(|| Endpoints {
        source: peer,
        destination: stream.local_addr().unwrap_or(peer),
    });
    let client = TcpClient {
        stream,
        endpoints,
        route: &route,
        port,
    };
    forward(client, context.limits.tcp_idle_timeout, &cutting).await;
}
