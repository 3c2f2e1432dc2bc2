//! Orders and renewal information, from start to end: whoever asks is told what came of it, in a limited time.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gokku_core::certificates::problem::{About, Problem};
use gokku_core::certificates::proof::Proof;
use gokku_core::certificates::renewal::SuggestedWindow;
use gokku_core::domains::name::DomainName;
use gokku_core::text::utc_time::UtcTime;
use instant_acme::{Account, CertificateIdentifier, Identifier, NewOrder, OrderStatus, RetryPolicy};
use rustls::pki_types::CertificateDer;

use crate::account::{self, AccountStore};
use crate::challenge::Answers;
use crate::dns_hook::DnsHook;
use crate::error::{Cause, Error};
use crate::http::Http;
use crate::proof::Proofs;

/// The directory of Let's Encrypt.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// The same for trying: it has other limits, and its certificates are accepted by no client.
pub const LETS_ENCRYPT_STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

/// An authority, and how it is used.
#[derive(Clone, Debug)]
pub struct Authority {
    /// The URL of its directory (RFC 8555 section 7.1.1).
    pub directory: String,
    /// A file with the certificates, in PEM form, by which its server is known; those of the system without.
    pub root: Option<PathBuf>,
    /// Where it writes to. Its terms have been agreed to.
    pub email: Option<String>,
    /// The kind of certificate, of those that it has.
    pub profile: Option<String>,
    /// An account of its own system that the account is bound to.
    pub external_account: Option<ExternalAccount>,
    /// The program that writes to the DNS.
    pub dns_hook: Option<DnsHook>,
    /// How long and how large everything may be.
    pub limits: Limits,
}

/// An account of the authority's own system, RFC 8555 section 7.3.4.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    /// Its key identifier.
    pub id: String,
    key: Vec<u8>,
}

impl ExternalAccount {
    /// Returns the account with its key, which is secret: the key itself, not its base64 form.
    pub fn new(id: String, key: Vec<u8>) -> Self {
        Self { id, key }
    }

    /// Reads a key in base64url, with or without padding, as authorities give it.
    pub fn decode_key(text: &str) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }
}

impl fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalAccount")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// How long and how large everything may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long one request takes.
    pub request: Duration,
    /// How long an order takes in all.
    pub order: Duration,
    /// How many bytes an answer has.
    pub answer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(30),
            order: Duration::from_secs(300),
            answer: 1 << 20,
        }
    }
}

/// What is ordered.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The names, each with how it is proved. A name for which the authority does not offer that is proved as it does offer.
    pub names: &'a [(DomainName, Proof)],
    /// The certificate that is renewed by it, in DER form.
    pub renews: Option<&'a [u8]>,
}

/// A certificate, as it was issued.
pub struct Issued {
    /// It and those behind it, in PEM form.
    pub chain: String,
    /// Its key, in PEM form. It is secret.
    pub key: String,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("chain", &self.chain)
            .finish_non_exhaustive()
    }
}

/// What an authority says about the renewal of a certificate, RFC 9773.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Information {
    /// When it is to be renewed.
    pub window: SuggestedWindow,
    /// When to ask again.
    pub wait: Duration,
    /// A page that says why, if there is one.
    pub explanation: Option<String>,
}

/// A client of one authority.
#[derive(Clone)]
pub struct Client {
    authority: Authority,
    http: Http,
}

impl Client {
    /// Returns a client; nothing is asked yet.
    pub fn new(authority: Authority) -> Result<Self, Error> {
        let http = Http::new(authority.root.as_deref(), authority.limits);
        let http = http.map_err(|error| Error::new(Problem::Local, Cause::Roots(error)))?;
        Ok(Self { authority, http })
    }

    /// Orders a certificate. Its key is made here, and new with each order. With an account that the authority does not accept
    /// any more, a new one is made, and ordered with.
    ///
    /// Whatever comes of it, what was published is withdrawn.
    pub async fn order(
        &self,
        request: Request<'_>,
        store: &(impl AccountStore + ?Sized),
        answers: &impl Answers,
    ) -> Result<Issued, Error> {
        let mut proofs = Proofs::new(answers, self.authority.dns_hook.as_ref());
        let limit = self.authority.limits.order;
        let ordered = Box::pin(self.with_account(request, store, &mut proofs));
        let ordered = tokio::time::timeout(limit, ordered).await;
        proofs.withdraw_all().await;
        ordered.unwrap_or_else(|_| Err(Error::took_too_long(limit)))
    }

