//! What went wrong, as the core's kinds have it: what is done next depends on nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use gokku_core::certificates::problem::{About, Problem, said};
use gokku_core::domains::name::DomainName;
use gokku_core::text::causes::causes;
use gokku_core::text::utc_time::UtcTime;
use instant_acme::{Identifier, Subproblem};

use crate::dns_hook::HookError;
use crate::http::{Answer, RequestError};

/// Why an order, or a question, came to nothing.
#[derive(Debug, thiserror::Error)]
#[error("{problem}{}{said}", if .said.is_empty() { "" } else { ": " })]
pub struct Error {
    /// What kind of problem it is.
    pub problem: Problem,
    /// What the authority, or whoever failed, said; empty if nothing.
    pub said: String,
    /// The names that it is about, each with its own problem and what was said of it. None where it is about all.
    pub names: BTreeMap<DomainName, (Problem, String)>,
    /// What is behind it.
    #[source]
    pub source: Option<Box<Cause>>,
}

/// What is behind an error.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The protocol's library.
    #[error(transparent)]
    Acme(instant_acme::Error),
    /// The program that writes to the DNS.
    #[error(transparent)]
    DnsHook(HookError),
    /// A challenge could not be answered from here.
    #[error("the answer to a challenge could not be published")]
    Publish(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The certificate that answers a challenge could not be made.
    #[error("the certificate that proves a name could not be made")]
    Certificate(#[source] rcgen::Error),
    /// The account could not be read or kept.
    #[error("the account at the certificate authority could not be read or kept")]
    Account(#[source] std::io::Error),
    /// The certificates that a certificate authority is known by could not be used.
    #[error("the certificates by which the certificate authority's server is known could not be used")]
    Roots(#[source] RootsError),
}

/// Why there are no certificates by which the authority's server is known.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// The file of the settings.
    #[error("{path}: {source}; it has to be certificates in PEM form", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// There is none in a file, or none that can be used.
    #[error("there is no certificate in it that can be used: {0}")]
    Unusable(&'static str),
    /// TLS does not take them.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

impl Error {
    pub(crate) fn new(problem: Problem, source: Cause) -> Self {
        let words = match &source {
            Cause::Acme(instant_acme::Error::Other(other)) => causes(&**other),
            cause => causes(cause),
        };
        Self {
            problem,
            said: said(&words),
            names: BTreeMap::new(),
            source: Some(Box::new(source)),
        }
    }

    /// The order was not through in time.
    pub(crate) fn took_too_long(limit: Duration) -> Self {
        Self {
            problem: Problem::TookTooLong,
            said: format!("it was given up after {} s", limit.as_secs()),
            names: BTreeMap::new(),
            source: None,
        }
    }

    /// An order that came to nothing by its names: what is wrong with each.
    pub(crate) fn of_names(names: BTreeMap<DomainName, (Problem, String)>) -> Self {
        let (problem, said) = names
            .values()
            .next()
            .cloned()
            .unwrap_or((Problem::Refused, String::new()));
        Self {
            problem,
            said,
            names,
            source: None,
        }
    }

    /// What the library says, with what is known of the authority's last answer.
    pub(crate) fn of_acme(error: instant_acme::Error, about: About, last: Option<&Answer>) -> Self {
        let until = last.and_then(|answer| answer.retry_after).map(unix_time);
        let is_trouble = last.is_some_and(|answer| answer.status >= 500);
        // What stands in an answer that went well is no answer to the account: it is what became of a proof.
        let went_well = last.is_some_and(|answer| answer.status < 400);
        let about = if went_well { About::Name } else { about };
        let problem = match &error {
            instant_acme::Error::Api(document) => {
                let names = named(&document.subproblems, about, until);
                let mut problem = Problem::of_type(document.r#type.as_deref(), about, until);
                // A document that names the names says "malformed" or "compound" of itself.
                if let (Problem::Refused, Some((first, _))) = (&problem, names.values().next()) {
                    problem = first.clone();
                }
                if problem == Problem::Refused && is_trouble {
                    problem = Problem::AuthorityAway;
                }
                return Self {
                    problem,
                    said: said(document.detail.as_deref().unwrap_or_default()),
                    names,
                    source: Some(Box::new(Cause::Acme(error))),
                };
            }
            instant_acme::Error::Timeout(_) => Problem::TookTooLong,
            instant_acme::Error::KeyRejected => Problem::Account,
            instant_acme::Error::Crypto
            | instant_acme::Error::Http(_)
            | instant_acme::Error::InvalidUri(_) => Problem::Local,
            instant_acme::Error::Json(_) if last.is_some_and(|answer| answer.status == 429) => {
                Problem::RateLimited { until }
            }
            instant_acme::Error::Other(other) if other.downcast_ref::<RequestError>().is_none() => {
                Problem::Refused
            }
            // It could not be asked, or what answered does not speak ACME.
            _ => Problem::AuthorityAway,
        };
        Self::new(problem, Cause::Acme(error))
    }
}

/// The problems of single names, RFC 8555 section 6.7.1.
fn named(
    subproblems: &[Subproblem],
    about: About,
    until: Option<UtcTime>,
) -> BTreeMap<DomainName, (Problem, String)> {
    let of_one = |subproblem: &Subproblem| {
        let Some(Identifier::Dns(name)) = &subproblem.identifier else {
            return None;
        };
        let problem = Problem::of_type(subproblem.r#type.as_deref(), about, until);
        let words = said(subproblem.detail.as_deref().unwrap_or_default());
        Some((name.parse().ok()?, (problem, words)))
    };
    subproblems.iter().filter_map(of_one).collect()
}

pub(crate) fn unix_time(time: SystemTime) -> UtcTime {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => UtcTime(0).after(since),
        Err(before) => UtcTime(0).before(before.duration()),
    }
}
