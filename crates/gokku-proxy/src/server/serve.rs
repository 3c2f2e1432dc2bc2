//! Serves a client's connection, from the first request on it to the last; one of HTTP/2 is `serve_http2`'s.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gokku_core::domains::scheme::Scheme;
use hyper::StatusCode;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::client_address::said_in_front;
use crate::client::client_io::ClientIo;
use crate::client::connection_limit::ConnectionPermit;
use crate::client::serve_context::{RequestContext, ServeContext, Shutdown};
use crate::client::transport::{Opened, Protocol, Transport};
use crate::forward::error_response::respond;
use crate::forward::proxy_request::forward;
use crate::http::error_reason::ErrorReason;
use crate::http::head_scanner::{Follows, MAX_MADE_UP_BYTES};
use crate::os::kernel_timeouts::set_kernel_timeouts;
use crate::route::entry_point::EntryPoint;
use crate::server::serve_http2;

/// How long a port still accepts, and a connection is read, once it is to be closed: what stands in the kernel's queues is
/// only found by asking.
pub(crate) const LAST_LOOK: Duration = Duration::from_millis(20);
/// How much the HTTP library reads at once, and buffers of an answer that the client does not take.
const MIN_BUFFER: usize = 64 * 1024;
/// The number of headers that the HTTP library has room for by default; more cost time with each request.
const DEFAULT_HEADERS: usize = 100;
/// [`ClientIo`] has the time limits; but only with one of its own does the HTTP library look for the next request as soon
/// as the last one is answered.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Serves a connection to its end.
pub(crate) async fn serve(
    mut stream: TcpStream,
    peer: SocketAddr,
    permit: ConnectionPermit,
    (entry, transport): (EntryPoint, Transport),
    context: Arc<ServeContext>,
    shutdown: Shutdown,
) {
    let permit = Arc::new(permit);
    let limits = &context.limits;
    // Small answers go out at once.
    let _ = stream.set_nodelay(true);
    if let Err(error) = set_kernel_timeouts(&stream, Some(limits.download_timeout), limits.keepalive_interval)
    {
        tracing::debug!("a client that reads nothing or vanishes will not be cut: {error}");
    }
    let Ok(said) = said_in_front(&mut stream, peer, &permit, &context).await else {
        return;
    };
    let peer = said.map_or(peer.ip(), |said| said.source.ip());
    let opening = transport.open(stream, permit.connection(), limits.handshake_timeout, context.h2c);
    let Some(Opened { stream, protocol }) = opening.await else {
        return;
    };
    let scheme = transport.scheme();
    if protocol == Protocol::Http2 {
        let from = (peer, scheme);
        // In a box: a connection of HTTP/1.1 needs no room for it.
        return Box::pin(serve_http2::serve(stream, from, permit, entry, context, shutdown)).await;
    }
    let speaks_no_tls = scheme == Scheme::Https && !stream.is_tls();
    let io = ClientIo::new(stream, Arc::clone(&permit), Arc::clone(entry.errors()), limits);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(NEVER)
        .preserve_header_case(true)
        .title_case_headers(true)
        .max_header_size(limits.max_head_bytes + MAX_MADE_UP_BYTES)
        .max_buf_size((limits.max_head_bytes + MAX_MADE_UP_BYTES).max(MIN_BUFFER));
    if limits.max_headers > DEFAULT_HEADERS {
        builder.max_headers(limits.max_headers);
    }
    let service = service_fn(|request| {
        let follows = Follows::of(&request);
        let request_context = RequestContext {
            peer,
            scheme,
            hsts: None,
            active: Arc::new(permit.connection().begin_request(follows)),
            permit: Arc::clone(&permit),
            serve: Arc::clone(&context),
        };
        let (entry, shutdown) = (entry.clone(), shutdown.clone());
        async move {
            let active = Arc::clone(&request_context.active);
            let mut response = match active.fault() {
                Some(fault) => respond(entry.errors(), fault.into()),
                None if speaks_no_tls => respond(entry.errors(), ErrorReason::NoTls),
                None => forward(entry, request_context, request, shutdown.cutting).await,
            };
            if follows == Follows::Either {
                let is_other = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                let settled = if is_other {
                    Follows::Other
                } else {
                    Follows::Body(0)
                };
                active.connection().set_follows(settled);
            }
            // The rest of a request that is answered already must not be read as another one.
            let is_last = shutdown.leaving.is_cancelled() || active.connection().is_request_unread();
            if is_last && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            response.body_mut().end_with(active);
            Ok::<_, Infallible>(response)
        }
    });
    let connection = builder
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = shutdown.closing.cancelled() => {
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
