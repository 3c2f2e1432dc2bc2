//! What BuildKit asks for while it builds: secrets, and logins to the registries of base images.
//!
//! `POST /session` becomes an HTTP/2 connection with its roles turned round: BuildKit is the client and asks by gRPC for
//! a secret when an instruction mounts it (`session/secrets/secrets.proto` of BuildKit), for a login before it pulls
//! (`session/auth/auth.proto`), and now and then whether anybody is still there (`grpc.health.v1`). Whatever else it asks,
//! there is none of.

use std::convert::Infallible;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use gokku_core::config::env_file::EnvValue;
use gokku_core::config::image_ref::DEFAULT_REGISTRY;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioExecutor;
use tokio_util::task::AbortOnDropHandle;

use crate::build::protobuf::{Fields, one_field};
use crate::engine::connection::Engine;
use crate::engine::error::Error;
use crate::engine::limits::Call;
use crate::engine::raw_http;
use gokku_core::containers::build::Secrets;
use gokku_core::containers::image::Login;

const GET_SECRET: &str = "/moby.buildkit.secrets.v1.Secrets/GetSecret";
const CREDENTIALS: &str = "/moby.filesync.v1.Auth/Credentials";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// A gRPC message begins with whether it is compressed, and its length.
const PREFIX: usize = 5;

/// What BuildKit calls the default registry when it asks for a login to it.
const DEFAULT_HOST: &str = "registry-1.docker.io";

/// What a request may be long: a name.
const LONGEST: usize = 64 * 1024;

const WHAT: &str = "give the build what it asks for";

/// gRPC's codes of failures.
const NOT_FOUND: &str = "5";
const UNIMPLEMENTED: &str = "12";

/// What there is for it.
#[derive(Clone, Default)]
pub(crate) struct Offer {
    pub(crate) secrets: Secrets,
    pub(crate) logins: Vec<Login>,
}

impl Offer {
    /// The secret that a `GetSecretRequest` asks for.
    fn secret(&self, asked: &[u8]) -> Option<&EnvValue> {
        self.secrets.get(first_field(asked)?)
    }

    /// The login that a `CredentialsRequest` asks for.
    fn login(&self, asked: &[u8]) -> Option<&Login> {
        let host = match first_field(asked)? {
            DEFAULT_HOST => DEFAULT_REGISTRY,
            host => host,
        };
        self.logins.iter().find(|login| login.registry == host)
    }
}

/// The text that every request has in its first field: a name.
fn first_field(message: &[u8]) -> Option<&str> {
    let name = Fields(message).find(|(number, _, _)| *number == 1)?.2;
    std::str::from_utf8(name).ok()
}

/// Whether BuildKit can ask; until this is dropped.
pub(crate) struct Session {
    pub(crate) id: String,
    _serving: AbortOnDropHandle<()>,
}

impl Session {
    /// Has the engine ask for these. An engine without BuildKit cannot, and says so.
    pub(crate) async fn open(engine: &Engine, offer: Offer) -> Result<Self, Error> {
        let call = Call::new("session", WHAT, "session");
        let opening = Self::open_at(&engine.socket, offer);
        engine.within(engine.limits.question, call, opening).await
    }

    async fn open_at(socket: &Path, offer: Offer) -> Result<Self, Error> {
        // Whoever can reach the engine's socket can do everything: the id only has to be nobody else's.
        let random = || RandomState::new().build_hasher().finish();
        let id = format!("{:016x}{:016x}", random(), random());
        let request = Request::post("/session")
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "h2c")
            .header("X-Docker-Expose-Session-Uuid", &id)
            .header("X-Docker-Expose-Session-Name", "gokku")
            .header("X-Docker-Expose-Session-Grpc-Method", GET_SECRET)
            .header("X-Docker-Expose-Session-Grpc-Method", CREDENTIALS)
            .header("X-Docker-Expose-Session-Grpc-Method", HEALTH);
        let empty = Empty::new().map_err(|never| match never {}).boxed();
        let (response, driving) = raw_http::send(socket, request, empty).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(Error::NoBuildKit {
                status: response.status().as_u16(),
            });
        }
        let upgraded = hyper::upgrade::on(response)
            .await
            .map_err(|error| Error::answer(WHAT, error))?;
        let offer = Arc::new(offer);
        let serving = tokio::spawn(async move {
            let _driving = driving;
            let service = service_fn(move |request| {
                let offer = Arc::clone(&offer);
                async move { Ok::<_, Infallible>(answer(request, &offer).await) }
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

async fn answer(request: Request<Incoming>, offer: &Offer) -> Response<Body> {
    let method = request.uri().path().to_owned();
    let asked = http_body_util::Limited::new(request.into_body(), LONGEST);
    let asked = asked.collect().await.map(http_body_util::Collected::to_bytes);
    let asked = asked.unwrap_or_default();
    let asked = asked.get(PREFIX..).unwrap_or_default();
    match method.as_str() {
        GET_SECRET => match offer.secret(asked) {
            Some(value) => message(&one_field(1, value.expose().as_bytes())),
            None => failure(NOT_FOUND),
        },
        // Without one it pulls as anybody.
        CREDENTIALS => message(&offer.login(asked).map_or_else(Vec::new, |login| {
            let username = one_field(1, login.username.as_bytes());
            [username, one_field(2, login.password.as_bytes())].concat()
        })),
        // SERVING
        HEALTH => message(&[1 << 3, 1]),
        _ => failure(UNIMPLEMENTED),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::secrets::tests::secrets;

    #[test]
    fn a_secret_is_found_by_its_name() {
        let offer = Offer {
            secrets: secrets(&[("A", "one"), ("AB", "two")]),
            ..Offer::default()
        };
        let asked = |name: &[u8]| offer.secret(&one_field(1, name)).map(EnvValue::expose);
        assert_eq!(
            (asked(b"A"), asked(b"AB"), asked(b"a")),
            (Some("one"), Some("two"), None)
        );
        assert_eq!(asked(b"\xff"), None);
        assert!(offer.secret(&[]).is_none());
    }

    #[test]
    fn a_login_is_found_by_its_registry() {
        let login = |registry: &str| Login {
            registry: registry.to_owned(),
            username: format!("a user of {registry}"),
            password: String::new(),
        };
        let offer = Offer {
            logins: vec![login("ghcr.io"), login("docker.io"), login("localhost:5000")],
            ..Offer::default()
        };
        let asked = |host: &str| {
            let found = offer.login(&one_field(1, host.as_bytes()));
            found.map(|login| login.registry.as_str())
        };
        assert_eq!(asked("registry-1.docker.io"), Some("docker.io"));
        assert_eq!(asked("localhost:5000"), Some("localhost:5000"));
        assert_eq!(asked("localhost"), None);
    }
}
