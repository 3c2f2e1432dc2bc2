//! The routes on disk: `proxy/routes.json`, and the last good copy beside it.
//!
//! The file is replaced, never rewritten in place: a temporary file, fsync, the old table kept as `.last-good`, rename,
//! fsync of the folder. A table that cannot be read is never taken for an empty one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use gokku_core::AppName;
use gokku_core::app::error_pages::ErrorPages;
use gokku_core::app::maintenance::Maintenance;
use gokku_core::domains::domain::Domain;
use serde::{Deserialize, Serialize};

use crate::control::api::{SwitchTo, Target};

/// The newest version of the table's format: one with an app that has TCP ports, no port for HTTP, compressed answers or error pages.
const VERSION: u32 = 5;
/// The version of a table without, and with an app in maintenance, or one that speaks another protocol than HTTP/1.1.
const BEFORE_TCP: u32 = 4;
/// The version of a table without either, and with domains that say more than a host and its paths.
const WITHOUT_BOTH: u32 = 3;
/// The version of a table with domains that do not.
const WITHOUT_OPTIONS: u32 = 2;
/// The version of a table without domains, which is written where there are none: earlier programs read no other.
const WITHOUT_DOMAINS: u32 = 1;

/// How the name of a temporary file begins.
const TEMPORARY_PREFIX: &str = ".routes-tmp-";

/// One route, as it stands in the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The app's host port for HTTP, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The TCP ports of the server that are the app's: those of its targets, or of its last ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tcp: Vec<u16>,
    /// The containers that get the traffic.
    pub targets: Vec<Target>,
    /// How long each request may wait, in milliseconds, while requests are held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_ms: Option<u64>,
    /// What the app's clients get in place of the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Maintenance>,
    /// The domains that the app has whatever its release is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<Domain>,
    /// Those of the release that has the traffic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub release_domains: Vec<Domain>,
    /// Its pages for where the switch has to answer.
    #[serde(default, skip_serializing_if = "ErrorPages::is_empty")]
    pub error_pages: ErrorPages,
}

impl Entry {
    /// Returns an entry that leads nowhere yet.
    pub fn of_port(port: Option<u16>) -> Self {
        Self {
            port,
            tcp: Vec::new(),
            targets: Vec::new(),
            hold_ms: None,
            maintenance: None,
            domains: Vec::new(),
            release_domains: Vec::new(),
            error_pages: ErrorPages::default(),
        }
    }

    /// Gives it other targets, and what comes with them: their TCP ports, and no port for HTTP where they have TCP ports alone.
    pub(crate) fn switch(&mut self, to: SwitchTo) {
        let is_new = |target: &Target| to.targets.iter().any(|new| new.container == target.container);
        self.targets
            .retain(|target| to.keep.contains(&target.container) && !is_new(target));
        self.targets.extend(to.targets);
        self.hold_ms = None;
        if let Some(domains) = to.domains {
            self.release_domains = domains;
        }
        if let Some(pages) = to.error_pages {
            self.error_pages = pages;
        }
        self.tcp = self.open_tcp().into_iter().collect();
        if !self.tcp.is_empty() && self.targets.iter().all(|target| target.address.port() == 0) {
            self.port = None;
        }
    }

    /// Returns the TCP ports that lead to its targets.
    pub(crate) fn open_tcp(&self) -> BTreeSet<u16> {
        let all = self.targets.iter().flat_map(|target| &target.tcp);
        all.map(|port| port.host).collect()
    }

    /// Returns whether an older program cannot read it.
    fn has_tcp(&self) -> bool {
        self.port.is_none()
            || !self.tcp.is_empty()
            || self.targets.iter().any(|target| !target.tcp.is_empty())
    }

    /// Returns all domains that lead to the app.
    pub fn all_domains(&self) -> Vec<Domain> {
        all_domains(&self.domains, &self.release_domains)
    }
}

/// Returns an app's own domains and its release's. Where both have one, the app's counts.
pub(super) fn all_domains(own: &[Domain], of_release: &[Domain]) -> Vec<Domain> {
    let is_own = |theirs: &Domain| own.iter().any(|ours| ours.claims_same(theirs));
    let of_release = of_release.iter().filter(|theirs| !is_own(theirs));
    own.iter().chain(of_release).cloned().collect()
}

/// All routes, by app.
pub type Routes = BTreeMap<AppName, Entry>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u32,
    routes: Routes,
}

/// What every version of the format has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// The table's file.
#[derive(Clone, Debug)]
pub struct TableFile {
    path: PathBuf,
}

/// A table that was read.
#[derive(Debug)]
pub struct Loaded {
    /// The routes.
    pub routes: Routes,
    /// What was wrong with the newest copy, if the last good one had to be used.
    pub trouble: Option<String>,
}

