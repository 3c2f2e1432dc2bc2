//! Serves a client's HTTP/2 connection. Its requests share the connection, and nothing else: each is counted, limited, forwarded
//! and given up like one that has a connection of its own.
//!
//! A switch of traffic does not concern the connection: the next request on it goes where the route points then.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gokku_core::domains::scheme::Scheme;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::server::conn::http2::{self, Connection};
use hyper::service::{HttpService, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::client::client_stream::ClientStream;
use crate::client::connection_limit::ConnectionPermit;
use crate::client::connection_state::{ActiveRequest, ConnectionState, Phase};
use crate::client::http2_io::Http2Io;
use crate::client::serve_context::{RequestContext, ServeContext, Shutdown};
use crate::client::stream_progress::{Congestion, StreamProgress, StreamTasks};
use crate::config::limits::Limits;
use crate::forward::error_response::respond;
use crate::forward::proxy_request::forward;
use crate::forward::response_body::ResponseBody;
use crate::forward::stream_body::StreamBody;
use crate::http::error_reason::ErrorReason;
use crate::http::head_scanner::Follows;
use crate::http::http2_request;
use crate::route::entry_point::EntryPoint;
use crate::tls::crypto;

/// How long a client that was told to leave may keep a connection without a request.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);
/// The same where the connection has to make room for another one.
const ROOM_TIMEOUT: Duration = Duration::from_millis(20);

/// What all requests of a connection have in common.
struct Shared {
    peer: IpAddr,
    scheme: Scheme,
    permit: Arc<ConnectionPermit>,
    entry: EntryPoint,
    serve: Arc<ServeContext>,
    cutting: CancellationToken,
    tasks: StreamTasks,
    congestion: Congestion,
    resets: Arc<Resets>,
}

/// Serves a connection to its end.
pub(super) async fn serve(
    stream: ClientStream,
    (peer, scheme): (IpAddr, Scheme),
    permit: Arc<ConnectionPermit>,
    entry: EntryPoint,
    context: Arc<ServeContext>,
    shutdown: Shutdown,
) {
    let limits = &context.limits;
    let congestion = Congestion::default();
    let errors = Arc::clone(entry.errors());
    let io = Http2Io::new(
        stream,
        Arc::clone(&permit),
        errors,
        limits.head_timeout,
        congestion.clone(),
    );
    let tasks = StreamTasks::new(context.connections.clone(), limits.download_timeout);
    let resets = Arc::new(Resets::new(limits.max_reset_streams));
    let state = Arc::clone(permit.connection());
    let shared = Arc::new(Shared {
        peer,
        scheme,
        permit,
        entry,
        serve: Arc::clone(&context),
        cutting: shutdown.cutting.clone(),
        tasks: tasks.clone(),
        congestion,
        resets: Arc::clone(&resets),
    });
    let service = service_fn(move |request| shared.answer(request));
    let connection = builder(limits, tasks).serve_connection(TokioIo::new(io), service);
    drive(
        std::pin::pin!(connection),
        &state,
        &shutdown,
        &resets,
        limits.idle_timeout,
    )
    .await;
}

fn builder(limits: &Limits, tasks: StreamTasks) -> http2::Builder<StreamTasks> {
    let mut builder = http2::Builder::new(tasks);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.max_concurrent_streams)
        .max_header_list_size(u32::try_from(limits.max_head_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(limits.stream_window_bytes)
        .initial_connection_window_size(limits.connection_window_bytes)
        .max_pending_accept_reset_streams(limits.max_reset_streams)
        .max_local_error_reset_streams(limits.max_reset_streams)
        .keep_alive_interval(limits.keepalive_interval)
        .keep_alive_timeout(limits.download_timeout)
        // WebSockets.
        .enable_connect_protocol();
    builder
}

/// Reads and writes a connection until it ends, and tells its client when it is to.
async fn drive<S>(
    mut connection: Pin<&mut Connection<TokioIo<Http2Io>, S, StreamTasks>>,
    state: &ConnectionState,
    shutdown: &Shutdown,
    resets: &Resets,
    idle_timeout: Duration,
) where
    S: HttpService<Incoming, ResBody = StreamBody, Error = Infallible>,
    S::Future: Send + 'static,
{
    let mut limit = idle_timeout;
    let mut told = false;
    loop {
        tokio::select! {
            biased;
            () = resets.cut.cancelled() => return,
            () = state.shedding(), if limit > ROOM_TIMEOUT => limit = ROOM_TIMEOUT,
            () = shutdown.begins(), if !told => limit = limit.min(LEAVE_TIMEOUT),
            () = resets.told.cancelled(), if !told => limit = limit.min(LEAVE_TIMEOUT),
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!("a connection ended: {error}");
                }
                return;
            }
            () = idle_for(state, limit) => {
                if told {
                    return;
                }
                limit = limit.min(LEAVE_TIMEOUT);
            }
        }
        // It is told once what comes after this is not served, and ends by itself once its last request is answered.
        connection.as_mut().graceful_shutdown();
        told = true;
    }
}

