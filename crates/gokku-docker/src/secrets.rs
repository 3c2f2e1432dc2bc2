//! A build's secrets: BuildKit asks for them while it builds, and what they are is kept out of what the build says.
//!
//! `POST /session` becomes an HTTP/2 connection with its roles turned round: BuildKit is the client and asks by gRPC for
//! a secret when an instruction mounts it (`session/secrets/secrets.proto` of BuildKit), and now and then whether anybody
//! is still there (`grpc.health.v1`). Whatever else it asks, credentials of a registry for example, there is none of.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use gokku_core::env_file::EnvValue;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioExecutor;
use tokio_util::task::AbortOnDropHandle;

use crate::error::{Error, causes};
use crate::protobuf::{Fields, one_field};
use crate::wire;

const GET_SECRET: &str = "/moby.buildkit.secrets.v1.Secrets/GetSecret";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// A gRPC message begins with whether it is compressed, and its length.
const PREFIX: usize = 5;

/// What a request for a secret may be long: a name.
const LONGEST: usize = 64 * 1024;

/// gRPC's codes of failures.
const NOT_FOUND: &str = "5";
const UNIMPLEMENTED: &str = "12";

/// A build's secrets, by name.
pub type Secrets = BTreeMap<String, EnvValue>;

/// Whether BuildKit can ask; until this is dropped.
pub(crate) struct Session {
    pub(crate) id: String,
    _serving: AbortOnDropHandle<()>,
}

impl Session {
    /// Has the engine ask for these. An engine without BuildKit cannot, and says so.
    pub(crate) async fn open(socket: &Path, secrets: &Secrets) -> Result<Self, Error> {
        let failed = |message: String| Error::Api {
            what: "give the build its secrets",
            message,
        };
        // Whoever can reach the engine's socket can do everything: the id only has to be nobody else's.
        let random = || RandomState::new().build_hasher().finish();
        let id = format!("{:016x}{:016x}", random(), random());
        let request = Request::post("/session")
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "h2c")
            .header("X-Docker-Expose-Session-Uuid", &id)
            .header("X-Docker-Expose-Session-Name", "gokku")
            .header("X-Docker-Expose-Session-Grpc-Method", GET_SECRET)
            .header("X-Docker-Expose-Session-Grpc-Method", HEALTH);
        let empty = Empty::new().map_err(|never| match never {}).boxed();
        let (response, driving) = wire::send(socket, request, empty).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(failed(format!(
                "no session with BuildKit: HTTP {}",
                response.status()
            )));
        }
        let upgraded = hyper::upgrade::on(response)
            .await
            .map_err(|error| failed(causes(&error)))?;
        let secrets = Arc::new(secrets.clone());
        let serving = tokio::spawn(async move {
            let _driving = driving;
            let service = service_fn(move |request| {
                let secrets = Arc::clone(&secrets);
                async move { Ok::<_, Infallible>(answer(request, &secrets).await) }
            });
            // Its end is the build's: what goes wrong here fails the instruction that asked.
            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(upgraded, service)
                .await;
        });
        Ok(Self {
            id,
            _serving: AbortOnDropHandle::new(serving),
        })
    }
}

type Body = BoxBody<Bytes, Infallible>;

async fn answer(request: Request<Incoming>, secrets: &Secrets) -> Response<Body> {
    match request.uri().path() {
        GET_SECRET => {
            let asked = http_body_util::Limited::new(request.into_body(), LONGEST)
                .collect()
                .await;
            let asked = asked.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            match secret(asked.get(PREFIX..).unwrap_or_default(), secrets) {
                Some(value) => message(&one_field(1, value.expose().as_bytes())),
                None => failure(NOT_FOUND),
            }
        }
        // SERVING
        HEALTH => message(&[1 << 3, 1]),
        _ => failure(UNIMPLEMENTED),
    }
}

/// The secret that a `GetSecretRequest` asks for.
fn secret<'a>(asked: &[u8], secrets: &'a Secrets) -> Option<&'a EnvValue> {
    let name = Fields(asked).find(|(number, _, _)| *number == 1)?.2;
    secrets.get(std::str::from_utf8(name).ok()?)
}

fn response(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, grpc);
    response
}

fn failure(code: &'static str) -> Response<Body> {
    let mut response = response(Empty::new().boxed());
    response
        .headers_mut()
        .insert("grpc-status", HeaderValue::from_static(code));
    response
}

fn message(bytes: &[u8]) -> Response<Body> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut data = vec![0];
    data.extend_from_slice(&length.to_be_bytes());
    data.extend_from_slice(bytes);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [Frame::data(Bytes::from(data)), Frame::trailers(trailers)];
    response(StreamBody::new(stream::iter(frames.map(Ok))).boxed())
}

/// The shortest part of a secret that is looked for: a shorter one stands everywhere.
const SHORTEST: usize = 6;

/// A line of the build without the secrets that it has in it, line by line of each.
pub(crate) fn masked(line: &str, secrets: &Secrets) -> String {
    let mut parts: Vec<(&str, &str)> = secrets
        .iter()
        .flat_map(|(name, value)| {
            value
                .expose()
                .lines()
                .map(move |part| (part.trim(), name.as_str()))
        })
        .filter(|(part, _)| part.len() >= SHORTEST)
        .collect();
    // One may be in another.
    parts.sort_by_key(|(part, _)| std::cmp::Reverse(part.len()));
    let mut line = line.to_owned();
    for (part, name) in parts {
        if line.contains(part) {
            line = line.replace(part, &format!("[{name}]"));
        }
    }
    line
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn secrets(all: &[(&str, &str)]) -> Secrets {
        let all = all.iter();
        all.map(|(name, value)| ((*name).to_owned(), EnvValue::new(*value).unwrap()))
            .collect()
    }

    #[test]
    fn a_secret_is_found_by_its_name() {
        let secrets = secrets(&[("A", "one"), ("AB", "two")]);
        let asked = |name: &[u8]| secret(&one_field(1, name), &secrets).map(EnvValue::expose);
        assert_eq!(
            (asked(b"A"), asked(b"AB"), asked(b"a")),
            (Some("one"), Some("two"), None)
        );
        assert_eq!(asked(b"\xff"), None);
        assert!(secret(&[], &secrets).is_none());
    }

    #[test]
    fn lines_have_names_in_place_of_secrets() {
        let secrets = secrets(&[
            ("SHORT", "abc"),
            ("TOKEN", "secret-token"),
            ("LONG", "my secret-token\nsecond line"),
        ]);
        let all = [
            ("abc", "abc"),
            ("a secret-token, secret-token", "a [TOKEN], [TOKEN]"),
            ("my secret-token", "[LONG]"),
            ("the second line.", "the [LONG]."),
        ];
        for (line, told) in all {
            assert_eq!(masked(line, &secrets), told);
        }
    }
}
