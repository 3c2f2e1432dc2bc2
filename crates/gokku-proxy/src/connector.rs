//! Connections to an app, and to no other one: an attempt that is still under way when the app's container goes may
//! be accepted by the container that gets its address next. `line` is one of them, as the HTTP library reads and writes
//! it.

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

use crate::line::Line;
use crate::place::Place;

/// Connects to an app.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    place: Arc<Place>,
    connector: HttpConnector,
}

/// The container was no longer there when the connection was made.
#[derive(Debug, thiserror::Error)]
#[error("its container has gone from {0}")]
pub(crate) struct Gone(SocketAddr);

impl Connector {
    /// `limit` is for a connection to be made, `patience` for the app to take what is sent, and after `quiet` the kernel asks
    /// whether the app's end of it is still there.
    pub(crate) fn new(
        place: Arc<Place>,
        limit: Duration,
        patience: Option<Duration>,
        quiet: Duration,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(limit));
        connector.set_tcp_user_timeout(patience);
        connector.set_keepalive(Some(quiet));
        connector.set_keepalive_interval(Some(quiet));
        Self { place, connector }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Line>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.connector.call(uri);
        let place = Arc::clone(&self.place);
        Box::pin(async move {
            let stream = connecting.await?.into_inner();
            let accepted = stream.peer_addr()?;
            if place.reachable() != Some(accepted) {
                return Err(Gone(accepted).into());
            }
            Ok(TokioIo::new(Line::new(stream)))
        })
    }
}