/// Why no table could be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "the route table {} cannot be read ({newest}), nor can its last good copy ({last_good}). The switch does not start empty by accident: repair one of them, or move both away and run `gokku restart` for each app",
    .path.display()
)]
pub struct Unreadable {
    path: PathBuf,
    newest: String,
    last_good: String,
}

impl TableFile {
    /// Returns the table at a path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn last_good(&self) -> PathBuf {
        self.path.with_extension("json.last-good")
    }

    /// Removes what a switch that was killed while writing has left. There is only one switch at a time.
    pub(crate) fn remove_temporary_files(&self) {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX) {
                // A file that cannot be removed takes space, and does no other harm.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Reads the table: the newest copy, else the last good one; an empty table when there is neither.
    pub fn load(&self) -> Result<Loaded, Unreadable> {
        let newest = match read(&self.path) {
            Ok(routes) => {
                return Ok(Loaded {
                    routes,
                    trouble: None,
                });
            }
            Err(problem) => problem,
        };
        let last_good = match read(&self.last_good()) {
            Ok(routes) => {
                let mut trouble = format!(
                    "the route table {} cannot be read ({newest}); its last good copy is used",
                    self.path.display()
                );
                // Saving the next table must not make this one the last good copy.
                let aside = self.path.with_extension("json.damaged");
                if fs::rename(&self.path, &aside).is_ok() {
                    trouble = format!("{trouble}, and the damaged one is kept as {}", aside.display());
                }
                return Ok(Loaded {
                    routes,
                    trouble: Some(trouble),
                });
            }
            Err(problem) => problem,
        };
        match (newest, last_good) {
            (Problem::Missing, Problem::Missing) => Ok(Loaded {
                routes: Routes::new(),
                trouble: None,
            }),
            (newest, last_good) => Err(Unreadable {
                path: self.path.clone(),
                newest: newest.to_string(),
                last_good: last_good.to_string(),
            }),
        }
    }

    /// Replaces the table. The old one is still there when this fails.
    pub fn save(&self, routes: &Routes) -> io::Result<()> {
        let text = text(routes)?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new()
            .prefix(TEMPORARY_PREFIX)
            .tempfile_in(folder)?;
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        let spare = self.path.with_extension("json.spare");
        match fs::remove_file(&spare) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        match fs::hard_link(&self.path, &spare) {
            Ok(()) => fs::rename(&spare, self.last_good())?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        file.persist(&self.path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    }
}

/// Why one copy of a table could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// There is no such file.
    #[error("it is not there")]
    Missing,
    /// The file could not be read.
    #[error("{0}")]
    Io(io::Error),
    /// The file is not a table.
    #[error("it is damaged: {0}")]
    Damaged(serde_json::Error),
    /// The file has another version's format.
    #[error("it is of version {0}, and this program knows {VERSION}")]
    Version(u32),
}

fn read(path: &Path) -> Result<Routes, Problem> {
    let bytes = fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Problem::Missing,
        _ => Problem::Io(error),
    })?;
    parse(&bytes)
}

/// Returns a table's text.
pub fn text(routes: &Routes) -> serde_json::Result<Vec<u8>> {
    let domains = || {
        let all = routes.values();
        all.flat_map(|entry| entry.domains.iter().chain(&entry.release_domains))
    };
    let is_in_maintenance = |entry: &Entry| entry.maintenance.is_some();
    let speaks_another = |entry: &Entry| entry.targets.iter().any(|target| !target.protocol.is_default());
    let compresses = |entry: &Entry| entry.targets.iter().any(|target| target.compression);
    let has_pages = |entry: &Entry| !entry.error_pages.is_empty();
    let is_newest = |entry: &Entry| entry.has_tcp() || compresses(entry) || has_pages(entry);
    let version = if routes.values().any(is_newest) {
        VERSION
    } else if routes
        .values()
        .any(|entry| is_in_maintenance(entry) || speaks_another(entry))
    {
        BEFORE_TCP
    } else if domains().any(Domain::has_options) {
        WITHOUT_BOTH
    } else if domains().next().is_some() {
        WITHOUT_OPTIONS
    } else {
        WITHOUT_DOMAINS
    };
    serde_json::to_vec_pretty(&Contents {
        version,
        routes: routes.clone(),
    })
}

/// Parses a table's text.
pub fn parse(bytes: &[u8]) -> Result<Routes, Problem> {
    // The version first: what else may stand there is known for this version only.
    let Versioned { version } = serde_json::from_slice(bytes).map_err(Problem::Damaged)?;
    if !(WITHOUT_DOMAINS..=VERSION).contains(&version) {
        return Err(Problem::Version(version));
    }
    let contents: Contents = serde_json::from_slice(bytes).map_err(Problem::Damaged)?;
    Ok(contents.routes)
}
