//! The certificates of the server, `proxy/certs`: those that its owner has added, and what was told of their end; those that were
//! ordered, and what is known of orders.
//!
//! Who changes them holds a lock from the look at what is there until the traffic switch knows of the change.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use gokku_core::domains::expiry;
use gokku_core::domains::name::DomainName;
use gokku_core::text::utc_time::UtcTime;
use gokku_proxy::health::probe::AskedName;
use gokku_proxy::support::clock::now;
use gokku_proxy::tls::certificate::Certificate;
use gokku_proxy::tls::certificate_store::{CertificateStore, Loaded, Source, Stored};
use serde::{Deserialize, Serialize};

use crate::fs::root::Root;
use crate::fs::{Error, atomic, lock_file, toml_file};

/// The version of the format of what was told.
const VERSION: u32 = 1;

/// Returns the store of the server's own certificates.
pub fn store(root: &Root) -> CertificateStore {
    CertificateStore::of(Source::Own, &root.certificates())
}

/// Returns where it is kept what is known of orders.
pub fn orders(root: &Root) -> PathBuf {
    root.certificates().join("orders.toml")
}

/// Returns where the account at the certificate authority is kept, with its key.
pub fn account(root: &Root) -> PathBuf {
    root.certificates().join("account.json")
}

/// Returns every certificate of the server.
pub fn load_all(root: &Root) -> Loaded {
    let mut all = Loaded::default();
    for source in Source::ALL {
        let loaded = CertificateStore::of(source, &root.certificates()).load();
        all.certificates.extend(loaded.certificates);
        all.damaged.extend(loaded.damaged);
    }
    all
}

/// The certificates that there were when they were read.
#[derive(Debug, Default)]
pub struct Served(Vec<Stored>);

impl Served {
    /// Reads them.
    pub fn read(root: &Root) -> Self {
        Self(load_all(root).certificates)
    }

    /// Returns the certificate of a name, as the traffic switch chooses it.
    pub fn find(&self, name: &DomainName) -> Option<&Stored> {
        let now = now();
        let fitting = self.0.iter().filter(|stored| stored.certificate.covers(name));
        fitting.max_by_key(|stored| stored.preference(stored.certificate.names().contains(name), now))
    }

    /// Returns whether a name has one that is valid now.
    pub fn is_secured(&self, name: &DomainName) -> bool {
        let found = self.find(name);
        found.is_some_and(|stored| stored.certificate.is_valid_at(now()))
    }

    /// Returns by what an app is asked that has this name: as its clients ask it.
    pub fn asked_name(&self, name: &DomainName) -> AskedName {
        AskedName::new(name.as_str(), self.is_secured(name))
    }
}

/// Waits for the lock of whoever changes certificates.
pub fn lock(root: &Root) -> Result<File, Error> {
    lock_file::hold(&root.certificates_lock())
}

/// What was told of the ends of certificates.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    version: u32,
    /// By the certificate's first name.
    #[serde(default)]
    certificates: BTreeMap<DomainName, ToldOf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToldOf {
    /// The end of the certificate that was meant: the next one of the same name has another.
    not_after: i64,
    /// How many days before that.
    days: u32,
}

fn told_path(root: &Root) -> PathBuf {
    root.certificates().join("told.toml")
}

/// Returns the certificates whose end is to be told now, and notes that it is.
pub fn take_ending(root: &Root, now: UtcTime) -> Result<Vec<Certificate>, Error> {
    let path = told_path(root);
    let before = match atomic::read(&path)? {
        // What is damaged costs no more than that something is told twice.
        Some(bytes) => {
            toml_file::parse_versioned::<Told>(&path, &bytes, VERSION).map(|told| told.certificates)
        }
        None => Ok(BTreeMap::new()),
    };
    let before = before.unwrap_or_default();
    let (mut ending, mut told) = (Vec::new(), BTreeMap::new());
    for stored in store(root).load().certificates {
        let (name, not_after) = (
            stored.certificate.name().clone(),
            stored.certificate.not_after().0,
        );
        let known = before.get(&name).filter(|known| known.not_after == not_after);
        let last = known.map(|known| known.days);
        let due = expiry::due(not_after, now.0, last);
        if due.is_some() {
            ending.push((*stored.certificate).clone());
        }
        if let Some(days) = due.or(last) {
            told.insert(name, ToldOf { not_after, days });
        }
    }
    if told != before {
        let told = Told {
            version: VERSION,
            certificates: told,
        };
        toml_file::write(&path, &told)?;
    }
    Ok(ending)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use gokku_core::certificates::order::CertificateId;

    use super::*;
    use crate::fs::root::Root;

    const DAY: i64 = 86_400;

    /// A server with a certificate of the tests' inputs, which ends in a hundred years.
    fn server() -> (tempfile::TempDir, Root, UtcTime) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("a root");
        let text = include_str!("../../../../fuzz/corpus/certificates/ec");
        let certificate = Certificate::parse_both(text.as_bytes()).expect("a certificate");
        let id = CertificateId::first(certificate.name());
        store(&root).add(&id, &certificate).expect("written");
        (folder, root, certificate.not_after())
    }

    fn told(root: &Root, now: i64) -> usize {
        take_ending(root, UtcTime(now)).expect("looked").len()
    }

    #[test]
    fn the_end_of_a_certificate_is_told_once_whoever_looks() {
        let (_folder, root, end) = server();
        for (left, times) in [
            (31, 0),
            (30, 1),
            (30, 0),
            (8, 0),
            (7, 1),
            (6, 0),
            (1, 1),
            (0, 0),
            (-1, 0),
        ] {
            assert_eq!(told(&root, end.0 - left * DAY), times, "{left}");
        }
        // What was told is lost: it is told again, and that is all.
        fs::write(told_path(&root), "").expect("written");
        assert_eq!((told(&root, end.0), told(&root, end.0)), (1, 0));
    }

    #[test]
    fn the_next_certificate_of_a_name_is_told_of_anew() {
        let (_folder, root, end) = server();
        assert_eq!(told(&root, end.0 - DAY), 1);
        let path = told_path(&root);
        let other = fs::read_to_string(&path).expect("what was told");
        let other = other.replace(&end.0.to_string(), &(end.0 - 1).to_string());
        fs::write(&path, other).expect("written");
        assert_eq!((told(&root, end.0 - DAY), told(&root, end.0 - DAY)), (1, 0));
        assert!(
            store(&root)
                .remove(&CertificateId::kept("ec.example.com").expect("an id"))
                .expect("removed")
        );
        assert_eq!(told(&root, end.0), 0);
    }
}
