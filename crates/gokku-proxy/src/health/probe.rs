//! One health check: a `GET` on a connection of its own, in the protocol that the app speaks; and of a TCP port whether it accepts
//! connections.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use gokku_core::config::app_protocol::AppProtocol;
use gokku_core::config::tcp_port::{ProxyProtocol, TcpPort};
use gokku_core::domains::scheme::Scheme;
use gokku_core::text::causes::causes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::{http1, http2};
use hyper::header::{CONNECTION, HOST, LOCATION, USER_AGENT};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use crate::client::proxy_header;
use crate::config::limits::Limits;
use crate::http::forwarded::FORWARDED_PROTO;
use crate::http::http2_request;

/// What is said of an app that does not answer by HTTP/2 and should.
const NO_HTTP2: &str = "it does not answer by HTTP/2, which `protocol: h2c` in gokku.yml says that it speaks";
/// How much of an answer's body and location is kept.
const MAX_SHOWN: usize = 300;

/// The outcome of a health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The app answered.
    Answered {
        /// The status.
        status: u16,
        /// Where the answer redirects to.
        location: Option<String>,
        /// The beginning of the body.
        body: String,
    },
    /// A TCP port accepted the connection.
    Accepted,
    /// Nothing listens there.
    Refused,
    /// No answer came in time.
    TimedOut,
    /// There is no connection, or what came is not an answer.
    Broken(String),
}

impl Probe {
    /// Returns whether the app is healthy: it answered 200, or accepted the connection.
    pub fn is_healthy(&self) -> bool {
        matches!(self, Self::Answered { status: 200, .. } | Self::Accepted)
    }
}

/// All that is asked of a container.
#[derive(Clone, Copy, Debug)]
pub struct Questions<'a> {
    /// Where it is, with its port for HTTP.
    pub address: SocketAddr,
    /// What it speaks there.
    pub protocol: AppProtocol,
    /// What it is asked for there; nothing where it has no such port, or its answer does not matter.
    pub path: Option<&'a str>,
    /// The name by which it is asked.
    pub name: Option<&'a AskedName>,
    /// Its TCP ports.
    pub tcp: &'a [TcpPort],
    /// What is said on them first of whose a connection is.
    pub proxy_protocol: Option<ProxyProtocol>,
}

/// What came of it: the first thing that is not well, or the last that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The outcome.
    pub probe: Probe,
    /// The container's TCP port that it is about; none where that is HTTP.
    pub tcp: Option<u16>,
}

/// Checks once all that is asked of a container; `timeout` is for each.
pub fn check(asked: Questions<'_>, timeout: Duration) -> BoxFuture<'_, Checked> {
    Box::pin(async move {
        let mut checked = Checked {
            probe: Probe::Accepted,
            tcp: None,
        };
        if let Some(path) = asked.path {
            checked.probe = probe((asked.address, asked.protocol), path, asked.name, timeout).await;
        }
        for port in asked.tcp {
            if !checked.probe.is_healthy() {
                break;
            }
            let address = SocketAddr::new(asked.address.ip(), port.container);
            checked = Checked {
                probe: probe_tcp(address, asked.proxy_protocol, timeout).await,
                tcp: Some(port.container),
            };
        }
        checked
    })
}

/// Checks once whether a TCP port accepts connections. An app that is told whose they are is told that this one is no client's.
pub fn probe_tcp(
    address: SocketAddr,
    proxy_protocol: Option<ProxyProtocol>,
    timeout: Duration,
) -> BoxFuture<'static, Probe> {
    let accepts = async move {
        let mut stream = match connect(address).await {
            Ok(stream) => stream,
            Err(probe) => return probe,
        };
        if let Some(version) = proxy_protocol {
            let header = proxy_header::header(version, None);
            if let Err(error) = stream.write_all(&header).await {
                return Probe::Broken(error.to_string());
            }
        }
        Probe::Accepted
    };
    Box::pin(async move {
        tokio::time::timeout(timeout, accepts)
            .await
            .unwrap_or(Probe::TimedOut)
    })
}

