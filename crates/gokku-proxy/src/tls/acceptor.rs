//! A client's connection on a port of TLS, from its first byte to the end of the handshake.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::tls::certificate_table::{ACME_TLS, CertificateTable};
use crate::tls::crypto::provider;
use crate::tls::tickets::Tickets;

/// The protocols that are spoken inside, RFC 7301, the preferred one first.
const PROTOCOLS: [&[u8]; 3] = [HTTP2, b"http/1.1", ACME_TLS];
/// The name of HTTP/2 there.
pub(crate) const HTTP2: &[u8] = b"h2";

/// What makes connections secure.
#[derive(Clone)]
pub(crate) struct Acceptor {
    accepting: TlsAcceptor,
    tickets: Arc<Tickets>,
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptor")
    }
}

/// What a connection turned out to be.
pub(crate) enum Accepted {
    /// A secure one, for requests.
    Tls(Box<TlsStream<TcpStream>>),
    /// The client speaks HTTP without TLS; nothing was read.
    Plain(TcpStream),
    /// It has served its purpose: a certificate authority was shown its challenge, or the client has gone.
    Ended,
}

impl Acceptor {
    /// Creates one that shows these certificates. A client that comes back is known by a ticket, which is kept by the client
    /// alone.
    pub(crate) fn new(table: Arc<CertificateTable>) -> Result<Self, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(table);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        let tickets = Arc::new(Tickets::new());
        config.ticketer = Arc::clone(&tickets) as Arc<dyn ProducesTickets>;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        let accepting = TlsAcceptor::from(Arc::new(config));
        Ok(Self { accepting, tickets })
    }

    /// Does what the first handshake would wait for.
    pub(crate) fn warm_up(&self) {
        self.tickets.warm_up();
    }

    /// Makes a connection secure. Whoever calls this limits the time.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<Accepted> {
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(0) => return Ok(Accepted::Ended),
            // The first byte of TLS is the number 22, that of HTTP a letter.
            Ok(_) if first[0].is_ascii_alphabetic() => return Ok(Accepted::Plain(stream)),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(Accepted::Ended),
            Err(error) => return Err(error),
        }
        let mut stream = self.accepting.accept(stream).await?;
        if stream.get_ref().1.alpn_protocol() == Some(ACME_TLS) {
            stream.shutdown().await?;
            return Ok(Accepted::Ended);
        }
        Ok(Accepted::Tls(Box::new(stream)))
    }
}