/// Waits until there has been no request for this long.
async fn idle_for(state: &ConnectionState, limit: Duration) {
    let mut since = Instant::now();
    loop {
        match state.phase() {
            (Phase::Busy, _) => {
                sleep(limit).await;
                since = Instant::now();
            }
            (Phase::Idle | Phase::Head, began) => {
                let due = began.max(since) + limit;
                if Instant::now() >= due {
                    return;
                }
                sleep_until(due).await;
            }
        }
    }
}

impl Shared {
    /// Answers a request. Its part of the connection's accounts is taken before anything is waited for.
    fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<StreamBody>, Infallible>> + Send + use<> {
        let stream = self.permit.connection().begin_stream();
        let (permit, active) = match self.serve.limiter.admit_request(self.entry.app()) {
            Some((permit, active)) => (Some(Arc::new(permit)), active),
            None => (
                None,
                Arc::new(ConnectionState::new()).begin_request(Follows::Unknown),
            ),
        };
        let active = Arc::new(active.sharing(stream, permit.clone()));
        let progress = StreamProgress::new(Arc::clone(&active), self.congestion.clone());
        self.tasks.announce(Arc::clone(&progress));
        let mut unanswered = Unanswered::new(Arc::clone(&self.resets));
        let shared = Arc::clone(self);
        async move {
            let mut response = match permit {
                Some(permit) => shared.forward(request, permit, active).await,
                None => respond(shared.entry.errors(), ErrorReason::Crowded),
            };
            http2_request::strip_connection(response.headers_mut());
            unanswered.end();
            Ok(response.map(|body| StreamBody::new(body, progress)))
        }
    }

    async fn forward(
        &self,
        mut request: Request<Incoming>,
        permit: Arc<ConnectionPermit>,
        active: Arc<ActiveRequest>,
    ) -> Response<ResponseBody> {
        let own = |reason| respond(self.entry.errors(), reason);
        if request.headers().len() > self.serve.limits.max_headers {
            return own(ErrorReason::ManyHeaders);
        }
        let protocol = http2_request::protocol_of(&request);
        let is_other = protocol.is_some();
        if is_other {
            let key = websocket_key().filter(|_| protocol == Some(http2_request::WEBSOCKET));
            let Some(key) = key else {
                return own(ErrorReason::NoProxy);
            };
            http2_request::to_upgrade(&mut request, key);
        }
        if let Err(words) = http2_request::to_http1(&mut request) {
            return own(ErrorReason::BadRequest(words));
        }
        let context = RequestContext {
            peer: self.peer,
            scheme: self.scheme,
            hsts: None,
            active,
            permit,
            serve: Arc::clone(&self.serve),
        };
        let mut response = forward(self.entry.clone(), context, request, self.cutting.clone()).await;
        if is_other && !http2_request::is_upgraded(&mut response) {
            return own(ErrorReason::NoUpgrade);
        }
        response
    }
}

/// Returns the nonce of a WebSocket, RFC 6455 section 4.1.
fn websocket_key() -> Option<HeaderValue> {
    let mut nonce = [0; 16];
    crypto::random().fill(&mut nonce).ok()?;
    HeaderValue::try_from(STANDARD.encode(nonce)).ok()
}

/// Counts the requests that a client takes back before they are answered, more than are answered: each costs the app something,
/// and the client nothing ("rapid reset"). What it takes back before the HTTP library has given it on is counted there.
#[derive(Debug)]
struct Resets {
    count: AtomicUsize,
    max: usize,
    /// There were too many: the connection is to end with the requests that are on it.
    told: CancellationToken,
    /// The client goes on nevertheless: the connection ends.
    cut: CancellationToken,
}

impl Resets {
    fn new(max: usize) -> Self {
        Self {
            count: AtomicUsize::new(0),
            max,
            told: CancellationToken::new(),
            cut: CancellationToken::new(),
        }
    }

    fn answered(&self) {
        let less = |count: usize| count.checked_sub(1);
        let _ = self
            .count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    fn taken_back(&self) {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count > self.max {
            self.told.cancel();
        }
        if count > 2 * self.max {
            self.cut.cancel();
        }
    }
}

/// A request that is not answered yet.
struct Unanswered {
    resets: Arc<Resets>,
    answered: bool,
}

impl Unanswered {
    fn new(resets: Arc<Resets>) -> Self {
        Self {
            resets,
            answered: false,
        }
    }

    fn end(&mut self) {
        self.answered = true;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if self.answered {
            self.resets.answered();
        } else {
            self.resets.taken_back();
        }
    }
}
