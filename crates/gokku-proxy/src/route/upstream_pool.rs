//! The HTTP/1.1 connections to one container. Each is driven by the task of the request that uses it, and by nobody while it waits
//! here for the next one.
//!
//! So an answer wakes one task, that of the client who gets it, and nothing goes from one thread to another. There is one
//! exception: a connection on which an answer has begun before its request was all sent is driven by a task of its own,
//! because a client that does not read the answer may still be sending. Such a one is not used again, nor is one on which
//! another protocol is spoken.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep_until};

use crate::client::request_body::RequestBody;
use crate::config::limits::Limits;
use crate::route::connector::{ConnectError, Connector};
use crate::route::upstream_connection::{Received, UpstreamConnection};
use crate::route::upstream_http2::UpstreamStream;
use crate::support::lock::lock;

/// Idle connections to apps are closed before the app does that, which is after 5 s for the hastiest.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// The HTTP/1.1 connections to one container.
#[derive(Debug)]
pub(crate) struct UpstreamPool {
    connector: Connector,
    builder: Builder,
    idle: Mutex<Idle>,
}

/// The connections that nobody uses.
#[derive(Debug, Default)]
struct Idle {
    /// Those that became idle last stand last.
    connections: Vec<(Connection, Instant)>,
    /// Whether somebody closes those that wait too long.
    swept: bool,
}

