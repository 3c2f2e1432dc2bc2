//! A certificate authority of the tests, and the clients that trust it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

/// A certificate authority: a root, and what issues in its name.
pub struct Authority {
    root: rcgen::Certificate,
    intermediate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

/// A certificate that was issued, in parts.
pub struct Issued {
    /// The certificate alone.
    pub leaf: CertificateDer<'static>,
    /// Its key.
    pub key: KeyPair,
    /// Its text, with that of its issuer.
    pub chain: String,
}

/// A certificate and its key, as files.
pub struct CertificateFiles {
    /// The certificate, with that of its issuer.
    pub chain: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Issued {
    /// Returns its key's text.
    pub fn key(&self) -> String {
        self.key.serialize_pem()
    }
}

impl Authority {
    /// Makes one.
    pub fn new() -> Self {
        let pair = || KeyPair::generate().expect("a key");
        let (root_key, key) = (pair(), pair());
        let root_params = authority("A root of tests");
        let root = root_params.self_signed(&root_key).expect("a certificate");
        let root_issuer = Issuer::new(root_params, root_key);
        let params = authority("An issuer of tests");
        Self {
            root,
            intermediate: params.signed_by(&key, &root_issuer).expect("a certificate"),
            issuer: Issuer::new(params, key),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Issues a certificate for these names.
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.issue_as(&certificate_params(names), KeyPair::generate().expect("a key"))
    }

    /// Issues one that says this, for a key.
    pub fn issue_as(&self, params: &CertificateParams, key: KeyPair) -> Issued {
        let leaf = params.signed_by(&key, &self.issuer).expect("a certificate");
        Issued {
            chain: format!("{}{}", leaf.pem(), self.intermediate.pem()),
            leaf: leaf.into(),
            key,
        }
    }

    /// Issues one that ends at the beginning of a year, and writes it to files.
    pub fn issue_files(&self, names: &[&str], until: i32) -> CertificateFiles {
        let mut params = certificate_params(names);
        params.not_after = date_time_ymd(until, 1, 1);
        let issued = self.issue_as(&params, KeyPair::generate().expect("a key"));
        let place = tempfile::Builder::new()
            .tempdir_in(self.folder.path())
            .expect("a folder")
            .keep();
        let files = CertificateFiles {
            chain: place.join("chain.pem"),
            key: place.join("key.pem"),
        };
        fs::write(&files.chain, &issued.chain).expect("written");
        fs::write(&files.key, issued.key()).expect("written");
        files
    }

    /// Returns the certificate of the root, and that of the issuer.
    pub fn own(&self) -> (&CertificateDer<'static>, &CertificateDer<'static>) {
        (self.root.der(), self.intermediate.der())
    }

    /// Returns what a client needs to know to trust it.
    pub fn trusted(&self) -> Arc<ClientConfig> {
        Arc::new(self.trusted_by(rustls::ALL_VERSIONS))
    }

    /// Returns the same for a client that speaks these versions only.
    pub fn trusted_by(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        config(self.root.der().clone(), versions)
    }

    /// Returns the file that `curl --cacert` wants.
    pub fn root_file(&self) -> PathBuf {
        let path = self.folder.path().join("root.pem");
        fs::write(&path, self.root.pem()).expect("written");
        path
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns what a client needs to know to trust who is known by this certificate, a file in PEM form.
pub fn trusting(root: &Path) -> Arc<ClientConfig> {
    let root = CertificateDer::from_pem_file(root).expect("a certificate");
    Arc::new(config(root, rustls::ALL_VERSIONS))
}

/// Returns what a certificate for these names says, valid from 2000 to 2100.
pub fn certificate_params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn config(root: CertificateDer<'static>, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(root).expect("a root");
    // As browsers do: the hybrid first.
    let provider = CryptoProvider {
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1],
        ..default_provider()
    };
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
