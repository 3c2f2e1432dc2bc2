//! What does not fit in a certificate, its chain and its key, and what to do about it.

use gokku_core::text::read_limits::TooMuch;
use gokku_core::text::utc_time::UtcTime;

use crate::tls::pem::PemError;

/// Which of two files is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The certificate with its chain.
    Chain,
    /// The private key.
    Key,
    /// Both in one.
    Both,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Chain => "the chain",
            Self::Key => "the key",
            Self::Both => "the file of chain and key",
        })
    }
}

/// Why a certificate cannot be used. None of them has anything of the key in it.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// There is more of it than is read.
    #[error("{part} is too large")]
    TooLarge {
        /// Which.
        part: Part,
        /// How much is read.
        #[source]
        source: TooMuch,
    },
    /// It is broken.
    #[error("{part} is broken")]
    Pem {
        /// Which.
        part: Part,
        /// Where and how.
        #[source]
        source: PemError,
    },
    /// There is no certificate in it.
    #[error("the chain has no certificate in it: give the file that begins with -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// There is no private key in it.
    #[error("there is no private key: give the file that has -----BEGIN PRIVATE KEY----- in it")]
    NoKey,
    /// There are several private keys in it.
    #[error("line {line}: this is a second private key: give the one of the certificate alone")]
    SeveralKeys {
        /// Where the second one begins.
        line: usize,
    },
    /// The private key has a passphrase.
    #[error(
        "line {line}: the private key has a passphrase, which nobody is there to type when the server starts: write it without \
         one (openssl pkey -in KEY -out NEW, which asks for it) and give that"
    )]
    EncryptedKey {
        /// Where the key begins.
        line: usize,
    },
    /// The private key is of a kind or a size that TLS does not use.
    #[error(
        "line {line}: the private key cannot be used: it is to be RSA with 2048 to 8192 bits, ECDSA P-256, P-384 or P-521, or Ed25519"
    )]
    UnusableKey {
        /// Where the key begins.
        line: usize,
        /// What the TLS library says.
        #[source]
        source: rustls::Error,
    },
    /// A certificate that is none.
    #[error("line {line}: this is not a certificate (X.509): was the file changed when it was copied?")]
    Malformed {
        /// Where it begins.
        line: usize,
    },
    /// No server can be asked for by it.
    #[error(
        "the certificate is for no domain: its subjectAltName has no DNS name that a server can have, and names elsewhere in it are read by \
         no client; have it issued for the domain"
    )]
    NoNames,
    /// It is not for servers.
    #[error(
        "the certificate is not for servers: its extendedKeyUsage has no serverAuth; have it issued for a web server"
    )]
    NotForServers,
    /// The key is that of another certificate.
    #[error("the key is not that of the certificate: give the key with which this certificate was requested")]
    OtherKey,
    /// The key is that of a later certificate of the chain.
    #[error(
        "the chain is in the wrong order: the key is that of the certificate at line {line}, which is to be the first one, with that of \
         its issuer after it"
    )]
    LeafNotFirst {
        /// Where that certificate begins.
        line: usize,
    },
    /// A certificate was not issued by the next one.
    #[error(
        "line {line}: this certificate did not issue the one before it: each is followed by that of its issuer; remove what is not of \
         this chain"
    )]
    NotTheIssuer {
        /// Where the certificate begins that should be the issuer's.
        line: usize,
    },
    /// It is no longer valid.
    #[error("the certificate at line {line} has expired, on {until}: have it renewed")]
    Expired {
        /// Where it begins.
        line: usize,
        /// When.
        until: UtcTime,
    },
    /// It is not valid yet.
    #[error(
        "the certificate at line {line} is not valid before {from}: add it then; if that is past, the clock of this server is wrong"
    )]
    NotYetValid {
        /// Where it begins.
        line: usize,
        /// When.
        from: UtcTime,
    },
}
