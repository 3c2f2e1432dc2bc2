//! Which certificate a name gets, and which challenge.
//!
//! A change is one step for handshakes: none finds half of it. A lookup costs the same however many certificates there are.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, RwLock};

use gokku_core::domains::name::DomainName;
use gokku_core::text::utc_time::UtcTime;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::support::clock::now;
use crate::support::lock::{read, write};
use crate::tls::certificate::Certificate;
use crate::tls::certificate_store::Stored;

/// The protocol by which a certificate authority asks for a challenge, RFC 8737. Its connections carry nothing else.
pub(crate) const ACME_TLS: &[u8] = b"acme-tls/1";

/// The certificates that are served.
#[derive(Debug, Default)]
pub(crate) struct CertificateTable {
    tables: RwLock<Tables>,
    /// By name: what a certificate authority is shown.
    challenges: RwLock<HashMap<Box<str>, Arc<Certificate>>>,
}

#[derive(Debug, Default)]
struct Tables {
    /// By host; a wildcard's without its `*.` in a table of its own.
    exact: HashMap<Box<str>, Vec<Stored>>,
    wildcards: HashMap<Box<str>, Vec<Stored>>,
    /// What stands after the first dot of each exact name.
    levels: HashSet<Box<str>>,
}

impl Tables {
    fn of(all: &[Stored]) -> Self {
        let mut tables = Self::default();
        for stored in all {
            for name in stored.certificate.names() {
                let (table, host) = match name.parent_of_wildcard() {
                    Some(parent) => (&mut tables.wildcards, parent),
                    None => (&mut tables.exact, name.as_str()),
                };
                table.entry(host.into()).or_default().push(stored.clone());
                if !name.is_wildcard()
                    && let Some((_, level)) = name.as_str().split_once('.')
                {
                    tables.levels.insert(level.into());
                }
            }
        }
        tables
    }

    fn find(&self, host: &str, now: UtcTime) -> Option<&Stored> {
        let exact = self.exact.get(host).into_iter().flatten();
        let wildcards = host
            .split_once('.')
            .filter(|(first, _)| !first.is_empty())
            .and_then(|(_, parent)| self.wildcards.get(parent));
        let wildcards = wildcards.into_iter().flatten();
        exact
            .map(|stored| (stored.preference(true, now), stored))
            .chain(wildcards.map(|stored| (stored.preference(false, now), stored)))
            .max_by_key(|(preference, _)| *preference)
            .map(|(_, stored)| stored)
    }
}

impl CertificateTable {
    /// Serves these from now on, and no others.
    pub(crate) fn replace(&self, all: &[Stored]) {
        let tables = Tables::of(all);
        *write(&self.tables) = tables;
    }

    /// Returns the certificate for a host, in lower case and without a port: the exact name before a wildcard, one's own before
    /// one of a certificate authority's, the one that is valid longest; but one that is valid now before all others.
    pub(crate) fn find(&self, host: &str, now: UtcTime) -> Option<Stored> {
        let host = host.strip_suffix('.').unwrap_or(host);
        read(&self.tables).find(host, now).cloned()
    }

    /// Returns whether clients can ask for a host by https without an error.
    pub(crate) fn is_secured(&self, host: &str, now: UtcTime) -> bool {
        let tables = read(&self.tables);
        tables
            .find(host, now)
            .is_some_and(|stored| stored.certificate.is_valid_at(now))
    }

    /// Returns whether there is a certificate by which a domain is served, or a host of a wildcard.
    pub(crate) fn can_serve(&self, name: &DomainName) -> bool {
        let tables = read(&self.tables);
        if let Some(parent) = name.parent_of_wildcard() {
            return tables.wildcards.contains_key(parent) || tables.levels.contains(parent);
        }
        let level = name.as_str().split_once('.').map(|(_, level)| level);
        tables.exact.contains_key(name.as_str())
            || level.is_some_and(|level| tables.wildcards.contains_key(level))
    }

    /// Returns whether there are no certificates.
    pub(crate) fn is_empty(&self) -> bool {
        let tables = read(&self.tables);
        tables.exact.is_empty() && tables.wildcards.is_empty()
    }

    /// Shows this one to a certificate authority that asks for the name.
    pub(crate) fn put_challenge(&self, name: &DomainName, certificate: Certificate) {
        write(&self.challenges).insert(name.as_str().into(), Arc::new(certificate));
    }

    /// Shows none any more.
    pub(crate) fn remove_challenge(&self, name: &DomainName) {
        write(&self.challenges).remove(name.as_str());
    }

    /// Returns whether a certificate authority may be about to ask.
    pub(crate) fn has_challenges(&self) -> bool {
        !read(&self.challenges).is_empty()
    }
}

impl ResolvesServerCert for CertificateTable {
    /// Without a certificate of the name the handshake ends with an alert.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?;
        // Who offers other protocols, too, is no certificate authority.
        let mut protocols = hello.alpn().into_iter().flatten();
        if protocols.next() == Some(ACME_TLS) && protocols.next().is_none() {
            let challenges = read(&self.challenges);
            return challenges.get(name).map(|shown| Arc::clone(shown.key()));
        }
        let found = self.find(name, now())?;
        Some(Arc::clone(found.certificate.key()))
    }
}
