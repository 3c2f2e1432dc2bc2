//! The certificates that the server's owner has added, `proxy/certs/own`: their files, and what was told of their end.
//!
//! Who changes them holds a lock from the look at what is there until the traffic switch knows of the change.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use gokku_core::domains::expiry;
use gokku_core::domains::name::DomainName;
use gokku_core::text::utc_time::UtcTime;
use gokku_proxy::tls::certificate::Certificate;
use gokku_proxy::tls::certificate_store::{CertificateStore, Loaded, Source};
use serde::{Deserialize, Serialize};

use crate::fs::root::Root;
use crate::fs::{Error, atomic, lock_file, toml_file};

/// The version of the format of what was told.
const VERSION: u32 = 1;

/// Returns the store of the server's own certificates.
pub fn store(root: &Root) -> CertificateStore {
    CertificateStore::of(Source::Own, &root.certificates())
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

/// Waits for the lock of whoever changes certificates.
pub fn lock(root: &Root) -> Result<File, Error> {
    lock_file::hold(&root.certificates_lock())
}

/// Returns the moment that it is.
pub fn now() -> UtcTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcTime(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
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
