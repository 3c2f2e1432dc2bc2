//! A client for the control API.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use gokku_core::AppName;
use gokku_core::domains::name::DomainName;
use gokku_core::machine::backoff::Backoff;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::control::api::{
    CertificatesStatus, Clear, Drain, Drained, Hold, PutChallenge, PutDomains, PutMaintenance, PutRoute,
    Refused, RouteStatus, Status, SwitchTo,
};

/// How long the switch may take to have an app's domains: it writes its table.
const DOMAINS_LIMIT: Duration = Duration::from_secs(10);

/// How often a call is repeated that ended without an answer, because another switch has taken the place of the one that was asked.
const REPEATS: usize = 5;
/// The longest pause before that.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Where the certificates are read again.
const RELOAD: &str = "/v1/certificates/reload";

/// What happened to an exchange: an error, or a text.
type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing answers on the socket.
    #[error(
        "the traffic switch does not run (nothing answers on {}): `gokku proxy run` starts it, the next deploy does too",
        .0.display()
    )]
    NotRunning(PathBuf),
    /// This user may not open the socket.
    #[error("this user may not speak to the traffic switch on {}: run as root, or join its group", .0.display())]
    Forbidden(PathBuf),
    /// The switch refused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Nobody answers, although somebody listens.
    #[error(
        "the traffic switch on {} has not answered for {} s: its log says what it does, and `gokku proxy restart` starts another one",
        .socket.display(), .limit.as_secs()
    )]
    Silent {
        /// The socket.
        socket: PathBuf,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The connection broke, or what came back was not understood.
    #[error("the exchange with the traffic switch on {} failed: {source}", .socket.display())]
    Broken {
        /// The socket.
        socket: PathBuf,
        /// What happened.
        source: Source,
    },
}

impl Error {
    /// Returns whether the switch ended the connection before anything of an answer came, as one does whose place another takes,
    /// or that is being killed.
    fn is_unanswered(&self) -> bool {
        let Self::Broken { source, .. } = self else {
            return false;
        };
        let Some(error) = source.downcast_ref::<hyper::Error>() else {
            return false;
        };
        let below = std::error::Error::source(error).and_then(|below| below.downcast_ref::<io::Error>());
        let is_cut =
            |error: &io::Error| matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
        error.is_incomplete_message() || error.is_canceled() || error.is_closed() || below.is_some_and(is_cut)
    }
}

/// Returns whether a call does no more when it is made twice.
fn is_repeatable(method: &Method, path: &str) -> bool {
    matches!(*method, Method::GET | Method::PUT) || path == RELOAD
}

