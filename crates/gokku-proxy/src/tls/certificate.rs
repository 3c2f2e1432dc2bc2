//! A certificate with its chain and its private key, parsed and checked against each other.

use std::fmt;
use std::sync::Arc;

use gokku_core::domains::name::DomainName;
use gokku_core::text::read_limits::CERTIFICATE;
use gokku_core::text::utc_time::UtcTime;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::tls::certificate_error::{CertificateError, Part};
use crate::tls::crypto::provider;
use crate::tls::pem::{self, PemBlock};

const CERTIFICATE_LABEL: &str = "CERTIFICATE";
/// How the labels of all private keys end: PKCS #8's, PKCS #1's, SEC 1's, and the one of a key with a passphrase.
const KEY_LABEL: &str = "PRIVATE KEY";
const ENCRYPTED_LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// How much is shown of a name that others have written.
const MAX_SHOWN: usize = 200;

/// A certificate that can be served.
#[derive(Clone)]
pub struct Certificate {
    names: Vec<DomainName>,
    issuer: String,
    not_before: UtcTime,
    not_after: UtcTime,
    /// The line in which it began.
    line: usize,
    lacks_issuer: bool,
    key: Arc<CertifiedKey>,
    /// Chain and key, the certificate first.
    pem: Arc<str>,
}

/// Says nothing of the key.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("names", &self.names)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl Certificate {
    /// Parses a chain and a key that come apart. A key in the file of the chain, or a chain in that of the key, is not read.
    pub fn parse(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        Self::of_blocks(&blocks(Part::Chain, chain, 1)?, &blocks(Part::Key, key, 1)?)
    }

    /// Parses a chain and a key that stand in one file.
    pub fn parse_both(file: &[u8]) -> Result<Self, CertificateError> {
        let blocks = blocks(Part::Both, file, 2)?;
        Self::of_blocks(&blocks, &blocks)
    }

    /// Parses a certificate without a chain and its key, both in DER form; the key is PKCS #8.
    pub fn of_der(certificate: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let block = |label: &str, bytes: &[u8]| PemBlock {
            label: label.to_owned(),
            line: 1,
            bytes: bytes.to_vec(),
            encrypted: false,
        };
        let chain = block(CERTIFICATE_LABEL, certificate);
        Self::of_blocks(&[chain], &[block(KEY_LABEL, key)])
    }

    fn of_blocks(chain: &[PemBlock], keys: &[PemBlock]) -> Result<Self, CertificateError> {
        let chain: Vec<&PemBlock> = chain
            .iter()
            .filter(|block| block.label == CERTIFICATE_LABEL)
            .collect();
        let mut parsed = Vec::new();
        for block in &chain {
            parsed.push((block.line, x509(block)?));
        }
        let [(line, leaf), ..] = parsed.as_slice() else {
            return Err(CertificateError::NoCertificate);
        };
        let key_block = private_key(keys)?;
        let (certified, pem) = certify(&chain, key_block, &parsed)?;
        for pair in parsed.windows(2) {
            let [(_, certificate), (line, next)] = pair else {
                continue;
            };
            if !is_issued_by(certificate, next) {
                return Err(CertificateError::NotTheIssuer { line: *line });
            }
        }
        let names = names(leaf);
        if names.is_empty() {
            return Err(CertificateError::NoNames);
        }
        if !is_for_servers(leaf) {
            return Err(CertificateError::NotForServers);
        }
        let issuer = leaf.issuer().iter_common_name().next();
        let issuer = issuer.and_then(|name| name.as_str().ok()).map(str::to_owned);
        Ok(Self {
            names,
            issuer: shown(&issuer.unwrap_or_else(|| leaf.issuer().to_string())),
            not_before: UtcTime(leaf.validity().not_before.timestamp()),
            not_after: UtcTime(leaf.validity().not_after.timestamp()),
            line: *line,
            lacks_issuer: parsed.len() == 1 && leaf.subject().as_raw() != leaf.issuer().as_raw(),
            key: Arc::new(certified),
            pem: pem.into(),
        })
    }

    /// Checks that it is valid now.
    pub fn check_time(&self, now: UtcTime) -> Result<(), CertificateError> {
        let line = self.line;
        if now > self.not_after {
            let until = self.not_after;
            return Err(CertificateError::Expired { line, until });
        }
        if now < self.not_before {
            let from = self.not_before;
            return Err(CertificateError::NotYetValid { line, from });
        }
        Ok(())
    }

    /// Returns whether it is valid then.
    pub fn is_valid_at(&self, time: UtcTime) -> bool {
        (self.not_before..=self.not_after).contains(&time)
    }

    /// Returns the names that it is for, in its own order; there is at least one.
    pub fn names(&self) -> &[DomainName] {
        &self.names
    }

    /// Returns the name that it is called by: its first.
    pub fn name(&self) -> &DomainName {
        &self.names[0]
    }

    /// Returns whether it is for a name: the same one, or for all hosts on the level of this host.
    pub fn covers(&self, name: &DomainName) -> bool {
        self.names.iter().any(|own| {
            let level_of = |host: &str| host.split_once('.').map(|(_, parent)| parent.to_owned());
            own == name
                || (!name.is_wildcard()
                    && own.parent_of_wildcard().is_some()
                    && own.parent_of_wildcard() == level_of(name.as_str()).as_deref())
        })
    }

    /// Returns the name of who issued it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns from when on it is valid.
    pub fn not_before(&self) -> UtcTime {
        self.not_before
    }

    /// Returns until when it is valid.
    pub fn not_after(&self) -> UtcTime {
        self.not_after
    }

    /// Returns whether it stands alone although somebody else issued it: many clients do not know that one.
    pub fn lacks_issuer(&self) -> bool {
        self.lacks_issuer
    }

    /// Returns chain and key as one PEM file, without what else stood in theirs.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns it in DER form, without its chain.
    pub fn der(&self) -> &[u8] {
        self.key.cert.first().map_or(&[], |certificate| certificate)
    }

    /// Returns what a handshake needs of it.
    pub(crate) fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }
}

