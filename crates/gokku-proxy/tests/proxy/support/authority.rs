//! A certificate authority as these tests want it: certificates as the switch has them, and clients with TLS.

use std::io;
use std::net::Ipv4Addr;
use std::ops::Deref;
use std::sync::Arc;

use gokku_proxy::tls::certificate::Certificate;
use gokku_proxy::tls::pem;
use gokku_tests::Issued;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Wire, soon};

/// A certificate authority.
pub(crate) struct Authority(gokku_tests::Authority);

impl Deref for Authority {
    type Target = gokku_tests::Authority;

    fn deref(&self) -> &gokku_tests::Authority {
        &self.0
    }
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self(gokku_tests::Authority::new())
    }

    /// A client that trusts it, and remembers the tickets that it is given.
    pub(crate) fn client(&self) -> TlsClient {
        self.client_of(rustls::ALL_VERSIONS)
    }

    /// One that speaks these versions only.
    pub(crate) fn client_of(&self, versions: &[&'static SupportedProtocolVersion]) -> TlsClient {
        TlsClient(self.trusted_by(versions))
    }
}

/// A certificate as the switch has it.
pub(crate) fn certificate(issued: &Issued) -> Certificate {
    Certificate::parse(issued.chain.as_bytes(), issued.key().as_bytes()).unwrap()
}

/// A certificate's text.
pub(crate) fn text(certificate: &CertificateDer<'_>) -> String {
    pem::text("CERTIFICATE", certificate)
}

/// A client with TLS.
#[derive(Clone)]
pub(crate) struct TlsClient(pub(crate) ClientConfig);

impl TlsClient {
    /// One that asks for these protocols.
    pub(crate) fn offering(&self, protocols: &[&[u8]]) -> Self {
        let mut config = self.0.clone();
        config.alpn_protocols = protocols.iter().map(|one| one.to_vec()).collect();
        Self(config)
    }

    /// One that does not say whom it asks.
    pub(crate) fn without_name(&self) -> Self {
        let mut config = self.0.clone();
        config.enable_sni = false;
        Self(config)
    }

    pub(crate) async fn try_connect(&self, port: u16, name: &str) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::new(self.0.clone()));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        soon("a handshake", connector.connect(name, stream)).await
    }

    pub(crate) async fn connect(&self, port: u16, name: &str) -> TlsStream<TcpStream> {
        self.try_connect(port, name).await.expect("a handshake")
    }

    /// A connection to send requests on.
    pub(crate) async fn wire(&self, port: u16, name: &str) -> Wire {
        Wire::new(self.connect(port, name).await)
    }
}