/// The name by which an app is asked, as its clients ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedName {
    /// What `Host` says.
    pub host: String,
    /// The scheme that clients come by. With HTTPS the app is told so (`X-Forwarded-Proto`), because many send whoever comes by
    /// HTTP to HTTPS.
    pub scheme: Scheme,
}

impl AskedName {
    /// Returns the name of a host whose clients come by HTTPS, or do not.
    pub fn new(host: &str, is_secured: bool) -> Self {
        Self {
            host: host.to_owned(),
            scheme: if is_secured { Scheme::Https } else { Scheme::Http },
        }
    }
}

/// Checks once, in the protocol that is spoken there. The `Host` header has the address unless a name is given.
pub fn probe<'a>(
    (address, protocol): (SocketAddr, AppProtocol),
    path: &'a str,
    name: Option<&'a AskedName>,
    timeout: Duration,
) -> BoxFuture<'a, Probe> {
    // In a box, so that it is compiled here, and not in every crate that asks.
    Box::pin(async move {
        tokio::time::timeout(timeout, ask((address, protocol), path, name))
            .await
            .unwrap_or(Probe::TimedOut)
    })
}

async fn ask((address, protocol): (SocketAddr, AppProtocol), path: &str, name: Option<&AskedName>) -> Probe {
    let stream = match connect(address).await {
        Ok(stream) => stream,
        Err(probe) => return probe,
    };
    match exchange(stream, (address, protocol), path, name).await {
        Ok(probe) => probe,
        Err(error) => Probe::Broken(error),
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, Probe> {
    let connected = TcpStream::connect(address).await;
    connected.map_err(|error| match error.kind() {
        ErrorKind::ConnectionRefused => Probe::Refused,
        _ => Probe::Broken(error.to_string()),
    })
}

async fn exchange(
    stream: TcpStream,
    (address, protocol): (SocketAddr, AppProtocol),
    path: &str,
    name: Option<&AskedName>,
) -> Result<Probe, String> {
    let mut request = Request::get(path);
    if name.is_some_and(|name| name.scheme == Scheme::Https) {
        request = request.header(FORWARDED_PROTO, Scheme::Https.as_str());
    }
    let mut request = request
        .header(
            HOST,
            name.map_or_else(|| address.to_string(), |name| name.host.clone()),
        )
        .header(USER_AGENT, "gokku-health-check")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let (answer, _connection) = match protocol {
        AppProtocol::Http1 => {
            let (mut sender, connection) = http1::Builder::new()
                .max_headers(Limits::default().max_answer_headers)
                .title_case_headers(true)
                .handshake(TokioIo::new(stream))
                .await
                .map_err(|error| error.to_string())?;
            let connection = AbortOnDropHandle::new(tokio::spawn(connection));
            (sender.send_request(request).await, connection)
        }
        AppProtocol::H2c => {
            http2_request::to_http2(&mut request, address);
            let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
                .handshake(TokioIo::new(stream))
                .await
                .map_err(|error| error.to_string())?;
            let connection = AbortOnDropHandle::new(tokio::spawn(connection));
            (sender.send_request(request).await, connection)
        }
    };
    let response = answer.map_err(|error| match protocol {
        AppProtocol::Http1 => error.to_string(),
        AppProtocol::H2c => format!("{NO_HTTP2}: {}", causes(&error)),
    })?;
    let status = response.status().as_u16();
    let location = response.headers().get(LOCATION).map(|value| {
        String::from_utf8_lossy(value.as_bytes())
            .chars()
            .take(MAX_SHOWN)
            .collect()
    });
    if status == 200 {
        return Ok(Probe::Answered {
            status,
            location: None,
            body: String::new(),
        });
    }
    let mut incoming = response.into_body();
    let mut body = Vec::new();
    while body.len() < MAX_SHOWN
        && let Some(Ok(frame)) = incoming.frame().await
    {
        body.extend(frame.into_data().unwrap_or_default());
    }
    let body = String::from_utf8_lossy(&body[..body.len().min(MAX_SHOWN)])
        .trim()
        .to_owned();
    Ok(Probe::Answered {
        status,
        location,
        body,
    })
}
