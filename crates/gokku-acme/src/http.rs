//! How the authority is asked: over TLS that knows its server, each answer within a time and a size. What the library does not
//! pass on of an answer, its status and how long it says to wait, is kept here.

use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::RETRY_AFTER;
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::client::Limits;
use crate::error::RootsError;

/// Why the authority gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("{host} could not be reached")]
    Failed {
        host: String,
        #[source]
        source: hyper_util::client::legacy::Error,
    },
    #[error("{host} did not answer within {} s", .limit.as_secs())]
    TookTooLong { host: String, limit: Duration },
    #[error(
        "the answer of {host} is larger than {limit} bytes, which no answer of a certificate authority is"
    )]
    TooLarge { host: String, limit: usize },
    #[error("the answer of {host} broke off")]
    BrokeOff {
        host: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What is known of an answer beside its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<SystemTime>,
}

/// A client for one authority.
#[derive(Clone)]
pub(crate) struct Http {
    client: HyperClient<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>,
    limits: Limits,
    last: Arc<Mutex<Option<Answer>>>,
}

impl Http {
    /// A client that trusts the certificates of a file, or else those of the system.
    pub(crate) fn new(root: Option<&Path>, limits: Limits) -> Result<Self, RootsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots(root)?)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .build();
        Ok(Self {
            client: HyperClient::builder(TokioExecutor::new()).build(connector),
            limits,
            last: Arc::default(),
        })
    }

    /// The same client, which keeps its own last answer.
    pub(crate) fn apart(&self) -> Self {
        Self {
            last: Arc::default(),
            ..self.clone()
        }
    }

    /// The last answer, if there was one.
    pub(crate) fn last(&self) -> Option<Answer> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, answer: Option<Answer>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    async fn ask(&self, request: Request<BodyWrapper<Bytes>>) -> Result<Response<Full<Bytes>>, RequestError> {
        let host = request
            .uri()
            .authority()
            .map(ToString::to_string)
            .unwrap_or_default();
        self.keep(None);
        let limit = self.limits.request;
        let answered = tokio::time::timeout(limit, self.within_size(request, &host)).await;
        answered.unwrap_or(Err(RequestError::TookTooLong { host, limit }))
    }

    async fn within_size(
        &self,
        request: Request<BodyWrapper<Bytes>>,
        host: &str,
    ) -> Result<Response<Full<Bytes>>, RequestError> {
        let host = || host.to_owned();
        let response = self.client.request(request).await;
        let response = response.map_err(|source| RequestError::Failed { host: host(), source })?;
        let (parts, body) = response.into_parts();
        let retry_after = parts
            .headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        self.keep(Some(Answer {
            status: parts.status.as_u16(),
            retry_after: retry_after.and_then(|value| moment(value, SystemTime::now())),
        }));
        let limit = self.limits.answer;
        match Limited::new(body, limit).collect().await {
            Ok(body) => Ok(Response::from_parts(parts, Full::new(body.to_bytes()))),
            Err(source) if source.is::<LengthLimitError>() => {
                Err(RequestError::TooLarge { host: host(), limit })
            }
            Err(source) => Err(RequestError::BrokeOff { host: host(), source }),
        }
    }
}

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let this = self.clone();
        Box::pin(async move {
            let answered = this.ask(request).await;
            answered
                .map(BytesResponse::from)
                .map_err(|error| instant_acme::Error::Other(Box::new(error)))
        })
    }
}

/// When an answer says to ask again (RFC 9110 section 10.2.3), as seen from now.
fn moment(value: &str, now: SystemTime) -> Option<SystemTime> {
    let value = value.trim();
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than fits is more than anybody waits.
        let seconds = value.parse().unwrap_or(u32::MAX);
        return (!value.is_empty()).then(|| now + Duration::from_secs(seconds.into()));
    }
    httpdate::parse_http_date(value).ok()
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, RootsError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = file else {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err(RootsError::Unusable(
                "this system has none; install them: apt-get install ca-certificates",
            ));
        }
        return Ok(roots);
    };
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|source| RootsError::File {
        path: path.to_owned(),
        source,
    })?;
    for certificate in certificates {
        roots.add(certificate)?;
    }
    if roots.is_empty() {
        return Err(RootsError::Unusable("[acme] root names a file that has none"));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_to_wait_is_a_number_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_000);
        for (value, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(777)),
            ("99999999999999999999999", Some(u64::from(u32::MAX))),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            let expected = seconds.map(|seconds| now + Duration::from_secs(seconds));
            assert_eq!(moment(value, now), expected, "{value:?}");
        }
    }
}
