//! The account at the authority: made when there is none, or none of this authority; kept by whoever orders.

use std::io;

use gokku_core::certificates::problem::{About, Problem};
use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};
use serde_json::Value;

use crate::client::Authority;
use crate::error::{Cause, Error};
use crate::http::Http;

/// Where the account is kept. What is kept is secret: it has the account's key in it.
pub trait AccountStore {
    /// Returns what was kept, if anything was.
    fn load(&self) -> io::Result<Option<Vec<u8>>>;

    /// Keeps an account in the place of what was kept.
    fn save(&self, account: &[u8]) -> io::Result<()>;
}

/// The account that is kept, or a new one.
pub(crate) async fn open(
    authority: &Authority,
    http: &Http,
    store: &(impl AccountStore + ?Sized),
) -> Result<Account, Error> {
    let kept = store.load().map_err(failed)?;
    match kept.and_then(|bytes| credentials(&bytes, authority)) {
        Some(credentials) => {
            let builder = Account::builder_with_http(Box::new(http.clone()));
            let opened = builder.from_credentials(credentials).await;
            opened.map_err(|error| Error::of_acme(error, About::Order, http.last().as_ref()))
        }
        None => make(authority, http, store).await,
    }
}

/// A new account, kept before it is used.
pub(crate) async fn make(
    authority: &Authority,
    http: &Http,
    store: &(impl AccountStore + ?Sized),
) -> Result<Account, Error> {
    let contact = authority.email.as_ref().map(|email| format!("mailto:{email}"));
    let contact: Vec<&str> = contact.as_deref().into_iter().collect();
    let new = NewAccount {
        contact: &contact,
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let external = authority.external_account.as_ref();
    let external = external.map(|external| ExternalAccountKey::new(external.id.clone(), external.key()));
    let builder = Account::builder_with_http(Box::new(http.clone()));
    let made = builder
        .create(&new, authority.directory.clone(), external.as_ref())
        .await;
    let (account, credentials) = made.map_err(|error| {
        let mut error = Error::of_acme(error, About::Order, http.last().as_ref());
        // Who refuses to make an account does not mean another one.
        if error.problem == Problem::Account {
            error.problem = Problem::Refused;
        }
        error
    })?;
    let bytes = serde_json::to_vec(&credentials).map_err(|error| failed(error.into()))?;
    store.save(&bytes).map_err(failed)?;
    Ok(account)
}

/// What was kept, if it is an account of this authority. What cannot be read is no account: a new one costs little.
fn credentials(bytes: &[u8], authority: &Authority) -> Option<AccountCredentials> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let is_its = value.get("directory").and_then(Value::as_str) == Some(&authority.directory);
    is_its.then(|| serde_json::from_slice(bytes).ok()).flatten()
}

fn failed(error: io::Error) -> Error {
    Error::new(Problem::Local, Cause::Account(error))
}
