//! The HTTP/2 connections to one container: one, which all requests share, and more only when the app lets no more requests on
//! those that there are. Each is driven by a task of its own, and goes with the pool.
//!
//! The app is asked nothing on a connection that is quiet: many take that for an attack (gRPC's "too many pings"), and the
//! kernel sees by itself whether the other end is still there.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gokku_core::text::causes::chain;
use h2::Reason;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::request_body::RequestBody;
use crate::config::limits::Limits;
use crate::route::connector::{ConnectError, Connector};
use crate::route::upstream_connection::Received;
use crate::route::upstream_pool::{SendError, UpstreamBody};
use crate::support::lock::lock;

/// How many connections there are at most to one container: where the app lets no more requests on these, the next ones wait.
const MAX_CONNECTIONS: usize = 16;
/// How many bytes of each answer the app may send before the client takes them.
const STREAM_WINDOW: u32 = 128 << 10;
/// The same of all answers on a connection: as many as there can be. Were it less, clients that take nothing of some answers
/// would keep all others from theirs.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
/// How long a request waits for a connection that another one makes, before it makes one itself.
const CONNECT_WAIT: Duration = Duration::from_secs(1);

/// The HTTP/2 connections to one container.
#[derive(Debug)]
pub(crate) struct Http2Pool {
    builder: Builder<TokioExecutor>,
    connections: Mutex<Vec<Connection>>,
    /// Held while one is made, so that requests that come at once share it.
    connecting: tokio::sync::Mutex<()>,
}

/// A connection to the container.
#[derive(Clone, Debug)]
struct Connection {
    address: SocketAddr,
    sender: SendRequest<RequestBody>,
    received: Received,
    streams: Arc<AtomicUsize>,
    /// How many the app lets on it.
    max_streams: Arc<AtomicUsize>,
}

/// One request on a connection.
#[derive(Debug)]
pub(crate) struct UpstreamStream(Arc<AtomicUsize>);

impl Drop for UpstreamStream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Connection {
    fn begin(&self) -> UpstreamStream {
        self.streams.fetch_add(1, Ordering::AcqRel);
        UpstreamStream(Arc::clone(&self.streams))
    }

    fn has_room(&self) -> bool {
        self.streams.load(Ordering::Acquire) < self.max_streams.load(Ordering::Relaxed)
    }
}

impl Http2Pool {
    /// Creates the pool; there are no connections yet.
    pub(crate) fn new(limits: &Limits) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(STREAM_WINDOW as usize)
            .max_header_list_size(u32::try_from(limits.max_answer_head_bytes).unwrap_or(u32::MAX));
        Self {
            builder,
            connections: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    /// Sends a request to the container at this address, and returns its answer. Dropping the future resets the request.
    pub(crate) async fn send(
        &self,
        connector: &Connector,
        address: SocketAddr,
        mut request: Request<RequestBody>,
    ) -> Result<Response<UpstreamBody>, SendError> {
        loop {
            let (mut connection, stream) = match self.pick(address) {
                Some(picked) => picked,
                None => self.connect(connector, address).await?,
            };
            match connection.sender.try_send_request(request).await {
                Ok(answer) => {
                    connection.received.note_answer();
                    return Ok(answer.map(|incoming| UpstreamBody::of_stream(incoming, stream)));
                }
                Err(mut error) => {
                    // The app had closed the connection before anything was written.
                    if let Some(unsent) = error.take_message()
                        && connection.received.earlier_answer()
                    {
                        request = unsent;
                        continue;
                    }
                    let source = error.into_error();
                    return Err(if is_untouched(&source) {
                        SendError::Untouched(source)
                    } else {
                        let received = connection.received;
                        SendError::Failed { source, received }
                    });
                }
            }
        }
    }

    /// Returns a connection to this address that takes another request, counted on it.
    fn pick(&self, address: SocketAddr) -> Option<(Connection, UpstreamStream)> {
        let mut connections = lock(&self.connections);
        connections.retain(|one| one.address == address && one.sender.is_ready());
        let full = connections.len() >= MAX_CONNECTIONS;
        let fewest = connections
            .iter()
            .min_by_key(|one| one.streams.load(Ordering::Acquire));
        let found = connections
            .iter()
            .find(|one| one.has_room())
            .or(fewest.filter(|_| full))?;
        Some((found.clone(), found.begin()))
    }

    /// Makes a connection, unless another request does.
    async fn connect(
        &self,
        connector: &Connector,
        address: SocketAddr,
    ) -> Result<(Connection, UpstreamStream), ConnectError> {
        // Whoever waits too long for somebody else's connection makes one.
        let _alone = timeout(CONNECT_WAIT, self.connecting.lock()).await.ok();
        if let Some(picked) = self.pick(address) {
            return Ok(picked);
        }
        let stream: TcpStream = connector.connect(address).await?;
        let (sender, mut driver) = self.builder.handshake(TokioIo::new(stream)).await?;
        let max_streams = Arc::new(AtomicUsize::new(driver.current_max_send_streams()));
        let told = Arc::clone(&max_streams);
        tokio::spawn(async move {
            let driving = poll_fn(|cx| {
                let polled = Pin::new(&mut driver).poll(cx);
                told.store(driver.current_max_send_streams(), Ordering::Relaxed);
                polled
            });
            if let Err(error) = driving.await {
                tracing::debug!("a connection to an app ended: {error}");
            }
        });
        let connection = Connection {
            address,
            sender,
            received: Received::default(),
            streams: Arc::default(),
            max_streams,
        };
        let stream = connection.begin();
        let mut connections = lock(&self.connections);
        if connections.len() < MAX_CONNECTIONS {
            connections.push(connection.clone());
        }
        Ok((connection, stream))
    }
}

/// Returns whether an app has said that it did nothing with a request: it refused its stream, or said that the connection ends
/// before it. RFC 9113 section 8.7.
fn is_untouched(error: &hyper::Error) -> bool {
    let error: &(dyn StdError + 'static) = error;
    chain(error)
        .filter_map(|cause| cause.downcast_ref::<h2::Error>())
        .any(|error| {
            error.is_remote() && (error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM))
        })
}
