//! The certificates of a switch: what of the disk is in its table.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use gokku_core::text::causes::causes;

use crate::control::api::CertificatesStatus;
use crate::support::lock::lock;
use crate::tls::certificate_store::{CertificateStore, Source, Stored};
use crate::tls::certificate_table::CertificateTable;

/// The certificates of a switch.
#[derive(Debug)]
pub(crate) struct Certificates {
    folder: PathBuf,
    pub(crate) table: Arc<CertificateTable>,
    loaded: Mutex<Vec<Stored>>,
    troubles: Mutex<Vec<String>>,
}

impl Certificates {
    /// Returns those of a folder; none is read yet.
    pub(crate) fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            table: Arc::default(),
            loaded: Mutex::default(),
            troubles: Mutex::default(),
        }
    }

    /// Reads all certificates again. One that cannot be read any more is served as it was, because whoever asks for it would
    /// get none else.
    pub(crate) fn reload(&self) {
        let mut before = lock(&self.loaded);
        let (mut all, mut troubles) = (Vec::new(), Vec::new());
        for source in Source::ALL {
            let found = CertificateStore::of(source, &self.folder).load();
            all.extend(found.certificates);
            for damaged in found.damaged {
                let kept = before
                    .iter()
                    .filter(|stored| stored.path.starts_with(damaged.path()))
                    .cloned();
                let count = all.len();
                all.extend(kept);
                let instead = if all.len() > count {
                    "what was read of it before is served"
                } else {
                    "it is not served"
                };
                troubles.push(format!("{}; {instead}", causes(&damaged)));
            }
        }
        self.table.replace(&all);
        *before = all;
        let known = std::mem::replace(&mut *lock(&self.troubles), troubles.clone());
        for trouble in troubles.iter().filter(|trouble| !known.contains(trouble)) {
            tracing::error!("{trouble}");
        }
    }

    /// Returns how many certificates are served, and what is wrong with others.
    pub(crate) fn status(&self) -> CertificatesStatus {
        CertificatesStatus {
            served: lock(&self.loaded).len(),
            troubles: lock(&self.troubles).clone(),
        }
    }
}
