//! Answers the control API; [`crate::control::api`] has its messages.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gokku_core::machine::backoff::Backoff;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

use crate::control::api::Refused;
use crate::control::control_request::ControlRequest;
use crate::server::state::State;

/// More than any request needs.
const MAX_BODY_BYTES: usize = 2 << 20;
/// The longest pause when no connection can be accepted.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Accepts and answers control connections, for ever.
pub(crate) async fn accept(listener: &UnixListener, state: &Arc<State>) {
    let mut pause = Backoff::up_to(LONGEST_PAUSE);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                pause.reset();
                tokio::spawn(serve(stream, Arc::clone(state)));
            }
            Err(error) => {
                tracing::warn!("a control connection could not be accepted: {error}");
                sleep(pause.take()).await;
            }
        }
    }
}

async fn serve(stream: UnixStream, state: Arc<State>) {
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        // In a task of its own: a change that has begun is completed even if its client has gone. Half of it would leave a
        // table that differs from what is served.
        tokio::spawn(async move { answer(&state, request).await })
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(state: &Arc<State>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    match perform(state, request).await {
        Ok(body) => respond(StatusCode::OK, body),
        Err(refused) => {
            let status = match &refused {
                Refused::NoRoute { .. } | Refused::NoTarget { .. } => StatusCode::NOT_FOUND,
                Refused::PortTaken { .. } | Refused::DomainTaken { .. } => StatusCode::CONFLICT,
                Refused::Port { .. } | Refused::Table { .. } | Refused::Certificates { .. } => {
                    StatusCode::INTERNAL_SERVER_ERROR
                }
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

async fn parse(request: Request<Incoming>) -> Result<ControlRequest, Refused> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
    let body = body.map_err(|error| Refused::Request {
        reason: error.to_string(),
    })?;
    ControlRequest::parse(head.method.as_str(), head.uri.path(), &body.to_bytes())
}

async fn perform(state: &Arc<State>, request: Request<Incoming>) -> Result<Vec<u8>, Refused> {
    let switch = &state.switch;
    let app = match parse(request).await? {
        ControlRequest::Status => return json(&state.status()),
        ControlRequest::Put(app, put) => return json(&state.put(&app, put).await?),
        ControlRequest::Delete(app) => return json(&state.delete(&app).await?),
        ControlRequest::Drain(_, drain) => return json(&switch.drain(drain).await?),
        ControlRequest::ReloadCertificates => return json(&state.reload_certificates().await?),
        ControlRequest::PutChallenge(name, put) => return json(&state.put_challenge(&name, &put).await?),
        ControlRequest::RemoveChallenge(name) => return json(&state.remove_challenge(&name).await),
        ControlRequest::Route(app) => app,
        ControlRequest::Domains(app, put) => state.put_domains(&app, put.domains).await.map(|()| app)?,
        ControlRequest::Maintenance(app, put) => switch.put_maintenance(&app, put).await.map(|()| app)?,
        ControlRequest::Switch(app, to) => state.switch_to(&app, to).await.map(|()| app)?,
        ControlRequest::Hold(app, hold) => switch.hold(&app, hold).await.map(|()| app)?,
        ControlRequest::Release(app) => switch.release(&app).await.map(|()| app)?,
        ControlRequest::Clear(app, clear) => state.clear(&app, clear).await.map(|()| app)?,
    };
    json(&switch.status(&*switch.route(&app)?))
}
