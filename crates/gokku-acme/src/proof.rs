//! One order's proofs of its names: what is published for them, and withdrawn again whatever becomes of the order.

use std::collections::BTreeMap;

use gokku_core::certificates::problem::{About, Problem, said};
use gokku_core::certificates::proof::Proof;
use gokku_core::domains::name::DomainName;
use instant_acme::{
    AuthorizationHandle, AuthorizationStatus, ChallengeHandle, ChallengeStatus, ChallengeType, Order,
};

use crate::challenge::{Answers, Challenge};
use crate::dns_hook::DnsHook;
use crate::error::{Cause, Error};
use crate::http::Http;

/// Names with what is wrong with each.
pub(crate) type Failed = BTreeMap<DomainName, (Problem, String)>;

/// What was published and is to be withdrawn.
pub(crate) struct Proofs<'a, A> {
    answers: &'a A,
    hook: Option<&'a DnsHook>,
    published: Vec<Published>,
}

enum Published {
    Answer(Challenge),
    Record { record: String, value: String },
}

impl<'a, A: Answers> Proofs<'a, A> {
    pub(crate) fn new(answers: &'a A, hook: Option<&'a DnsHook>) -> Self {
        Self {
            answers,
            hook,
            published: Vec::new(),
        }
    }

    /// Publishes what proves the names of an order, and tells the authority to look. Returns the names for which it could not
    /// be done; the authority is then told of none, because the order would fail.
    pub(crate) async fn publish_for(
        &mut self,
        order: &mut Order,
        names: &[(DomainName, Proof)],
        http: &Http,
    ) -> Result<Failed, Error> {
        let mut failed = Failed::new();
        let mut chosen: BTreeMap<DomainName, ChallengeType> = BTreeMap::new();
        let mut authorizations = order.authorizations();
        while let Some(next) = authorizations.next().await {
            let mut authorization = next.map_err(|error| of_name(error, http))?;
            let Some(name) = name_of(&authorization) else {
                continue;
            };
            if authorization.status != AuthorizationStatus::Pending {
                // It is proved already, or the order says what is wrong with it.
                continue;
            }
            let wanted = names
                .iter()
                .find(|(wanted, _)| *wanted == name)
                .map(|(_, proof)| *proof);
            let Some(kind) = self.kind(wanted.unwrap_or_default(), &authorization) else {
                let (problem, words) = if name.is_wildcard() && self.hook.is_none() {
                    (Problem::NoDnsHook, String::new())
                } else {
                    (
                        Problem::Refused,
                        "the certificate authority offers no way to prove the name that is known here"
                            .to_owned(),
                    )
                };
                failed.insert(name, (problem, words));
                continue;
            };
            let Some(challenge) = authorization.challenge(kind.clone()) else {
                continue;
            };
            match self.publish(&name, &challenge).await {
                Ok(()) => drop(chosen.insert(name, kind)),
                Err(error) => drop(failed.insert(name, (error.problem, error.said))),
            }
        }
        if !failed.is_empty() {
            return Ok(failed);
        }
        let mut authorizations = order.authorizations();
        while let Some(next) = authorizations.next().await {
            let mut authorization = next.map_err(|error| of_name(error, http))?;
            let Some(name) = name_of(&authorization) else {
                continue;
            };
            let kind = chosen.get(&name).cloned();
            let Some(mut challenge) = kind.and_then(|kind| authorization.challenge(kind)) else {
                continue;
            };
            if let Err(error) = challenge.set_ready().await {
                let is_the_name_s = http.last().is_some_and(|answer| answer.status < 400);
                let error = of_name(error, http);
                if !is_the_name_s {
                    return Err(error);
                }
                failed.insert(name, (error.problem, error.said));
            }
        }
        Ok(failed)
    }

