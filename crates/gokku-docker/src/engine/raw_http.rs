//! One request to the engine's socket, where the client library would take the answer apart itself.

use std::path::Path;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use gokku_core::containers::error::Source;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::http::request::Builder;
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::engine::error::Error;

/// An answer's head, and what drives its body.
pub(crate) type Answer = (Response<Incoming>, tokio_util::task::AbortOnDropHandle<()>);

/// Sends one request on a connection of its own, which is closed when the answer is dropped. Whoever calls has a limit.
pub(crate) fn request<'a>(
    socket: &'a Path,
    method: Method,
    path: &str,
    content_type: &'static str,
    body: BoxBody<Bytes, std::io::Error>,
) -> BoxFuture<'a, Result<Answer, Error>> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, content_type);
    send(socket, request, body)
}

/// Sends what may become a connection of another protocol.
pub(crate) fn send(
    socket: &Path,
    request: Builder,
    body: BoxBody<Bytes, std::io::Error>,
) -> BoxFuture<'_, Result<Answer, Error>> {
    Box::pin(send_on_own(socket, request, body))
}

async fn send_on_own(
    socket: &Path,
    request: Builder,
    body: BoxBody<Bytes, std::io::Error>,
) -> Result<Answer, Error> {
    let failed = |source: Source| Error::Unreachable {
        socket: socket.to_owned(),
        source,
    };
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|error| failed(error.into()))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(error.into()))?;
    let driving = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move {
        // Its end is seen by whoever reads the answer.
        let _ = connection.with_upgrades().await;
    }));
    let request = request
        .header(header::HOST, "docker")
        .body(body)
        .map_err(|error| failed(error.into()))?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| failed(error.into()))?;
    Ok((response, driving))
}
