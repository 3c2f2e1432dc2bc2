//! An app on a TCP port: it says its name with each line, and hears until the client has said all.

use std::net::{Ipv4Addr, SocketAddr};

use gokku_core::config::tcp_port::TcpPort;
use gokku_proxy::control::api::Target;
use rustix::net::sockopt::set_socket_linger;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::{soon, target};

/// A target without a port for HTTP, with one of TCP: the server's, and the app's.
pub(crate) fn tcp_target(container: &str, host: u16, app: u16) -> Target {
    Target {
        tcp: vec![TcpPort { host, container: app }],
        ..target(container, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }
}

/// An app that answers each line with its name and the line.
pub(crate) struct Lines {
    name: String,
    port: u16,
    serving: JoinHandle<()>,
}

impl Lines {
    pub(crate) async fn new(name: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().unwrap().port();
        let said = name.to_owned();
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                connections.spawn(serve(stream, said.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            name: name.to_owned(),
            port,
            serving,
        }
    }

    /// Its name is its container's, too.
    pub(crate) fn target(&self, host: u16) -> Target {
        tcp_target(&self.name, host, self.port)
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut stream: TcpStream, name: String) {
    let (reading, mut writing) = stream.split();
    let mut lines = BufReader::new(reading).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if writing
            .write_all(format!("{name} {line}\n").as_bytes())
            .await
            .is_err()
        {
            return;
        }
    }
}

/// Connects to a port of the switch.
pub(crate) async fn tcp(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
    let stream = stream.unwrap_or_else(|error| panic!("port {port}: {error}"));
    stream.set_nodelay(true).unwrap();
    stream
}

/// Connects, says something, and returns all that comes; none where the connection is broken off, which may be before it is known here
/// to be there.
pub(crate) async fn ask_tcp(port: u16, said: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
    stream.write_all(said).await.ok()?;
    stream.shutdown().await.ok()?;
    rest(&mut stream).await.ok()
}

/// Says a line and returns the answer, without its end.
pub(crate) async fn say(stream: &mut TcpStream, line: &str) -> String {
    stream
        .write_all(format!("{line}\n").as_bytes())
        .await
        .expect("said");
    let mut answer = Vec::new();
    loop {
        match soon("an answer", stream.read_u8()).await {
            Ok(b'\n') => return String::from_utf8(answer).unwrap(),
            Ok(byte) => answer.push(byte),
            Err(error) => panic!("{line}: {error} after {answer:?}"),
        }
    }
}

/// Returns all that still comes, or the error that it ends with.
pub(crate) async fn rest(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::new();
    soon("the end", stream.read_to_end(&mut all)).await?;
    Ok(all)
}

/// Resets a connection.
pub(crate) fn reset(stream: TcpStream) {
    set_socket_linger(&stream, Some(std::time::Duration::ZERO)).unwrap();
    drop(stream);
}
