//! Who answers challenges in the tests: as the traffic switch does, but for one authority.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use gokku_acme::{Answers, Challenge};
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::server::Pebble;

/// What is answered now, and what has been.
#[derive(Debug, Default)]
struct Now {
    /// Answers over HTTP, by host and path.
    http: BTreeMap<(String, String), String>,
    /// Certificates over TLS, by host.
    tls: BTreeMap<String, Arc<CertifiedKey>>,
    /// Every challenge that was published, as its kind and host.
    published: Vec<String>,
    /// Hosts whose answers are wrong.
    wrong: Vec<String>,
}

/// The servers that the authority asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answering(Arc<Mutex<Now>>);

impl Answering {
    /// Servers at the ports that an authority asks.
    pub(crate) async fn to(pebble: &Pebble) -> Self {
        let this = Self::default();
        this.serve_http(TcpListener::bind(("127.0.0.1", pebble.http)).await.unwrap());
        this.serve_tls(TcpListener::bind(("127.0.0.1", pebble.tls)).await.unwrap());
        this
    }

    /// The same, with wrong answers for a host.
    pub(crate) fn wrong_for(self, host: &str) -> Self {
        self.0.lock().unwrap().wrong.push(host.to_owned());
        self
    }

    pub(crate) fn published(&self) -> Vec<String> {
        let mut published = self.0.lock().unwrap().published.clone();
        published.sort();
        published
    }

    /// How many challenges are answered now.
    pub(crate) fn open(&self) -> usize {
        let now = self.0.lock().unwrap();
        now.http.len() + now.tls.len()
    }

    fn serve_http(&self, listener: TcpListener) {
        let this = self.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let this = this.clone();
                tokio::spawn(async move {
                    let mut head = [0; 4096];
                    let length = stream.read(&mut head).await.unwrap_or(0);
                    let (status, body) = match this.answer(&String::from_utf8_lossy(&head[..length])) {
                        Some(body) => ("200 OK", body),
                        None => ("404 Not Found", "nothing".to_owned()),
                    };
                    let length = body.len();
                    let answer = format!(
                        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
    }

    fn answer(&self, head: &str) -> Option<String> {
        let path = head.split(' ').nth(1)?;
        let host = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("host: ")
                .map(str::to_owned)
        })?;
        let host = host.split(':').next()?;
        let now = self.0.lock().unwrap();
        let answer = now.http.get(&(host.to_owned(), path.to_owned()))?;
        let is_wrong = now.wrong.iter().any(|wrong| wrong == host);
        Some(if is_wrong {
            "another server".to_owned()
        } else {
            answer.clone()
        })
    }

    fn serve_tls(&self, listener: TcpListener) {
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = vec![gokku_acme::challenge::TLS_PROTOCOL.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        let _ = stream.read(&mut [0; 1]).await;
                    }
                });
            }
        });
    }
}

impl ResolvesServerCert for Answering {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.lock().unwrap().tls.get(hello.server_name()?).cloned()
    }
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

impl Answers for Answering {
    async fn publish(&self, challenge: &Challenge) -> Result<(), Failed> {
        let mut now = self.0.lock().unwrap();
        let host = challenge.name().as_str().to_owned();
        match challenge {
            Challenge::Http { token, answer, .. } => {
                now.published.push(format!("http {host}"));
                let path = format!("{}{token}", gokku_acme::challenge::HTTP_PATH);
                now.http.insert((host, path), answer.clone());
            }
            Challenge::Tls { certificate, key, .. } => {
                now.published.push(format!("tls {host}"));
                let key = aws_lc_rs::default_provider()
                    .key_provider
                    .load_private_key(key.clone_key())?;
                let certified = CertifiedKey::new(vec![certificate.clone()], key);
                now.tls.insert(host, Arc::new(certified));
            }
        }
        Ok(())
    }

    async fn withdraw(&self, challenge: &Challenge) {
        let mut now = self.0.lock().unwrap();
        let host = challenge.name().as_str();
        match challenge {
            Challenge::Http { .. } => now.http.retain(|(name, _), _| name != host),
            Challenge::Tls { .. } => drop(now.tls.remove(host)),
        }
    }
}