/// A client of the switch behind a socket. Each call makes a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// Creates a client; nothing is connected yet.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
        }
    }

    /// Returns the socket's path.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Returns the status of the switch.
    pub async fn status(&self) -> Result<Status, Error> {
        self.call(Method::GET, "/v1/status", &()).await
    }

    /// Returns the status of an app's route.
    pub async fn route(&self, app: &AppName) -> Result<RouteStatus, Error> {
        self.call(Method::GET, &format!("/v1/routes/{app}"), &()).await
    }

    /// Gives an app its host port.
    pub async fn put(&self, app: &AppName, put: PutRoute) -> Result<RouteStatus, Error> {
        self.call(Method::PUT, &format!("/v1/routes/{app}"), &put).await
    }

    /// Gives an app its domains. Whoever does has the lock of all domains, so that this wait has an end.
    pub async fn put_domains(&self, app: &AppName, put: &PutDomains) -> Result<RouteStatus, Error> {
        let path = format!("/v1/routes/{app}/domains");
        let told = timeout(DOMAINS_LIMIT, self.call(Method::PUT, &path, put)).await;
        told.unwrap_or_else(|_| {
            Err(Error::Silent {
                socket: self.socket.clone(),
                limit: DOMAINS_LIMIT,
            })
        })
    }

    /// Has an app's clients get a page, or the app.
    pub async fn put_maintenance(&self, app: &AppName, put: &PutMaintenance) -> Result<RouteStatus, Error> {
        self.call(Method::PUT, &format!("/v1/routes/{app}/maintenance"), put)
            .await
    }

    /// Forgets an app.
    pub async fn delete(&self, app: &AppName) -> Result<(), Error> {
        self.call(Method::DELETE, &format!("/v1/routes/{app}"), &()).await
    }

    /// Gives a route new targets, and lets waiting requests go to them.
    pub async fn switch(&self, app: &AppName, to: &SwitchTo) -> Result<RouteStatus, Error> {
        self.post(app, "switch", to).await
    }

    /// Makes requests wait.
    pub async fn hold(&self, app: &AppName, hold: Hold) -> Result<RouteStatus, Error> {
        self.post(app, "hold", &hold).await
    }

    /// Lets waiting requests go on.
    pub async fn release(&self, app: &AppName) -> Result<RouteStatus, Error> {
        self.post(app, "release", &()).await
    }

    /// Takes a route's targets away.
    pub async fn clear(&self, app: &AppName, clear: &Clear) -> Result<RouteStatus, Error> {
        self.post(app, "clear", clear).await
    }

    /// Waits for a container's requests to end.
    pub async fn drain(&self, app: &AppName, drain: &Drain) -> Result<Drained, Error> {
        self.post(app, "drain", drain).await
    }

    /// Has the certificates on disk read again.
    pub async fn reload_certificates(&self) -> Result<CertificatesStatus, Error> {
        self.call(Method::POST, RELOAD, &()).await
    }

    /// Has a certificate authority that asks for a name by TLS-ALPN-01 be shown this.
    pub async fn put_challenge(&self, name: &DomainName, put: &PutChallenge) -> Result<(), Error> {
        let path = format!("/v1/challenges/{}", name.as_str());
        self.call(Method::PUT, &path, put).await
    }

    /// Has it be shown no more.
    pub async fn remove_challenge(&self, name: &DomainName) -> Result<(), Error> {
        let path = format!("/v1/challenges/{}", name.as_str());
        self.call(Method::DELETE, &path, &()).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        app: &AppName,
        action: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        self.call(Method::POST, &format!("/v1/routes/{app}/{action}"), body)
            .await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let text = Bytes::from(serde_json::to_vec(body).map_err(|error| self.broken(error))?);
        let mut pause = Backoff::up_to(LONGEST_PAUSE);
        let mut left = if is_repeatable(&method, path) { REPEATS } else { 0 };
        let (status, body) = loop {
            match self.boxed_exchange(method.clone(), path, text.clone()).await {
                Err(error) if left > 0 && error.is_unanswered() => {
                    left -= 1;
                    sleep(pause.take()).await;
                }
                done => break done?,
            }
        };
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| self.broken(error));
        }
        match serde_json::from_slice::<Refused>(&body) {
            Ok(refused) => Err(refused.into()),
            Err(_) => Err(self.broken(format!("HTTP {status}"))),
        }
    }

    fn broken(&self, source: impl Into<Source>) -> Error {
        Error::Broken {
            socket: self.socket.clone(),
            source: source.into(),
        }
    }

    /// In a box, so that it is compiled in this crate and once, whatever is sent and by whom.
    fn boxed_exchange<'a>(
        &'a self,
        method: Method,
        path: &'a str,
        text: Bytes,
    ) -> BoxFuture<'a, Result<(StatusCode, Bytes), Error>> {
        Box::pin(self.exchange(method, path, text))
    }

    /// One request and its answer's status and body.
    async fn exchange(&self, method: Method, path: &str, text: Bytes) -> Result<(StatusCode, Bytes), Error> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => Error::NotRunning(self.socket.clone()),
                ErrorKind::PermissionDenied => Error::Forbidden(self.socket.clone()),
                _ => self.broken(error),
            })?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(error))?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "gokku")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(text))
            .map_err(|error| self.broken(error))?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| self.broken(error))?;
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| self.broken(error))?
            .to_bytes();
        Ok((status, body))
    }
}
