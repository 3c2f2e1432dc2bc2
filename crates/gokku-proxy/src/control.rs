//! Answers the control API; see [`crate::api`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gokku_core::AppName;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::{UnixListener, UnixStream};

use crate::api::{PutRoute, Refused};
use crate::inner::Inner;
use crate::pause::Pause;

/// More than any request needs.
const LONGEST_BODY: usize = 1 << 20;
/// The most that is waited when no connection can be accepted.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

pub(crate) async fn accept(listener: UnixListener, inner: Arc<Inner>) {
    let mut pause = Pause::up_to(LONGEST_PAUSE);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                pause.reset();
                tokio::spawn(serve(stream, Arc::clone(&inner)));
            }
            Err(error) => {
                tracing::warn!("a control connection could not be accepted: {error}");
                pause.wait().await;
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

async fn read<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Refused> {
    let wrong = |reason: String| Refused::Request { reason };
    let body = Limited::new(request.into_body(), LONGEST_BODY).collect().await;
    let body = body.map_err(|error| wrong(error.to_string()))?.to_bytes();
    serde_json::from_slice(&body).map_err(|error| wrong(error.to_string()))
}

async fn perform(inner: &Arc<Inner>, request: Request<Incoming>) -> Result<Vec<u8>, Refused> {
    let path = request.uri().path().to_owned();
    let words: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let method = request.method().clone();
    let switch = &inner.switch;
    let app = |name: &str| -> Result<AppName, Refused> {
        name.parse()
            .map_err(|error: gokku_core::name::NameError| Refused::Request {
                reason: error.to_string(),
            })
    };
    match (&method, words.as_slice()) {
        (&Method::GET, ["v1", "status"]) => json(&inner.status()),
        (&Method::GET, ["v1", "routes", name]) => json(&switch.status(&*switch.route(&app(name)?)?)),
        (&Method::PUT, ["v1", "routes", name]) => {
            let put: PutRoute = read(request).await?;
            json(&inner.put(&app(name)?, put).await?)
        }
        (&Method::DELETE, ["v1", "routes", name]) => {
            inner.delete(&app(name)?).await?;
            json(&())
        }
        (&Method::POST, ["v1", "routes", name, action]) => {
            let app = app(name)?;
            match *action {
                "switch" => switch.switch(&app, read(request).await?).await?,
                "hold" => switch.hold(&app, read(request).await?).await?,
                "release" => switch.release(&app).await?,
                "clear" => switch.clear(&app).await?,
                "drain" => return json(&switch.drain(read(request).await?).await?),
                other => {
                    return Err(Refused::Request {
                        reason: format!("there is no {other:?}"),
                    });
                }
            }
            json(&switch.status(&*switch.route(&app)?))
        }
        _ => Err(Refused::Request {
            reason: format!("there is no {method} {path}"),
        }),
    }
}