    async fn with_account(
        &self,
        request: Request<'_>,
        store: &(impl AccountStore + ?Sized),
        proofs: &mut Proofs<'_, impl Answers>,
    ) -> Result<Issued, Error> {
        let http = self.http.apart();
        let account = account::open(&self.authority, &http, store).await;
        let refused = match account {
            Ok(account) => match self.of_account(request, &account, &http, proofs).await {
                Err(error) if error.problem == Problem::Account => error,
                ordered => return ordered,
            },
            Err(error) if error.problem == Problem::Account => error,
            Err(error) => return Err(error),
        };
        drop(refused);
        let account = account::make(&self.authority, &http, store).await?;
        self.of_account(request, &account, &http, proofs).await
    }

    async fn of_account(
        &self,
        request: Request<'_>,
        account: &Account,
        http: &Http,
        proofs: &mut Proofs<'_, impl Answers>,
    ) -> Result<Issued, Error> {
        let of_order = |error| Error::of_acme(error, About::Order, http.last().as_ref());
        let mut order = self.begin(request, account, http).await?;
        let failed = proofs.publish_for(&mut order, request.names, http).await?;
        if !failed.is_empty() {
            return Err(Error::of_names(failed));
        }
        let polled = order.poll_ready(&self.often()).await;
        match polled {
            Ok(OrderStatus::Ready) => {}
            Ok(_) | Err(instant_acme::Error::Api(_)) => {
                let names = proofs.failed(&mut order, http).await?;
                return Err(match polled {
                    Err(error) if names.is_empty() => of_order(error),
                    _ => Error::of_names(names),
                });
            }
            Err(error) => return Err(of_order(error)),
        }
        let key = order.finalize().await.map_err(of_order)?;
        let chain = order.poll_certificate(&self.often()).await.map_err(of_order)?;
        Ok(Issued { chain, key })
    }

    /// How often it is looked whether an order has come further, until the order's own end.
    fn often(&self) -> RetryPolicy {
        RetryPolicy::new()
            .initial_delay(Duration::from_millis(250))
            .backoff(1.5)
            .timeout(self.authority.limits.order)
    }

    async fn begin(
        &self,
        request: Request<'_>,
        account: &Account,
        http: &Http,
    ) -> Result<instant_acme::Order, Error> {
        let names: Vec<Identifier> = request
            .names
            .iter()
            .map(|(name, _)| Identifier::Dns(name.as_str().to_owned()))
            .collect();
        let new = || {
            let new = NewOrder::new(&names);
            match &self.authority.profile {
                Some(profile) => new.profile(profile),
                None => new,
            }
        };
        let renewed = request.renews.map(|der| CertificateDer::from(der.to_vec()));
        let renewed = renewed
            .as_ref()
            .and_then(|der| CertificateIdentifier::try_from(der).ok());
        if let Some(renewed) = renewed {
            match account.new_order(&new().replaces(renewed)).await {
                Ok(order) => return Ok(order),
                Err(error) => {
                    let error = Error::of_acme(error, About::Order, http.last().as_ref());
                    // What it renews only tells the authority more. What it refuses of an order for that, it may take without.
                    if error.problem.is_of_all() && error.problem != Problem::AuthorityAway
                        || matches!(error.problem, Problem::RateLimited { .. })
                        || http.last().is_none_or(|answer| answer.status >= 500)
                    {
                        return Err(error);
                    }
                }
            }
        }
        let ordered = account.new_order(&new()).await;
        ordered.map_err(|error| Error::of_acme(error, About::Order, http.last().as_ref()))
    }

    /// Asks when a certificate, in DER form, is to be renewed; none if the authority does not say such things.
    pub async fn renewal_information(
        &self,
        certificate: &[u8],
        store: &(impl AccountStore + ?Sized),
    ) -> Result<Option<Information>, Error> {
        let der = CertificateDer::from(certificate.to_vec());
        let Ok(id) = CertificateIdentifier::try_from(&der) else {
            return Ok(None);
        };
        let http = self.http.apart();
        let account = account::open(&self.authority, &http, store).await?;
        match account.renewal_info(&id).await {
            Ok((info, wait)) => Ok(Some(Information {
                window: SuggestedWindow {
                    start: UtcTime(info.suggested_window.start.unix_timestamp()),
                    end: UtcTime(info.suggested_window.end.unix_timestamp()),
                },
                wait,
                explanation: info.explanation_url,
            })),
            Err(instant_acme::Error::Unsupported(_)) => Ok(None),
            Err(error) => Err(Error::of_acme(error, About::Order, http.last().as_ref())),
        }
    }
}
