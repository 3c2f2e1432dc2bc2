//! Certificates on disk: a folder for each source, a file for each certificate.
//!
//! Chain and key stand in one file, which is replaced, never rewritten in place: so no pair is ever torn. Folder and files are
//! the owner's alone.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gokku_core::certificates::order::CertificateId;
use gokku_core::text::read_limits::CERTIFICATE;
use gokku_core::text::utc_time::UtcTime;

use crate::tls::certificate::Certificate;
use crate::tls::certificate_error::CertificateError;

/// How the name of a temporary file begins.
const TEMPORARY_PREFIX: &str = ".certificate-tmp-";
/// How the name of a certificate's file ends.
const EXTENSION: &str = ".pem";
/// The longest name of a file, see `limits.h`.
const NAME_MAX: usize = 255;

/// Where a certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The server's owner added it.
    Own,
    /// The daemon ordered it from a certificate authority.
    Acme,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 2] = [Self::Own, Self::Acme];

    /// Returns its name, which its folder has, too.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Acme => "acme",
        }
    }
}

/// A certificate that is on disk.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its file.
    pub path: PathBuf,
    /// What it is kept under; none where somebody gave the file a name of their own.
    pub id: Option<CertificateId>,
    /// Where it comes from.
    pub source: Source,
    /// The certificate.
    pub certificate: Arc<Certificate>,
}

/// Which of several certificates a name gets, the most important first: who is served, is served by one that is valid.
pub type Preference = (bool, bool, bool, UtcTime);

impl Stored {
    /// Returns how much it is to be preferred for a name that it covers; `is_exact`: by that name itself and by no wildcard.
    pub fn preference(&self, is_exact: bool, now: UtcTime) -> Preference {
        (
            self.certificate.is_valid_at(now),
            is_exact,
            self.source == Source::Own,
            self.certificate.not_after(),
        )
    }
}

/// Why something on disk is no certificate, or could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file or folder.
    #[error("{} could not be {done}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What was tried.
        done: &'static str,
        /// What the kernel reported.
        #[source]
        source: io::Error,
    },
    /// What is in the file.
    #[error("the certificate in {} cannot be used", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: CertificateError,
    },
}

impl StoreError {
    fn io(path: &Path, done: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, done, source }
    }

    /// Returns the file or folder that is meant.
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. } | Self::Damaged { path, .. } => path,
        }
    }
}

/// What a folder has.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What can be served, by file.
    pub certificates: Vec<Stored>,
    /// What cannot.
    pub damaged: Vec<StoreError>,
}

/// The certificates of one source.
#[derive(Clone, Debug)]
pub struct CertificateStore {
    folder: PathBuf,
    source: Source,
}

impl CertificateStore {
    /// Returns the store of a source, below the folder of all certificates.
    pub fn of(source: Source, certificates: &Path) -> Self {
        Self {
            folder: certificates.join(source.as_str()),
            source,
        }
    }

    /// Returns the file of a certificate.
    pub fn path(&self, id: &CertificateId) -> PathBuf {
        let mut file = id.as_str().replace('*', "_");
        if file.len() + EXTENSION.len() <= NAME_MAX {
            file.push_str(EXTENSION);
        }
        self.folder.join(file)
    }

    /// Reads all certificates. One that cannot be used keeps no other from being read; there are none without a folder.
    pub fn load(&self) -> Loaded {
        let mut loaded = Loaded::default();
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return loaded,
            Err(error) => {
                loaded.damaged.push(StoreError::io(&self.folder, "read")(error));
                return loaded;
            }
        };
        let mut paths = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) if entry.file_name().as_encoded_bytes().starts_with(b".") => {}
                Ok(entry) => paths.push(entry.path()),
                Err(error) => loaded.damaged.push(StoreError::io(&self.folder, "read")(error)),
            }
        }
        paths.sort();
        for path in paths {
            match read(&path) {
                Ok(certificate) => loaded.certificates.push(Stored {
                    id: id_of(&path),
                    path,
                    source: self.source,
                    certificate: Arc::new(certificate),
                }),
                Err(error) => loaded.damaged.push(error),
            }
        }
        loaded
    }

    /// Writes a certificate, in place of the one that is kept under the same id. Whoever calls this sees to it that nobody else
    /// writes.
    pub fn add(&self, id: &CertificateId, certificate: &Certificate) -> Result<(), StoreError> {
        let path = self.path(id);
        let written = StoreError::io(&path, "written");
        self.write(&path, certificate.pem().as_bytes()).map_err(written)
    }

    fn write(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        self.remove_temporary_files();
        // Only its owner may read such a file, see mkstemp(3).
        let mut file = tempfile::Builder::new()
            .prefix(TEMPORARY_PREFIX)
            .tempfile_in(&self.folder)?;
        file.write_all(text)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(&self.folder)?.sync_all()
    }

    /// Removes a certificate; returns whether there was one.
    pub fn remove(&self, id: &CertificateId) -> Result<bool, StoreError> {
        let path = self.path(id);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(StoreError::io(&path, "removed")(error)),
        }
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced
            .map(|()| true)
            .map_err(StoreError::io(&self.folder, "written"))
    }

    /// Removes what a process that was killed while writing has left.
    fn remove_temporary_files(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX) {
                // A file that cannot be removed takes space, and does no other harm.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Returns what the certificate in a file is kept under.
fn id_of(path: &Path) -> Option<CertificateId> {
    let file = path.file_name()?.to_str()?;
    let name = file.strip_suffix(EXTENSION).unwrap_or(file);
    match name.strip_prefix('_') {
        Some(level) => CertificateId::kept(&format!("*{level}")),
        None => CertificateId::kept(name),
    }
}

fn read(path: &Path) -> Result<Certificate, StoreError> {
    let mut bytes = Vec::new();
    // Chain and key.
    let most = CERTIFICATE.or(CERTIFICATE.bytes * 2).enough();
    File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
        .map_err(StoreError::io(path, "read"))?;
    Certificate::parse_both(&bytes).map_err(|source| StoreError::Damaged {
        path: path.to_owned(),
        source,
    })
}
