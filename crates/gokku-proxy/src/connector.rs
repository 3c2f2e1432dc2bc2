//! Connections to an app, and to no other one: an attempt that is still under way when the app's container goes may
//! be accepted by the container that gets its address next.
//!
//! They know whether an answer ever came over them: only a request that is lost on one that was kept open may be sent
//! again, and hyper does not tell which was.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper::http::Extensions;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Error;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

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
struct Gone(SocketAddr);

/// A connection to an app.
pub(crate) struct Kept {
    stream: TokioIo<TcpStream>,
    answered: Answered,
}

/// Whether a connection has given an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answered(Arc<AtomicBool>);

impl Answered {
    /// Notes that an answer has come; `extensions` are the response's.
    pub(crate) fn note(extensions: &Extensions) {
        if let Some(answered) = extensions.get::<Self>() {
            answered.0.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the connection that failed had given an answer before.
    pub(crate) fn before(error: &Error) -> bool {
        let mut extensions = Extensions::new();
        if let Some(connected) = error.connect_info() {
            connected.get_extras(&mut extensions);
        }
        let answered = extensions.get::<Self>();
        answered.is_some_and(|answered| answered.0.load(Ordering::Relaxed))
    }
}

impl Connector {
    /// `limit` is for a connection to be made, `patience` for the app to take what is sent.
    pub(crate) fn new(place: Arc<Place>, limit: Duration, patience: Option<Duration>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(limit));
        connector.set_tcp_user_timeout(patience);
        Self { place, connector }
    }
}

impl Service<Uri> for Connector {
    type Response = Kept;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Kept, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.connector.call(uri);
        let place = Arc::clone(&self.place);
        Box::pin(async move {
            let stream = connecting.await?;
            let accepted = stream.inner().peer_addr()?;
            if place.reachable() != Some(accepted) {
                return Err(Gone(accepted).into());
            }
            Ok(Kept {
                stream,
                answered: Answered::default(),
            })
        })
    }
}

impl Connection for Kept {
    fn connected(&self) -> Connected {
        self.stream.connected().extra(self.answered.clone())
    }
}

impl Read for Kept {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl Write for Kept {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, buffers)
    }
}
