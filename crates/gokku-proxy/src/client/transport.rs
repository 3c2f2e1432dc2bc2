//! How a port's connections are carried: as they are, or by TLS; and which protocol is spoken on each.

use std::time::Duration;

use gokku_core::domains::scheme::Scheme;
use gokku_core::machine::backoff::Backoff;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;

use crate::client::client_stream::ClientStream;
use crate::client::connection_state::ConnectionState;
use crate::http::frame_scanner::PREFACE;
use crate::tls::acceptor::{Accepted, Acceptor, HTTP2};

/// How much of what a client of HTTP/2 says first tells that it is one: no request of HTTP/1.1 begins so.
const RECOGNIZED: usize = 16;
/// The longest pause between two looks at a first word that is not complete.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// How a port's connections are carried.
#[derive(Clone, Debug)]
pub(crate) enum Transport {
    /// As they are.
    Plain,
    /// By TLS.
    Tls(Acceptor),
}

/// The protocol that is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1 or 1.0.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Protocol {
    /// Returns what was agreed on in a handshake.
    fn of(stream: &TlsStream<TcpStream>) -> Self {
        if stream.get_ref().1.alpn_protocol() == Some(HTTP2) {
            Self::Http2
        } else {
            Self::Http1
        }
    }
}

/// A connection that is ready for requests.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) stream: ClientStream,
    pub(crate) protocol: Protocol,
}

impl Opened {
    fn plain(stream: TcpStream) -> Self {
        Self {
            stream: ClientStream::Plain(stream),
            protocol: Protocol::Http1,
        }
    }
}

impl Transport {
    /// Returns the scheme of the requests that come so.
    pub(crate) fn scheme(&self) -> Scheme {
        match self {
            Self::Plain => Scheme::Http,
            Self::Tls(_) => Scheme::Https,
        }
    }

    /// Returns a connection's stream, after its handshake; none where that fails, takes longer than its limit, or is to make
    /// room for another connection. A client that speaks no TLS has a stream without. By TLS client and switch agree on the
    /// protocol; without it a client is taken to speak HTTP/2 where that may be (`h2c`) and it says so first.
    pub(crate) async fn open(
        &self,
        stream: TcpStream,
        connection: &ConnectionState,
        limit: Duration,
        h2c: bool,
    ) -> Option<Opened> {
        let acceptor = match self {
            Self::Plain if h2c => return Box::pin(recognize(stream, connection, limit)).await,
            Self::Plain => return Some(Opened::plain(stream)),
            Self::Tls(acceptor) => acceptor,
        };
        // In a box: a connection that has no handshake, or has it behind it, needs no room for one.
        let handshake = Box::pin(timeout(limit, acceptor.accept(stream)));
        let accepted = tokio::select! {
            accepted = handshake => accepted,
            () = connection.shedding() => return None,
        };
        match accepted {
            Ok(Ok(Accepted::Tls(stream))) => Some(Opened {
                protocol: Protocol::of(&stream),
                stream: ClientStream::Tls(stream),
            }),
            Ok(Ok(Accepted::Plain(stream))) => Some(Opened::plain(stream)),
            Ok(Ok(Accepted::Ended)) => None,
            Ok(Err(error)) => {
                tracing::debug!("a handshake failed: {error}");
                None
            }
            Err(_) => {
                tracing::debug!("a handshake took longer than {} s", limit.as_secs());
                None
            }
        }
    }
}

/// Sees by its first bytes which protocol a client speaks, and leaves them to be read. None where the client has gone, or the
/// connection is to make room for another one.
async fn recognize(stream: TcpStream, connection: &ConnectionState, limit: Duration) -> Option<Opened> {
    let mut first = [0; RECOGNIZED];
    let mut pause = Backoff::up_to(LONGEST_PAUSE);
    let looking = async {
        loop {
            match stream.peek(&mut first).await {
                Ok(0) | Err(_) => return None,
                Ok(length) if first[..length] != PREFACE[..length] => return Some(Protocol::Http1),
                Ok(RECOGNIZED) => return Some(Protocol::Http2),
                // The kernel tells at once what is there already, and not when more comes.
                Ok(_) => sleep(pause.take()).await,
            }
        }
    };
    let protocol = tokio::select! {
        // Whoever says nothing is told so where HTTP/1.1 is spoken.
        looked = timeout(limit, looking) => looked.unwrap_or(Some(Protocol::Http1))?,
        () = connection.shedding() => return None,
    };
    Some(Opened {
        stream: ClientStream::Plain(stream),
        protocol,
    })
}
