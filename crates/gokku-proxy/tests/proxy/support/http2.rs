//! A client of HTTP/2.

use std::net::Ipv4Addr;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use hyper::http::request;
use hyper::{HeaderMap, Request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::soon;

/// A connection of HTTP/2.
pub(crate) struct Http2 {
    sender: SendRequest<Bytes>,
    /// Reads and writes it to its end.
    driving: JoinHandle<Result<(), h2::Error>>,
    scheme: &'static str,
}

/// A request that was sent.
pub(crate) struct Asked {
    pub(crate) answer: ResponseFuture,
    /// What is sent of its body.
    pub(crate) body: SendStream<Bytes>,
}

/// An answer whose head has come.
pub(crate) struct Answering {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: RecvStream,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
}

/// A request for a path of `api.example.com`.
pub(crate) fn asked(method: &str, path: &str) -> request::Builder {
    Request::builder()
        .method(method)
        .uri(format!("http://api.example.com{path}"))
}

impl Http2 {
    /// One on a port without TLS, by prior knowledge.
    pub(crate) async fn connect(port: u16) -> Self {
        Self::with(port, &Builder::new()).await
    }

    /// One with these settings.
    pub(crate) async fn with(port: u16, settings: &Builder) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .expect("a connection");
        stream.set_nodelay(true).unwrap();
        Self::over(stream, settings, "http").await
    }

    /// One on a stream of bytes.
    pub(crate) async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        settings: &Builder,
        scheme: &'static str,
    ) -> Self {
        let (sender, connection) = soon("settings", settings.handshake(stream)).await.unwrap();
        Self {
            sender,
            driving: tokio::spawn(connection),
            scheme,
        }
    }

    /// Sends a request; its body comes after it, or not.
    pub(crate) async fn try_send(
        &mut self,
        request: request::Builder,
        ends: bool,
    ) -> Result<Asked, h2::Error> {
        let mut request = request.body(()).unwrap();
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(self.scheme.parse().unwrap());
        *request.uri_mut() = parts.try_into().unwrap();
        self.try_send_as(request, ends).await
    }

    /// Sends a request as it is.
    pub(crate) async fn try_send_as(&mut self, request: Request<()>, ends: bool) -> Result<Asked, h2::Error> {
        self.sender = soon("room for a request", self.sender.clone().ready()).await?;
        let (answer, body) = self.sender.send_request(request, ends)?;
        Ok(Asked { answer, body })
    }

    pub(crate) async fn send(&mut self, request: request::Builder, ends: bool) -> Asked {
        self.try_send(request, ends).await.expect("it is sent")
    }

    /// Asks for a path.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(asked("GET", path), true).await.whole().await
    }

    /// Whether the switch has said that other protocols may be asked for.
    pub(crate) fn may_ask_for_protocols(&self) -> bool {
        self.sender.is_extended_connect_protocol_enabled()
    }

    /// Ends it without a word.
    pub(crate) fn cut(self) {
        self.driving.abort();
    }

    /// Waits for its end, and how it came about.
    pub(crate) async fn ended(self) -> Result<(), h2::Error> {
        drop(self.sender);
        soon("the connection's end", self.driving).await.unwrap()
    }

    /// The same while this client goes on holding it.
    pub(crate) async fn end(&mut self) -> Result<(), h2::Error> {
        soon("the connection's end", &mut self.driving).await.unwrap()
    }

    /// Waits until the other end has said that it takes no more requests here.
    pub(crate) async fn told(&self) {
        while self.sender.clone().ready().await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Whether it goes on.
    pub(crate) fn lives(&self) -> bool {
        !self.driving.is_finished()
    }
}

impl Asked {
    pub(crate) async fn try_head(self) -> Result<Answering, h2::Error> {
        let answer = soon("an answer", self.answer).await?;
        let (head, body) = answer.into_parts();
        Ok(Answering {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    }

    /// The answer's head.
    pub(crate) async fn head(self) -> Answering {
        self.try_head().await.expect("an answer")
    }

    /// The whole answer.
    pub(crate) async fn whole(self) -> Answer {
        self.head().await.whole().await.expect("a whole answer")
    }
}

impl Answering {
    /// The next piece of the body; its window is opened again.
    pub(crate) async fn piece(&mut self) -> Option<Result<Bytes, h2::Error>> {
        loop {
            let piece = soon("more of an answer", self.body.data()).await?;
            match &piece {
                // Its end alone.
                Ok(piece) if piece.is_empty() => {}
                Ok(some) => {
                    self.body.flow_control().release_capacity(some.len()).unwrap();
                    return Some(piece);
                }
                Err(_) => return Some(piece),
            }
        }
    }

    pub(crate) async fn whole(mut self) -> Result<Answer, h2::Error> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece().await {
            body.extend(piece?);
        }
        let trailers = soon("trailers", self.body.trailers()).await?;
        Ok(Answer {
            status: self.status,
            headers: self.headers,
            body,
            trailers,
        })
    }
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
