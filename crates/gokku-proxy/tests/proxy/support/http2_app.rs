//! An app that speaks HTTP/2 without TLS, and whose every answer the test says itself.

use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use gokku_core::config::app_protocol::AppProtocol;
use gokku_proxy::control::api::Target;
use h2::server::{Builder, Connection, SendResponse};
use h2::{RecvStream, SendStream};
use hyper::Response;
use hyper::http::request::Parts;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::{soon, target};

/// An app that speaks HTTP/2.
pub(crate) struct Http2App {
    address: SocketAddr,
    requests: Mutex<mpsc::UnboundedReceiver<Served>>,
    connections: Arc<AtomicUsize>,
    leaving: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// A request that has come.
pub(crate) struct Served {
    pub(crate) head: Parts,
    pub(crate) body: RecvStream,
    pub(crate) respond: SendResponse<Bytes>,
}

impl Http2App {
    pub(crate) async fn new() -> Self {
        Self::with(Builder::new()).await
    }

    /// One with these settings.
    pub(crate) async fn with(settings: Builder) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let (sender, requests) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let (leaving, told) = watch::channel(false);
        Self {
            address: listener.local_addr().unwrap(),
            requests: Mutex::new(requests),
            connections: Arc::clone(&connections),
            leaving,
            serving: tokio::spawn(serve(listener, settings, sender, connections, told)),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn target(&self, container: &str) -> Target {
        Target {
            protocol: AppProtocol::H2c,
            tcp: Vec::new(),
            proxy_protocol: None,
            ..target(container, self.address)
        }
    }

    /// The next request.
    pub(crate) async fn request(&self) -> Served {
        let next = async { self.requests.lock().await.recv().await };
        soon("a request to the app", next).await.expect("it serves")
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Says on each connection that there is on which no more requests are taken; a next one is served.
    pub(crate) fn leave(&self) {
        self.leaving.send_replace(true);
    }

    /// Closes its port and all its connections, as the kernel does when a program ends.
    pub(crate) async fn close(self) {
        self.serving.abort();
        let _ = self.serving.await;
    }
}

async fn serve(
    listener: TcpListener,
    settings: Builder,
    sender: mpsc::UnboundedSender<Served>,
    count: Arc<AtomicUsize>,
    told: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = stream.set_nodelay(true);
        count.fetch_add(1, Ordering::SeqCst);
        let (settings, sender, mut told) = (settings.clone(), sender.clone(), told.clone());
        told.mark_unchanged();
        connections.spawn(async move {
            let mut connection: Connection<TcpStream, Bytes> = match settings.handshake(stream).await {
                Ok(connection) => connection,
                Err(_) => return,
            };
            loop {
                tokio::select! {
                    accepted = connection.accept() => {
                        let Some(Ok((request, respond))) = accepted else { return };
                        let (head, body) = request.into_parts();
                        let _ = sender.send(Served { head, body, respond });
                    }
                    Ok(()) = told.changed() => connection.graceful_shutdown(),
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

impl Served {
    /// Answers; the body comes after it, or not.
    pub(crate) fn answer(&mut self, status: u16, ends: bool) -> SendStream<Bytes> {
        let answer = Response::builder().status(status).body(()).unwrap();
        self.respond.send_response(answer, ends).unwrap()
    }

    /// Answers with a text.
    pub(crate) fn say(&mut self, text: &str) {
        let mut body = self.answer(200, false);
        body.send_data(Bytes::copy_from_slice(text.as_bytes()), true)
            .unwrap();
    }

    /// The next piece of its body.
    pub(crate) async fn piece(&mut self) -> Option<Result<Bytes, h2::Error>> {
        let piece = soon("more of a request", self.body.data()).await?;
        if let Ok(piece) = &piece {
            self.body.flow_control().release_capacity(piece.len()).unwrap();
        }
        Some(piece)
    }

    /// All of its body.
    pub(crate) async fn all(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(piece) = self.piece().await {
            all.extend(piece.unwrap());
        }
        all
    }

    /// Waits until the request is taken back, before it is answered.
    pub(crate) async fn reset(&mut self) -> h2::Reason {
        let reset = poll_fn(|cx| self.respond.poll_reset(cx));
        soon("it to be taken back", reset).await.unwrap()
    }
}

/// Waits until the other end takes no more of a body.
pub(crate) async fn reset_of(body: &mut SendStream<Bytes>) -> h2::Reason {
    let reset = poll_fn(|cx| body.poll_reset(cx));
    soon("a reset", reset).await.unwrap()
}
