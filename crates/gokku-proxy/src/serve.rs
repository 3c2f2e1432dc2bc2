//! One connection of a client, from the first request on it to the last.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle, set_tcp_keepintvl, set_tcp_user_timeout};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::crowd::{Crowd, Place};
use crate::forward::{Visit, forward};
use crate::guard::Guard;
use crate::heads::{Follows, SLACK};
use crate::limits::Limits;
use crate::network::Network;
use crate::own;
use crate::switch::Route;

/// How long a port is still listened on, and a connection read, once it is to be closed: the kernel tells of those
/// in its queues only when it is asked.
pub(crate) const LAST_LOOK: Duration = Duration::from_millis(20);
/// What the HTTP library reads at once, and keeps of an answer that its client does not take.
const LEAST_BUFFER: usize = 64 * 1024;
/// The number of headers that the HTTP library has room for without being told; more cost time with each request.
const USUAL_HEADERS: usize = 100;
/// The guard keeps the time; but only a library that does so too looks for the next request as soon as the former one
/// is answered.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// On which terms clients are served.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) limits: Limits,
    /// Whose word counts for where a request came from.
    pub(crate) trusted: Vec<Network>,
    pub(crate) crowd: Arc<Crowd>,
    /// Every connection that is served, upgraded ones too, and whoever lets them in.
    pub(crate) connections: TaskTracker,
}

/// How connections come to their end.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// No more are let in, and those that are idle end.
    pub(crate) closing: CancellationToken,
    /// No more are let in; those that there are end with their next answer.
    pub(crate) leaving: CancellationToken,
    /// Upgraded ones are cut.
    pub(crate) cutting: CancellationToken,
}

impl Ending {
    /// Waits until no more are let in.
    pub(crate) async fn begins(&self) {
        tokio::select! {
            () = self.closing.cancelled() => {}
            () = self.leaving.cancelled() => {}
        }
    }
}

impl Terms {
    pub(crate) fn new(limits: Limits, trusted: Vec<Network>) -> Self {
        Self {
            crowd: Arc::new(Crowd::new(&limits)),
            limits,
            trusted,
            connections: TaskTracker::new(),
        }
    }
}

/// Has the kernel end a connection whose client takes nothing of what is sent, or has vanished without a word: the same time
/// counts for both, see `tcp(7)`.
fn watch_over(stream: &TcpStream, limits: &Limits) -> rustix::io::Result<()> {
    let patience = u32::try_from(limits.download_timeout.as_millis()).unwrap_or(u32::MAX);
    set_tcp_user_timeout(stream, patience)?;
    set_tcp_keepidle(stream, limits.keepalive_interval)?;
    set_tcp_keepintvl(stream, limits.keepalive_interval)?;
    set_socket_keepalive(stream, true)
}

/// Serves a connection to its end.
pub(crate) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    route: Arc<Route>,
    terms: Arc<Terms>,
    ending: Ending,
) {
    let place = Arc::new(place);
    let limits = &terms.limits;
    // Small answers go out at once.
    let _ = stream.set_nodelay(true);
    if let Err(error) = watch_over(&stream, limits) {
        tracing::debug!("a client that takes nothing or vanishes will not be cut: {error}");
    }
    let guard = Guard::new(stream, Arc::clone(&place), Arc::clone(&route), limits);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(NEVER)
        .preserve_header_case(true)
        .title_case_headers(true)
        .max_header_size(limits.max_head_bytes + SLACK)
        .max_buf_size((limits.max_head_bytes + SLACK).max(LEAST_BUFFER));
    if limits.max_headers > USUAL_HEADERS {
        builder.max_headers(limits.max_headers);
    }
    let service = service_fn(|request| {
        let follows = Follows::of(&request);
        let visit = Visit {
            peer: peer.ip(),
            asked: Arc::new(place.pulse().ask(follows)),
            place: Arc::clone(&place),
            terms: Arc::clone(&terms),
        };
        let (route, ending) = (Arc::clone(&route), ending.clone());
        async move {
            let asked = Arc::clone(&visit.asked);
            let mut response = match asked.fault() {
                Some(what) => own::fault(&route, what),
                None => forward(route, visit, request, ending.cutting).await,
            };
            if follows == Follows::Either {
                let is_other = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                let settled = if is_other {
                    Follows::Other
                } else {
                    Follows::Body(0)
                };
                asked.pulse().settle(settled);
            }
            // What is left of a request that is answered already is not read as another one.
            let is_last = ending.leaving.is_cancelled() || asked.pulse().is_unread();
            if is_last && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            response.body_mut().end_with(asked);
            Ok::<_, Infallible>(response)
        }
    });
    let connection = builder
        .serve_connection(TokioIo::new(guard), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = ending.closing.cancelled() => {
            if let Ok(result) = timeout(LAST_LOOK, connection.as_mut()).await {
                result
            } else {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!("a connection ended: {error}");
    }
}
