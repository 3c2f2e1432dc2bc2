//! What a certificate authority is answered that asks for a host by http, RFC 8555 section 8.3.

use std::collections::HashMap;
use std::sync::RwLock;

use bytes::Bytes;
use gokku_core::domains::name::DomainName;

use crate::route::domain_table::bare;
use crate::support::lock::{read, write};

/// Below what it asks; the rest is a challenge's token.
pub(crate) const ACME_PATH: &str = "/.well-known/acme-challenge/";

/// The answers that are given now, by their tokens.
#[derive(Debug, Default)]
pub(crate) struct AcmeAnswers(RwLock<HashMap<Box<str>, Answer>>);

#[derive(Debug)]
struct Answer {
    host: DomainName,
    text: Bytes,
}

impl AcmeAnswers {
    /// Gives an answer to whoever asks for this token of this host.
    pub(crate) fn put(&self, host: &DomainName, token: &str, text: &str) {
        let answer = Answer {
            host: host.clone(),
            text: Bytes::copy_from_slice(text.as_bytes()),
        };
        write(&self.0).insert(token.into(), answer);
    }

    /// Gives it no more.
    pub(crate) fn remove(&self, token: &str) {
        write(&self.0).remove(token);
    }

    /// Returns the answer to whoever asks for a token of a host, perhaps with a port. What is none of the challenges is for the app: it may
    /// order certificates itself.
    pub(crate) fn find(&self, host: &str, token: &str) -> Option<Bytes> {
        let answers = read(&self.0);
        let answer = answers.get(token)?;
        (*bare(host) == *answer.host.as_str()).then(|| answer.text.clone())
    }
}