/// A connection to the container.
struct Connection {
    address: SocketAddr,
    sender: SendRequest<RequestBody>,
    /// What reads and writes it, until it has ended.
    driver: Option<Driver>,
    received: Received,
}

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// There was no connection: nothing of it was sent.
    #[error(transparent)]
    NoConnection(#[from] ConnectError),
    /// The app did nothing with it, and says so: only by HTTP/2.
    #[error("the app has not taken the request")]
    Untouched(#[source] hyper::Error),
    /// The connection failed.
    #[error("the request was not answered")]
    Failed {
        /// How.
        source: hyper::Error,
        /// What had come on it.
        received: Received,
    },
}

impl UpstreamPool {
    /// Creates the pool of a container's connections; there are none yet.
    pub(crate) fn new(connector: Connector, limits: &Limits) -> Arc<Self> {
        let mut builder = Builder::new();
        builder
            // The most that is buffered of an answer's head.
            .max_buf_size(limits.max_answer_head_bytes)
            // Each answer allocates room for this many.
            .max_headers(limits.max_answer_headers)
            .preserve_header_case(true)
            .title_case_headers(true);
        Arc::new(Self {
            connector,
            builder,
            idle: Mutex::default(),
        })
    }

    /// Returns what connects to the container.
    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Sends a request to the container at this address, and returns its answer. Dropping the future ends the connection.
    pub(crate) async fn send(
        self: &Arc<Self>,
        address: SocketAddr,
        mut request: Request<RequestBody>,
    ) -> Result<Response<UpstreamBody>, SendError> {
        let body = request.body().clone();
        loop {
            let idle = poll_fn(|cx| Poll::Ready(self.take_idle(address, cx))).await;
            let mut connection = match idle {
                Some(connection) => connection,
                None => self.connect(address).await?,
            };
            let mut sent = pin!(connection.sender.try_send_request(request));
            let answer = poll_fn(|cx| {
                connection.drive(cx);
                // Nothing but the line above brings it on, so that nobody has to be woken.
                sent.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            });
            match answer.await {
                Ok(answer) => {
                    connection.received.note_answer();
                    return Ok(self.begin_answer(connection, answer, &body).await);
                }
                Err(mut error) => {
                    // The app had closed the connection before anything was written.
                    if let Some(unsent) = error.take_message()
                        && connection.received.earlier_answer()
                    {
                        request = unsent;
                        continue;
                    }
                    return Err(SendError::Failed {
                        source: error.into_error(),
                        received: connection.received,
                    });
                }
            }
        }
    }

    /// Returns an answer's head, with a body that brings on the rest of it.
    async fn begin_answer(
        self: &Arc<Self>,
        connection: Connection,
        answer: Response<Incoming>,
        body: &RequestBody,
    ) -> Response<UpstreamBody> {
        let (head, incoming) = answer.into_parts();
        let exchange = if head.status == StatusCode::SWITCHING_PROTOCOLS || !body.is_read() {
            connection.detach();
            None
        } else {
            Some(Exchange {
                connection,
                pool: Arc::clone(self),
            })
        };
        let mut answered = UpstreamBody {
            incoming,
            exchange,
            _stream: None,
        };
        if answered.is_end_stream() {
            poll_fn(|cx| {
                answered.end(cx);
                Poll::Ready(())
            })
            .await;
        }
        Response::from_parts(head, answered)
    }

    async fn connect(&self, address: SocketAddr) -> Result<Connection, ConnectError> {
        let stream = UpstreamConnection::new(self.connector.connect(address).await?);
        let received = stream.received();
        let (sender, connection) = self.builder.handshake(TokioIo::new(stream)).await?;
        Ok(Connection {
            address,
            sender,
            driver: Some(Box::pin(connection.with_upgrades())),
            received,
        })
    }

    /// Returns a connection to this address that can be used, if there is one.
    fn take_idle(&self, address: SocketAddr, cx: &mut Context<'_>) -> Option<Connection> {
        loop {
            let (mut connection, since) = lock(&self.idle).connections.pop()?;
            if connection.address == address && since.elapsed() < IDLE_TIMEOUT && connection.is_usable(cx) {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next request, if it can be used again.
    fn put(self: &Arc<Self>, connection: Connection) {
        if connection.driver.is_none()
            || !connection.sender.is_ready()
            || !self.connector.is_at(connection.address)
        {
            return;
        }
        let mut idle = lock(&self.idle);
        idle.connections.push((connection, Instant::now()));
        if !std::mem::replace(&mut idle.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Closes the connections that have waited too long; returns when to look again, if any are left.
    fn close_old(&self) -> Option<Instant> {
        let mut idle = lock(&self.idle);
        let old = idle
            .connections
            .partition_point(|(_, since)| since.elapsed() >= IDLE_TIMEOUT);
        let closed: Vec<_> = idle.connections.drain(..old).collect();
        let next = idle.connections.first().map(|(_, since)| *since + IDLE_TIMEOUT);
        idle.swept = next.is_some();
        drop(idle);
        drop(closed);
        next
    }
}

/// Closes idle connections for as long as there are any.
async fn sweep(pool: Weak<UpstreamPool>) {
    let mut next = Instant::now() + IDLE_TIMEOUT;
    loop {
        sleep_until(next).await;
        let Some(pool) = pool.upgrade() else { return };
        match pool.close_old() {
            Some(later) => next = later,
            None => return,
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Reads and writes as much as there is.
    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver
            && driver.as_mut().poll(cx).is_ready()
        {
            // How it ended is told to whoever waits for the answer, or its body.
            self.driver = None;
        }
    }

    /// Returns whether the app has not closed it meanwhile.
    fn is_usable(&mut self, cx: &mut Context<'_>) -> bool {
        self.drive(cx);
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Has a task of its own drive it to its end.
    fn detach(self) {
        // Without its sender it ends when its request is answered.
        if let Some(driver) = self.driver {
            tokio::spawn(driver);
        }
    }
}

/// The body of an answer. It drives the connection that it comes on.
pub(crate) struct UpstreamBody {
    incoming: Incoming,
    /// The connection, until the body has ended or if another task drives it.
    exchange: Option<Exchange>,
    /// The request that it answers, on a connection that it shares with others.
    _stream: Option<UpstreamStream>,
}

struct Exchange {
    connection: Connection,
    pool: Arc<UpstreamPool>,
}

impl UpstreamBody {
    /// Returns one that comes by HTTP/2.
    pub(super) fn of_stream(incoming: Incoming, stream: UpstreamStream) -> Self {
        Self {
            incoming,
            exchange: None,
            _stream: Some(stream),
        }
    }

    /// Gives the connection back once all of the body has come.
    fn end(&mut self, cx: &mut Context<'_>) {
        if let Some(mut exchange) = self.exchange.take() {
            exchange.connection.drive(cx);
            exchange.pool.put(exchange.connection);
        }
    }
}

impl HttpBody for UpstreamBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let polled = match &mut this.exchange {
            None => Pin::new(&mut this.incoming).poll_frame(cx),
            Some(exchange) => {
                // Nothing but the connection brings it on, which is driven here.
                let mut unwoken = Context::from_waker(Waker::noop());
                let mut polled = Pin::new(&mut this.incoming).poll_frame(&mut unwoken);
                if polled.is_pending() {
                    exchange.connection.drive(cx);
                    polled = Pin::new(&mut this.incoming).poll_frame(&mut unwoken);
                }
                polled
            }
        };
        match &polled {
            Poll::Ready(Some(Ok(_))) if this.incoming.is_end_stream() => this.end(cx),
            Poll::Ready(None) => this.end(cx),
            Poll::Ready(Some(Err(_))) => this.exchange = None,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
