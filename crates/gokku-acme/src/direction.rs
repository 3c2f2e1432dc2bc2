//! Where a name leads: what the DNS has for it, as this system sees it, and whether this server answers there. What follows
//! from it is the core's, `gokku_core::certificates::direction`.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use gokku_core::certificates::direction::Found;
use gokku_core::domains::name::DomainName;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::header::{HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::challenge::HTTP_PATH;

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Addresses that lead here although no network interface has them.
    pub addresses: &'a BTreeSet<IpAddr>,
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
        let answered = match look.answer {
            Some(answer) => Some(answers_on_any(name, address, answer, &look).await),
            None => None,
        };
        found.push(Found {
            address,
            is_ours: look.addresses.contains(&address) || is_here(address),
            answered,
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

async fn answers_on_any(name: &DomainName, address: IpAddr, answer: (&str, &str), look: &Look<'_>) -> bool {
    for port in look.ports {
        if answers(name, SocketAddr::from((address, *port)), answer, look.limit).await {
            return true;
        }
    }
    false
}

/// Whether this server's own answer comes from an address.
async fn answers(name: &DomainName, address: SocketAddr, answer: (&str, &str), limit: Duration) -> bool {
    let (token, expected) = answer;
    let asked = tokio::time::timeout(limit, body_of(name, address, token)).await;
    let body = asked.ok().flatten();
    body.is_some_and(|body| body.trim_ascii_end() == expected.as_bytes())
}

async fn body_of(name: &DomainName, address: SocketAddr, token: &str) -> Option<bytes::Bytes> {
    let stream = TcpStream::connect(address).await.ok()?;
    let connecting = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connecting.ok()?;
    let host = match address.port() {
        80 => name.as_str().to_owned(),
        port => format!("{}:{port}", name.as_str()),
    };
    let request = Request::get(format!("{HTTP_PATH}{token}"))
        .header(HOST, host)
        .header(USER_AGENT, "gokku")
        .body(Empty::<bytes::Bytes>::new())
        .ok()?;
    let answered = async {
        let response = sender.send_request(request).await.ok()?;
        let body = Limited::new(response.into_body(), LONGEST).collect().await.ok()?;
        Some(body.to_bytes())
    };
    let mut answered = std::pin::pin!(answered);
    tokio::select! {
        body = &mut answered => return body,
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
        let nowhere = BTreeSet::new();
        let localhost: DomainName = "localhost".parse().unwrap();
        for (body, expected) in [("ours", true), ("ours\n", true), ("theirs", false)] {
            let found = look(
                &localhost,
                Look {
                    addresses: &nowhere,
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
            assert_eq!((v4.is_ours, v4.answered), (true, Some(expected)), "{body}");
        }
    }

    #[tokio::test]
    async fn a_name_that_the_dns_does_not_have_leads_nowhere() {
        let nowhere = BTreeSet::new();
        let name: DomainName = "nothing.invalid".parse().unwrap();
        let nowhere_open = BTreeSet::from([80]);
        let look = look(
            &name,
            Look {
                addresses: &nowhere,
                answer: None,
                ports: &nowhere_open,
                limit: Duration::from_secs(10),
            },
        );
        assert_eq!(look.await, []);
    }
}
