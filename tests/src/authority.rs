//! A certificate authority of the stories, and the clients that trust it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: rcgen::Certificate,
    folder: tempfile::TempDir,
}

/// A certificate and its key, as files.
pub struct CertificateFiles {
    /// The certificate, with that of its issuer.
    pub chain: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Authority {
    /// Makes one.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Stories");
        let root = params.self_signed(&key).expect("a certificate");
        Self {
            issuer: Issuer::new(params, key),
            root,
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Issues a certificate that ends at the beginning of a year.
    pub fn issue(&self, names: &[&str], until: i32) -> CertificateFiles {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let leaf = params.signed_by(&key, &self.issuer).expect("a certificate");
        let place = tempfile::Builder::new()
            .tempdir_in(self.folder.path())
            .expect("a folder")
            .keep();
        let files = CertificateFiles {
            chain: place.join("chain.pem"),
            key: place.join("key.pem"),
        };
        let chain = [leaf.der(), self.root.der()].map(|der| pem(&place, "x509", der));
        fs::write(&files.chain, chain.concat()).expect("written");
        fs::write(&files.key, pem(&place, "pkey", key.serialized_der())).expect("written");
        files
    }

    /// What a client needs to know to trust it.
    pub fn client(&self) -> Arc<ClientConfig> {
        trusting_der(self.root.der().clone())
    }

    /// The same for `curl --cacert`.
    pub fn root(&self) -> PathBuf {
        let path = self.folder.path().join("root.pem");
        fs::write(&path, pem(self.folder.path(), "x509", self.root.der())).expect("written");
        path
    }
}

/// Returns what a client needs to know to trust who is known by this certificate, a file in PEM form.
pub fn trusting(root: &Path) -> Arc<ClientConfig> {
    trusting_der(CertificateDer::from_pem_file(root).expect("a certificate"))
}

fn trusting_der(root: CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(root).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// What `openssl` writes of such bytes as text.
fn pem(folder: &Path, what: &str, der: &[u8]) -> String {
    let given = folder.join("given.der");
    fs::write(&given, der).expect("written");
    let output = std::process::Command::new("openssl")
        .args([what, "-inform", "DER", "-in"])
        .arg(&given)
        .output()
        .expect("openssl runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}