/// Reads a file's blocks, of as many times the limit as there are parts in it.
fn blocks(part: Part, bytes: &[u8], parts: u64) -> Result<Vec<PemBlock>, CertificateError> {
    let limit = CERTIFICATE.or(CERTIFICATE.bytes * parts);
    limit
        .check(bytes.len())
        .map_err(|source| CertificateError::TooLarge { part, source })?;
    pem::parse(bytes).map_err(|source| CertificateError::Pem { part, source })
}

fn x509(block: &PemBlock) -> Result<X509Certificate<'_>, CertificateError> {
    match X509Certificate::from_der(&block.bytes) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(CertificateError::Malformed { line: block.line }),
    }
}

/// Finds the one private key.
fn private_key(blocks: &[PemBlock]) -> Result<&PemBlock, CertificateError> {
    let mut keys = blocks.iter().filter(|block| block.label.ends_with(KEY_LABEL));
    let key = keys.next().ok_or(CertificateError::NoKey)?;
    if let Some(second) = keys.next() {
        return Err(CertificateError::SeveralKeys { line: second.line });
    }
    if key.encrypted || key.label == ENCRYPTED_LABEL {
        return Err(CertificateError::EncryptedKey { line: key.line });
    }
    Ok(key)
}

/// Puts chain and key together, and returns them as they are written, too.
fn certify(
    chain: &[&PemBlock],
    key: &PemBlock,
    parsed: &[(usize, X509Certificate<'_>)],
) -> Result<(CertifiedKey, String), CertificateError> {
    let line = key.line;
    let unusable = |source| CertificateError::UnusableKey { line, source };
    let general = |why: &str| unusable(rustls::Error::General(why.to_owned()));
    let der = match key.label.as_str() {
        "PRIVATE KEY" => PrivateKeyDer::Pkcs8(key.bytes.clone().into()),
        "RSA PRIVATE KEY" => PrivateKeyDer::Pkcs1(key.bytes.clone().into()),
        "EC PRIVATE KEY" => PrivateKeyDer::Sec1(key.bytes.clone().into()),
        other => return Err(general(&format!("it is of the kind {other}"))),
    };
    let signing = provider().key_provider.load_private_key(der).map_err(unusable)?;
    let ders = chain
        .iter()
        .map(|block| CertificateDer::from(block.bytes.clone()));
    let public = signing
        .public_key()
        .ok_or_else(|| general("it has no public key"))?;
    let own = parsed
        .iter()
        .position(|(_, certificate)| certificate.public_key().raw == public.as_ref());
    match own {
        Some(0) => {}
        Some(later) => {
            return Err(CertificateError::LeafNotFirst {
                line: parsed[later].0,
            });
        }
        None => return Err(CertificateError::OtherKey),
    }
    let certified = CertifiedKey::new(ders.collect(), signing);
    let mut text: String = chain
        .iter()
        .map(|block| pem::text(CERTIFICATE_LABEL, &block.bytes))
        .collect();
    text.push_str(&pem::text(&key.label, &key.bytes));
    Ok((certified, text))
}

/// Returns whether one certificate was signed by another, or at least says so where the signature is of a kind that is not
/// known here.
fn is_issued_by(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    if certificate.issuer().as_raw() != issuer.subject().as_raw() {
        return false;
    }
    let algorithms = provider().signature_verification_algorithms.all;
    let public = &issuer.public_key().subject_public_key.data;
    // Each of them refuses a key that is not its own.
    algorithms.iter().any(|algorithm| {
        let signature = &certificate.signature_value.data;
        let signed = certificate.tbs_certificate.as_ref();
        algorithm.verify_signature(public, signed, signature).is_ok()
    })
}

/// Returns what somebody else has written as a terminal can show it.
fn shown(text: &str) -> String {
    let shown = text.chars().filter(|letter| !letter.is_control());
    shown.take(MAX_SHOWN).collect()
}

/// Returns the names of a certificate that a server can have.
fn names(leaf: &X509Certificate<'_>) -> Vec<DomainName> {
    let Ok(Some(alternatives)) = leaf.subject_alternative_name() else {
        return Vec::new();
    };
    let mut names: Vec<DomainName> = Vec::new();
    for name in &alternatives.value.general_names {
        if let GeneralName::DNSName(name) = name
            && let Ok(name) = name.parse()
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// Returns whether a certificate may be a server's: one that says nothing of that may be.
fn is_for_servers(leaf: &X509Certificate<'_>) -> bool {
    match leaf.extended_key_usage() {
        Ok(None) => true,
        Ok(Some(usage)) => usage.value.any || usage.value.server_auth,
        Err(_) => false,
    }
}
