//! Where a name leads: what the DNS has for it, as this system sees it, and whether this server answers there. What follows
//! from it is the core's, `gokku_core::certificates::direction`.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gokku_core::certificates::direction::{Asked, Found};
use gokku_core::domains::name::DomainName;
use gokku_core::domains::scheme::Scheme;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::header::{HOST, LOCATION, USER_AGENT};
use hyper::http::{self, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::any_certificate::any_certificate;
use crate::challenge::HTTP_PATH;

/// What is looked for.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// Whether an address leads here although no network interface has it.
    pub leads_here: &'a (dyn Fn(IpAddr) -> bool + Sync),
    /// What this server answers now, as a challenge over HTTP: its token and its answer. It is not asked for without.
    pub answer: Option<(&'a str, &'a str)>,
    /// The ports of HTTP on which it may be that this server answers: the authority's, and its own where another one passes that
    /// on to it.
    pub ports: &'a BTreeSet<u16>,
    /// How long each question takes.
    pub limit: Duration,
}

/// The most addresses of one name that are looked at.
const MOST: usize = 16;

/// Looks where a name leads. None means that the DNS has no address of it, or did not answer in time.
pub async fn look(name: &DomainName, look: Look<'_>) -> Vec<Found> {
    let asked = tokio::net::lookup_host((name.as_str(), 0));
    let Ok(Ok(addresses)) = tokio::time::timeout(look.limit, asked).await else {
        return Vec::new();
    };
    let addresses: BTreeSet<IpAddr> = addresses.map(|address| address.ip()).collect();
    let mut found = Vec::new();
    for address in addresses.into_iter().take(MOST) {
        let asked = match look.answer {
            Some(answer) => ask_any(name, address, answer, &look).await,
            None => Asked::Not,
        };
        found.push(Found {
            address,
            is_ours: (look.leads_here)(address) || is_here(address),
            asked,
        });
    }
    found
}

/// Whether one of this machine's network interfaces has the address: only then a socket can be bound to it.
fn is_here(address: IpAddr) -> bool {
    !address.is_unspecified() && UdpSocket::bind((address, 0)).is_ok()
}

/// The most that is read of an answer.
const LONGEST: usize = 4096;

async fn ask_any(name: &DomainName, address: IpAddr, answer: (&str, &str), look: &Look<'_>) -> Asked {
    let mut came_to = Asked::NotHere;
    for port in look.ports {
        let asked = tokio::time::timeout(look.limit, ask(name, SocketAddr::from((address, *port)), answer));
        match asked.await.unwrap_or(Asked::NotHere) {
            Asked::Here => return Asked::Here,
            other => came_to = other,
        }
    }
    came_to
}

/// Asks an address for this server's own answer.
async fn ask(name: &DomainName, address: SocketAddr, (token, expected): (&str, &str)) -> Asked {
    let stream = match TcpStream::connect(address).await {
        Ok(stream) => stream,
        Err(error) if has_no_way(&error) => return Asked::NoWay,
        Err(_) => return Asked::NotHere,
    };
    let Some(mut said) = exchange(stream, name, address.port(), Scheme::Http, token).await else {
        return Asked::NotHere;
    };
    // An authority follows a redirect, RFC 8555 section 8.3: to HTTPS, whatever certificate there is. Only that is followed here, to
    // the same address: it is what servers and CDNs do with all that comes by HTTP.
    if said.location.is_some() {
        let again = match said.by_https(name, token) {
            Some(port) => by_https(name, SocketAddr::new(address.ip(), port), token).await,
            None => None,
        };
        let Some(again) = again.filter(|again| again.location.is_none()) else {
            return Asked::NotHere;
        };
        said = again;
    }
    if said.body.trim_ascii_end() == expected.as_bytes() {
        Asked::Here
    } else {
        Asked::NotHere
    }
}

/// Whether this machine has no way to an address of that kind.
fn has_no_way(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, NetworkUnreachable, Unsupported};
    matches!(error.kind(), NetworkUnreachable | AddrNotAvailable | Unsupported)
        // EAFNOSUPPORT: the kernel was built, or started, without.
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

/// What somebody answers.
struct Said {
    location: Option<String>,
    body: Bytes,
}

impl Said {
    /// The port of HTTPS at which it is to be asked for in the same words.
    fn by_https(&self, name: &DomainName, token: &str) -> Option<u16> {
        let location: Uri = self.location.as_ref()?.parse().ok()?;
        let is_same = location.scheme() == Some(&http::uri::Scheme::HTTPS)
            && location.host()?.eq_ignore_ascii_case(name.as_str())
            && location.path_and_query()?.as_str() == format!("{HTTP_PATH}{token}");
        is_same.then(|| location.port_u16().unwrap_or(Scheme::Https.default_port()))
    }
}

/// Asks by HTTPS, of whoever it is: who it is shows in the answer.
async fn by_https(name: &DomainName, address: SocketAddr, token: &str) -> Option<Said> {
    let config = any_certificate()?;
    let server = ServerName::try_from(name.as_str().to_owned()).ok()?;
    let stream = TcpStream::connect(address).await.ok()?;
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(server, stream).await.ok()?;
    exchange(stream, name, address.port(), Scheme::Https, token).await
}

