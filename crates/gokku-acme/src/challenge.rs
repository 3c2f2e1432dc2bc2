//! What is to be answered so that a name is proved (RFC 8555 section 8, RFC 8737), and by whom.

use std::fmt;

use gokku_core::certificates::problem::Problem;
use gokku_core::domains::name::DomainName;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::error::{Cause, Error};

/// Where a challenge is answered over HTTP, before its token.
pub const HTTP_PATH: &str = "/.well-known/acme-challenge/";
/// The protocol by which a TLS client asks for the answer to a challenge, RFC 8737 section 4.
pub const TLS_PROTOCOL: &[u8] = b"acme-tls/1";

/// What is to be answered until it is withdrawn.
pub enum Challenge {
    /// On the host's port 80, at [`HTTP_PATH`] and the token.
    Http {
        /// The host.
        name: DomainName,
        /// What stands behind [`HTTP_PATH`]; letters, digits, `-` and `_`.
        token: String,
        /// The answer's body.
        answer: String,
    },
    /// On the host's port 443, to who asks for this name by [`TLS_PROTOCOL`].
    Tls {
        /// The host.
        name: DomainName,
        /// The certificate that is shown.
        certificate: CertificateDer<'static>,
        /// Its key.
        key: PrivateKeyDer<'static>,
    },
}

impl Challenge {
    /// Returns the host whose challenge it is.
    pub fn name(&self) -> &DomainName {
        match self {
            Self::Http { name, .. } | Self::Tls { name, .. } => name,
        }
    }

    /// The challenge over TLS: a certificate made for it, with the digest in it.
    pub(crate) fn over_tls(name: DomainName, digest: &[u8]) -> Result<Self, Error> {
        let failed = |error| Error::new(Problem::Local, Cause::Certificate(error));
        let mut params = rcgen::CertificateParams::new([name.as_str().to_owned()]).map_err(failed)?;
        params.custom_extensions = vec![rcgen::CustomExtension::new_acme_identifier(digest)];
        let key = rcgen::KeyPair::generate().map_err(failed)?;
        let certificate = params.self_signed(&key).map_err(failed)?;
        Ok(Self::Tls {
            name,
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        })
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Http { .. } => "Http",
            Self::Tls { .. } => "Tls",
        };
        f.debug_struct(kind)
            .field("name", self.name())
            .finish_non_exhaustive()
    }
}

/// Who answers challenges.
pub trait Answers: Sync {
    /// Answers a challenge from now on; it is answered when this returns.
    fn publish(
        &self,
        challenge: &Challenge,
    ) -> impl Future<Output = Result<(), Box<dyn std::error::Error + Send + Sync>>> + Send;

    /// Answers it no longer.
    fn withdraw(&self, challenge: &Challenge) -> impl Future<Output = ()> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        let name: DomainName = "example.com".parse().unwrap();
        let challenge = Challenge::over_tls(name.clone(), &[7; 32]).unwrap();
        let http = Challenge::Http {
            name,
            token: "token".to_owned(),
            answer: "token.thumb".to_owned(),
        };
        let shown = format!("{challenge:?} {http:?}");
        assert_eq!(
            shown,
            "Tls { name: DomainName(\"example.com\"), .. } Http { name: DomainName(\"example.com\"), .. }"
        );
    }
}
