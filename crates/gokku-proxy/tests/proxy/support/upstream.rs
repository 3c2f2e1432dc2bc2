//! Apps, in the test's own process.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use gokku_core::ContainerId;
use gokku_core::config::app_protocol::AppProtocol;
use gokku_proxy::control::api::Target;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::{Message, Wire, ok, soon};

/// A target at an address.
pub(crate) fn target(container: &str, address: SocketAddr) -> Target {
    Target {
        container: ContainerId::new(container),
        release: "20260102-030405".parse().unwrap(),
        address,
        weight: 1,
        health: None,
        protocol: AppProtocol::default(),
        compression: false,
        tcp: Vec::new(),
        proxy_protocol: None,
    }
}

/// An app whose connections the test serves itself, byte by byte.
pub(crate) struct Upstream(TcpListener);

impl Upstream {
    pub(crate) async fn new() -> Self {
        Self::at(0).await
    }

    /// On this port.
    pub(crate) async fn at(port: u16) -> Self {
        Self(
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .await
                .expect("a port"),
        )
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub(crate) fn target(&self, container: &str) -> Target {
        target(container, self.address())
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> Wire {
        let (stream, _) = soon("a connection to the app", self.0.accept()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Wire::new(stream)
    }

    /// The next client is answered, on connections of its own: nothing of what was before is taken for its answer.
    pub(crate) async fn serves_next(&self, port: u16) {
        let mut client = Wire::connect(port).await;
        client.send("GET /next HTTP/1.1\r\nhost: api\r\n\r\n").await;
        let mut app = self.accept().await;
        assert_eq!(app.head().await.first, "GET /next HTTP/1.1");
        app.send(ok("next")).await;
        assert_eq!(client.message().await.text(), "next");
    }
}

/// An app that answers every request with its name, and remembers it.
pub(crate) struct Named {
    name: String,
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Message>>>,
    ill: Arc<AtomicBool>,
    serving: JoinHandle<()>,
}

impl Named {
    pub(crate) async fn new(name: &str) -> Self {
        Self::on(Upstream::new().await, name)
    }

    /// On this port.
    pub(crate) async fn at(port: u16, name: &str) -> Self {
        Self::on(Upstream::at(port).await, name)
    }

    fn on(upstream: Upstream, name: &str) -> Self {
        let asked = Arc::new(Mutex::default());
        let ill = Arc::new(AtomicBool::new(false));
        Self {
            name: name.to_owned(),
            address: upstream.address(),
            asked: Arc::clone(&asked),
            ill: Arc::clone(&ill),
            serving: tokio::spawn(serve(upstream, name.to_owned(), asked, ill)),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its name is its container's too.
    pub(crate) fn target(&self) -> Target {
        target(&self.name, self.address)
    }

    /// The same, as another container.
    pub(crate) fn target_of(&self, container: &str) -> Target {
        target(container, self.address)
    }

    /// From now on `/up` is answered with 503, or with 200 again.
    pub(crate) fn set_ill(&self, ill: bool) {
        self.ill.store(ill, Ordering::SeqCst);
    }

    /// Every request that has come.
    pub(crate) fn asked(&self) -> Vec<Message> {
        self.asked.lock().unwrap().clone()
    }

    /// Closes its port and all its connections, as the kernel does when a program ends.
    pub(crate) async fn close(self) {
        self.serving.abort();
        let _ = self.serving.await;
    }
}

async fn serve(upstream: Upstream, name: String, asked: Arc<Mutex<Vec<Message>>>, ill: Arc<AtomicBool>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = upstream.0.accept().await.unwrap();
        let _ = stream.set_nodelay(true);
        let (name, asked, ill) = (name.clone(), Arc::clone(&asked), Arc::clone(&ill));
        connections.spawn(async move {
            let mut wire = Wire::new(stream);
            while let Ok(Some(request)) = wire.try_message().await {
                let is_check = request.first.starts_with("GET /up ");
                asked.lock().unwrap().push(request);
                let answer = if is_check && ill.load(Ordering::SeqCst) {
                    "HTTP/1.1 503 Ill\r\ncontent-length: 0\r\n\r\n".to_owned()
                } else {
                    ok(&name)
                };
                if wire.try_send(answer).await.is_err() {
                    return;
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