/// Asks on a connection.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    name: &DomainName,
    port: u16,
    scheme: Scheme,
    token: &str,
) -> Option<Said> {
    let connecting = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connecting.ok()?;
    let host = if port == scheme.default_port() {
        name.as_str().to_owned()
    } else {
        format!("{}:{port}", name.as_str())
    };
    let request = Request::get(format!("{HTTP_PATH}{token}"))
        .header(HOST, host)
        .header(USER_AGENT, "gokku")
        .body(Empty::<Bytes>::new())
        .ok()?;
    let answered = async {
        let response = sender.send_request(request).await.ok()?;
        let location = response.headers().get(LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        let location = location.filter(|_| response.status().is_redirection());
        let location = location.map(str::to_owned);
        let body = Limited::new(response.into_body(), LONGEST).collect().await.ok()?;
        let body = body.to_bytes();
        Some(Said { location, body })
    };
    let mut answered = std::pin::pin!(answered);
    tokio::select! {
        said = &mut answered => return said,
        _ = connection => {}
    }
    // The other side has closed it; what it said before is there still.
    answered.await
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn an_address_is_here_or_not() {
        for (address, expected) in [
            ("127.0.0.1", true),
            ("127.4.5.6", true),
            ("192.0.2.1", false),
            ("2001:db8::1", false),
            ("0.0.0.0", false),
            ("::", false),
        ] {
            assert_eq!(is_here(address.parse().unwrap()), expected, "{address}");
        }
    }

    async fn server(body: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0; 1024];
                let length = stream.read(&mut head).await.unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..length]).into_owned();
                let is_asked = head.starts_with("GET /.well-known/acme-challenge/token HTTP/1.1\r\n")
                    && head.to_ascii_lowercase().contains("host: localhost:");
                let body = if is_asked { body } else { "not asked so" };
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        port
    }

    #[tokio::test]
    async fn this_server_s_own_answer_is_known() {
        let localhost: DomainName = "localhost".parse().unwrap();
        for (body, expected) in [
            ("ours", Asked::Here),
            ("ours\n", Asked::Here),
            ("theirs", Asked::NotHere),
        ] {
            let found = look(
                &localhost,
                Look {
                    leads_here: &|_| false,
                    answer: Some(("token", "ours")),
                    ports: &BTreeSet::from([server("another").await, server(body).await]),
                    limit: Duration::from_secs(10),
                },
            )
            .await;
            let v4 = found
                .iter()
                .find(|found| found.address.is_ipv4())
                .expect("127.0.0.1");
            assert_eq!((v4.is_ours, v4.asked), (true, expected), "{body}");
        }
    }

    /// Sends everybody to another address by HTTPS, which answers with a certificate of its own.
    async fn redirecting(path: &'static str) -> u16 {
        let issued = rcgen::generate_simple_self_signed(["other.test".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let https = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let secure = https.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = https.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nours")
                    .await;
            }
        });
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = http.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = http.accept().await {
                let _ = stream.read(&mut [0; 1024]).await;
                let to = path.replace("PORT", &secure.to_string());
                let answer = format!("HTTP/1.1 301 Moved\r\nlocation: {to}\r\ncontent-length: 4\r\n\r\nours");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        port
    }

    /// As an authority does, and no further.
    #[tokio::test]
    async fn a_redirect_to_https_is_followed() {
        let localhost: DomainName = "localhost".parse().unwrap();
        for (to, expected) in [
            (
                "https://localhost:PORT/.well-known/acme-challenge/token",
                Asked::Here,
            ),
            (
                "https://LOCALHOST:PORT/.well-known/acme-challenge/token",
                Asked::Here,
            ),
            // What is said with a redirect that is not followed is no answer, either.
            ("https://localhost:PORT/", Asked::NotHere),
            (
                "https://other.test:PORT/.well-known/acme-challenge/token",
                Asked::NotHere,
            ),
            (
                "http://localhost:PORT/.well-known/acme-challenge/token",
                Asked::NotHere,
            ),
            (
                "https://localhost:1/.well-known/acme-challenge/token",
                Asked::NotHere,
            ),
        ] {
            let found = look(
                &localhost,
                Look {
                    leads_here: &|_| false,
                    answer: Some(("token", "ours")),
                    ports: &BTreeSet::from([redirecting(to).await]),
                    limit: Duration::from_secs(10),
                },
            )
            .await;
            let v4 = found.iter().find(|found| found.address.is_ipv4());
            assert_eq!(v4.expect("127.0.0.1").asked, expected, "{to}");
        }
    }

    #[tokio::test]
    async fn a_name_that_the_dns_does_not_have_leads_nowhere() {
        let name: DomainName = "nothing.invalid".parse().unwrap();
        let nowhere_open = BTreeSet::from([80]);
        let look = look(
            &name,
            Look {
                leads_here: &|_| false,
                answer: None,
                ports: &nowhere_open,
                limit: Duration::from_secs(10),
            },
        );
        assert_eq!(look.await, []);
    }
}
