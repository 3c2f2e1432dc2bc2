//! How a port's connections are carried: as they are, or by TLS.

use std::time::Duration;

use gokku_core::domains::scheme::Scheme;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::client_stream::ClientStream;
use crate::client::connection_state::ConnectionState;
use crate::tls::acceptor::{Accepted, Acceptor};

/// How a port's connections are carried.
#[derive(Clone, Debug)]
pub(crate) enum Transport {
    /// As they are.
    Plain,
    /// By TLS.
    Tls(Acceptor),
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
    /// room for another connection. A client that speaks no TLS has a stream without.
    pub(crate) async fn open(
        &self,
        stream: TcpStream,
        connection: &ConnectionState,
        limit: Duration,
    ) -> Option<ClientStream> {
        let acceptor = match self {
            Self::Plain => return Some(ClientStream::Plain(stream)),
            Self::Tls(acceptor) => acceptor,
        };
        // In a box: a connection that has no handshake, or has it behind it, needs no room for one.
        let handshake = Box::pin(timeout(limit, acceptor.accept(stream)));
        let accepted = tokio::select! {
            accepted = handshake => accepted,
            () = connection.shedding() => return None,
        };
        match accepted {
            Ok(Ok(Accepted::Tls(stream))) => Some(ClientStream::Tls(stream)),
            Ok(Ok(Accepted::Plain(stream))) => Some(ClientStream::Plain(stream)),
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
