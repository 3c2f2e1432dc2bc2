//! What stands between a client and the authority in some tests: it notes what passes, and answers in its place.

#![allow(clippy::unwrap_used, reason = "a test that cannot have what it needs fails")]

use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::pebble::Pebble;

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum FrontAct {
    /// The authority answers it.
    Pass,
    /// Nobody answers it.
    Hang,
    /// It is answered so: status, `Retry-After` if any, type of the content, body.
    Answer(u16, Option<&'static str>, &'static str, Vec<u8>),
}

/// What stands in front of an authority.
pub struct AcmeFront {
    /// Its port of HTTPS, by the same certificate as the authority.
    pub port: u16,
    seen: Arc<Mutex<Vec<(String, Bytes)>>>,
}

/// A client that speaks HTTPS alone.
pub type HttpsClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client that knows the authority's server.
pub fn acme_client(pebble: &Pebble) -> HttpsClient {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(pebble.root()).unwrap())
        .unwrap();
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_only()
        .enable_http1()
        .build();
    Client::builder(TokioExecutor::new()).build(connector)
}

impl AcmeFront {
    /// One that does with each request, known by its number and its path, what it is told.
    pub async fn start(
        pebble: &Pebble,
        act: impl Fn(usize, &str) -> FrontAct + Send + Sync + 'static,
    ) -> Self {
        let chain = vec![CertificateDer::from_pem_file(pebble.root()).unwrap()];
        let key = PrivateKeyDer::from_pem_file(pebble.at("server.key")).unwrap();
        let tls = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = Self {
            port: listener.local_addr().unwrap().port(),
            seen: Arc::default(),
        };
        let passing = Arc::new(Passing {
            act: Box::new(act),
            seen: front.seen.clone(),
            client: acme_client(pebble),
            behind: pebble.address(),
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, passing) = (acceptor.clone(), passing.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = service_fn(move |request| {
                        let passing = passing.clone();
                        async move { passing.answer(request).await }
                    });
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        front
    }

    /// The URL of the authority's directory, by way of it.
    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    /// The paths of all requests, with their bodies.
    pub fn seen(&self) -> Vec<(String, Bytes)> {
        self.seen.lock().unwrap().clone()
    }
}

/// What becomes of a request, by its number and its path.
type Rule = Box<dyn Fn(usize, &str) -> FrontAct + Send + Sync>;

struct Passing {
    act: Rule,
    seen: Arc<Mutex<Vec<(String, Bytes)>>>,
    client: HttpsClient,
    behind: String,
}

impl Passing {
    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let path = parts.uri.path().to_owned();
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.push((path.clone(), body.clone()));
            seen.len() - 1
        };
        match (self.act)(number, &path) {
            FrontAct::Hang => std::future::pending().await,
            FrontAct::Answer(status, wait, content, body) => {
                let mut answer = Response::builder().status(status).header("content-type", content);
                if let Some(wait) = wait {
                    answer = answer.header("retry-after", wait);
                }
                answer.body(Full::new(body.into())).map_err(io::Error::other)
            }
            FrontAct::Pass => {
                let uri = format!("https://{}{path}", self.behind).replace("127.0.0.1", "localhost");
                parts.uri = uri.parse::<Uri>().map_err(io::Error::other)?;
                let asked = self.client.request(Request::from_parts(parts, Full::new(body)));
                let answer = asked.await.map_err(io::Error::other)?;
                let (parts, body) = answer.into_parts();
                Ok(Response::from_parts(
                    parts,
                    Full::new(body.collect().await.map_err(io::Error::other)?.to_bytes()),
                ))
            }
        }
    }
}
