//! Answers the control API; see [`crate::api`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gokku_core::machine::backoff::Pause;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

use crate::api::Refused;
use crate::call::Call;
use crate::inner::Inner;

/// More than any request needs.
const LONGEST_BODY: usize = 1 << 20;
/// The most that is waited when no connection can be accepted.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

pub(crate) async fn accept(listener: &UnixListener, inner: &Arc<Inner>) {
    let mut pause = Pause::up_to(LONGEST_PAUSE);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                pause.reset();
                tokio::spawn(serve(stream, Arc::clone(inner)));
            }
            Err(error) => {
                tracing::warn!("a control connection could not be accepted: {error}");
                sleep(pause.take()).await;
            }
        }
    }
}

async fn serve(stream: UnixStream, inner: Arc<Inner>) {
    let service = service_fn(move |request| {
        let inner = Arc::clone(&inner);
        // In a task of its own: a change that has begun is made, also when whoever asked for it has gone. Half
        // of it would be a table that says something else than what is done.
        tokio::spawn(async move { answer(&inner, request).await })
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(inner: &Arc<Inner>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    match perform(inner, request).await {
        Ok(body) => respond(StatusCode::OK, body),
        Err(refused) => {
            let status = match &refused {
                Refused::NoRoute { .. } | Refused::NoTarget { .. } => StatusCode::NOT_FOUND,
                Refused::PortTaken { .. } => StatusCode::CONFLICT,
                Refused::Port { .. } | Refused::Table { .. } => StatusCode::INTERNAL_SERVER_ERROR,
                Refused::Request { .. } => StatusCode::BAD_REQUEST,
            };
            respond(status, json(&refused).unwrap_or_default())
        }
    }
}

fn respond(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Refused> {
    let mut text = serde_json::to_vec(value).map_err(|error| Refused::Request {
        reason: error.to_string(),
    })?;
    text.push(b'\n');
    Ok(text)
}

async fn call(request: Request<Incoming>) -> Result<Call, Refused> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect().await;
    let body = body.map_err(|error| Refused::Request {
        reason: error.to_string(),
    })?;
    Call::read(head.method.as_str(), head.uri.path(), &body.to_bytes())
}

async fn perform(inner: &Arc<Inner>, request: Request<Incoming>) -> Result<Vec<u8>, Refused> {
    let switch = &inner.switch;
    let app = match call(request).await? {
        Call::Status => return json(&inner.status()),
        Call::Put(app, put) => return json(&inner.put(&app, put).await?),
        Call::Delete(app) => return json(&inner.delete(&app).await?),
        Call::Drain(_, drain) => return json(&switch.drain(drain).await?),
        Call::Route(app) => app,
        Call::Switch(app, to) => switch.switch(&app, to).await.map(|()| app)?,
        Call::Hold(app, hold) => switch.hold(&app, hold).await.map(|()| app)?,
        Call::Release(app) => switch.release(&app).await.map(|()| app)?,
        Call::Clear(app) => switch.clear(&app).await.map(|()| app)?,
    };
    json(&switch.status(&*switch.route(&app)?))
}
