//! Connects to one container, and to no other: an attempt that is still under way when the container goes may be accepted
//! by the container that gets its address next.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tower_service::Service;

use crate::route::endpoint::Endpoint;
use crate::route::upstream_connection::UpstreamConnection;

/// Connects to an app.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    endpoint: Arc<Endpoint>,
    connector: HttpConnector,
}

/// The container had left the address when the connection was made.
#[derive(Debug, thiserror::Error)]
#[error("the container has left {0}")]
pub(crate) struct Gone(SocketAddr);

impl Connector {
    /// Creates a connector to a container. `connect_timeout` is for a connection to be made, `send_timeout` for the app to
    /// take what is sent; after `keepalive` of silence the kernel asks whether the app's end is still there.
    pub(crate) fn new(
        endpoint: Arc<Endpoint>,
        connect_timeout: Duration,
        send_timeout: Option<Duration>,
        keepalive: Duration,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(connect_timeout));
        connector.set_tcp_user_timeout(send_timeout);
        connector.set_keepalive(Some(keepalive));
        connector.set_keepalive_interval(Some(keepalive));
        Self { endpoint, connector }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<UpstreamConnection>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.connector.call(uri);
        let endpoint = Arc::clone(&self.endpoint);
        Box::pin(async move {
            let stream = connecting.await?.into_inner();
            let accepted = stream.peer_addr()?;
            if endpoint.reachable() != Some(accepted) {
                return Err(Gone(accepted).into());
            }
            Ok(TokioIo::new(UpstreamConnection::new(stream)))
        })
    }
}
