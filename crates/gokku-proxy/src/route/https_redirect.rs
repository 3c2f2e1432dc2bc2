//! Who asks by http is sent to https, once that has a certificate for the host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gokku_core::domains::domain::{Domain, PlainHttp};
use gokku_core::domains::scheme::Scheme;
use hyper::http::uri::PathAndQuery;

use crate::route::acme_answers::ACME_PATH;
use crate::route::domain_table::bare;
use crate::support::clock::now;
use crate::tls::certificate_table::CertificateTable;

/// Where those are sent who ask by http.
#[derive(Debug)]
pub(crate) struct HttpsRedirect {
    certificates: Arc<CertificateTable>,
    port: u16,
    /// Whether the port is open.
    open: AtomicBool,
}

impl HttpsRedirect {
    /// Creates one that sends nobody anywhere before [`Self::set_open`], and then to this port.
    pub(crate) fn new(certificates: Arc<CertificateTable>, port: u16) -> Self {
        Self {
            certificates,
            port,
            open: AtomicBool::new(false),
        }
    }

    /// Sets whether the port of https is open.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Release);
    }

    /// Returns the address by https of what is asked for, if that is to be asked for so.
    pub(crate) fn address(
        &self,
        domain: &Domain,
        host: &str,
        target: Option<&PathAndQuery>,
    ) -> Option<String> {
        let target = target?;
        let host = bare(host);
        let applies = domain.http == PlainHttp::Redirect
            && target.path().starts_with('/')
            // It may be asked for while the certificate that there is cannot be used.
            && !target.path().starts_with(ACME_PATH)
            && self.open.load(Ordering::Acquire)
            && self.certificates.is_secured(&host, now());
        if !applies {
            return None;
        }
        let origin = Scheme::Https.origin(&host, self.port);
        Some(format!("{origin}{target}"))
    }
}
