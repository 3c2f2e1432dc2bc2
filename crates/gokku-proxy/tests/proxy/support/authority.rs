//! A certificate authority of the tests, and the clients that trust it.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use gokku_proxy::tls::certificate::Certificate;
use gokku_proxy::tls::pem;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Wire, soon};

/// A certificate authority: a root, and what issues in its name.
pub(crate) struct Authority {
    root: CertificateDer<'static>,
    intermediate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate that was issued, in parts.
pub(crate) struct Issued {
    pub(crate) leaf: CertificateDer<'static>,
    pub(crate) key: KeyPair,
    /// With that of its issuer.
    pub(crate) chain: String,
}

/// A certificate's text.
pub(crate) fn text(certificate: &CertificateDer<'_>) -> String {
    pem::text("CERTIFICATE", certificate)
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// What a certificate for these names says, valid from 2000 to 2100.
pub(crate) fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    params
}

impl Authority {
    pub(crate) fn new() -> Self {
        let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let root_params = authority("A root of tests");
        let root = root_params.self_signed(&root_key).unwrap().der().clone();
        let root_issuer = Issuer::new(root_params, root_key);
        let params = authority("An issuer of tests");
        let intermediate = params.signed_by(&key, &root_issuer).unwrap().der().clone();
        Self {
            root,
            intermediate,
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for these names.
    pub(crate) fn issue(&self, names: &[&str]) -> Issued {
        self.issue_as(&params(names), KeyPair::generate().unwrap())
    }

    /// One that says this, for a key.
    pub(crate) fn issue_as(&self, params: &CertificateParams, key: KeyPair) -> Issued {
        let leaf = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let chain = format!("{}{}", text(&leaf), text(&self.intermediate));
        Issued { leaf, key, chain }
    }

    /// The certificate of the root, and that of the issuer.
    pub(crate) fn own(&self) -> (&CertificateDer<'static>, &CertificateDer<'static>) {
        (&self.root, &self.intermediate)
    }

    /// A client that trusts it, and remembers the tickets that it is given.
    pub(crate) fn client(&self) -> TlsClient {
        self.client_of(rustls::ALL_VERSIONS)
    }

    /// One that speaks these versions only.
    pub(crate) fn client_of(&self, versions: &[&'static SupportedProtocolVersion]) -> TlsClient {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        // As browsers do: the hybrid first.
        let provider = Arc::new(CryptoProvider {
            kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1],
            ..default_provider()
        });
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_webpki_verifier(verifier.build().unwrap())
            .with_no_client_auth();
        TlsClient(config)
    }
}

impl Issued {
    /// Its key's text.
    pub(crate) fn key(&self) -> String {
        pem::text("PRIVATE KEY", self.key.serialized_der())
    }

    /// The same as the switch has it.
    pub(crate) fn certificate(&self) -> Certificate {
        Certificate::parse(self.chain.as_bytes(), self.key().as_bytes()).unwrap()
    }
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