    /// The challenge by which a name is proved: the one that is wanted, or another that is offered.
    fn kind(&self, wanted: Proof, authorization: &AuthorizationHandle<'_>) -> Option<ChallengeType> {
        let preference = match wanted {
            Proof::Http => [
                ChallengeType::Http01,
                ChallengeType::TlsAlpn01,
                ChallengeType::Dns01,
            ],
            Proof::Tls => [
                ChallengeType::TlsAlpn01,
                ChallengeType::Http01,
                ChallengeType::Dns01,
            ],
            Proof::Dns => [
                ChallengeType::Dns01,
                ChallengeType::Http01,
                ChallengeType::TlsAlpn01,
            ],
        };
        let is_possible = |kind: &ChallengeType| {
            (*kind != ChallengeType::Dns01 || self.hook.is_some())
                && authorization
                    .challenges
                    .iter()
                    .any(|challenge| challenge.r#type == *kind)
        };
        preference.into_iter().find(is_possible)
    }

    async fn publish(&mut self, name: &DomainName, challenge: &ChallengeHandle<'_>) -> Result<(), Error> {
        let authorization = challenge.key_authorization();
        let answer = match challenge.r#type {
            ChallengeType::Http01 => Challenge::Http {
                name: name.clone(),
                token: token(&challenge.token)?,
                answer: authorization.as_str().to_owned(),
            },
            ChallengeType::TlsAlpn01 => Challenge::over_tls(name.clone(), authorization.digest().as_ref())?,
            _ => {
                let host = name.parent_of_wildcard().unwrap_or(name.as_str());
                let record = format!("_acme-challenge.{host}");
                let value = authorization.dns_value();
                if let Some(hook) = self.hook {
                    // Noted before: what was begun and failed is to be removed, too.
                    self.published.push(Published::Record {
                        record: record.clone(),
                        value: value.clone(),
                    });
                    let set = hook.set(&record, &value).await;
                    set.map_err(|error| Error::new(Problem::DnsHook, Cause::DnsHook(error)))?;
                }
                return Ok(());
            }
        };
        let published = self.answers.publish(&answer).await;
        self.published.push(Published::Answer(answer));
        published.map_err(|error| Error::new(Problem::Local, Cause::Publish(error)))
    }

    /// The names of an order that came to nothing which the authority could not prove, each with why.
    pub(crate) async fn failed(&self, order: &mut Order, http: &Http) -> Result<Failed, Error> {
        let mut failed = Failed::new();
        let mut authorizations = order.authorizations();
        while let Some(next) = authorizations.next().await {
            let mut authorization = next.map_err(|error| of_name(error, http))?;
            authorization
                .refresh()
                .await
                .map_err(|error| of_name(error, http))?;
            let Some(name) = name_of(&authorization) else {
                continue;
            };
            if matches!(
                authorization.status,
                AuthorizationStatus::Pending | AuthorizationStatus::Valid
            ) {
                continue;
            }
            let invalid = authorization
                .challenges
                .iter()
                .find(|challenge| challenge.status == ChallengeStatus::Invalid);
            let document = invalid.and_then(|challenge| challenge.error.as_ref());
            let problem = document.map_or(Problem::Unauthorized, |document| {
                Problem::of_type(document.r#type.as_deref(), About::Name, None)
            });
            let words = document.and_then(|document| document.detail.as_deref());
            failed.insert(name, (problem, said(words.unwrap_or_default())));
        }
        Ok(failed)
    }

    /// Withdraws all that was published. What cannot be withdrawn costs nothing but its place.
    pub(crate) async fn withdraw_all(&mut self) {
        for published in std::mem::take(&mut self.published) {
            match published {
                Published::Answer(challenge) => self.answers.withdraw(&challenge).await,
                Published::Record { record, value } => {
                    if let Some(hook) = self.hook {
                        let _ = hook.remove(&record, &value).await;
                    }
                }
            }
        }
    }
}

fn of_name(error: instant_acme::Error, http: &Http) -> Error {
    // About the order: which name it is stands in what is asked for of each.
    Error::of_acme(error, About::Order, http.last().as_ref())
}

fn name_of(authorization: &AuthorizationHandle<'_>) -> Option<DomainName> {
    authorization.identifier().to_string().parse().ok()
}

/// A challenge's token, if it is one (RFC 8555 section 8.3): it becomes a part of a path.
fn token(token: &str) -> Result<String, Error> {
    let is_one = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !token.is_empty() && token.len() <= 512 && token.bytes().all(is_one) {
        return Ok(token.to_owned());
    }
    Err(Error {
        problem: Problem::Refused,
        said: format!("the certificate authority's token is none: {:?}", said(token)),
        names: BTreeMap::new(),
        source: None,
    })
}
