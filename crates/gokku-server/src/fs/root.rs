//! Where everything of a server is, below its folder; what is an app's is in `app_dir`.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::fs::Error;

/// The server's folder when `GOKKU_ROOT` does not say otherwise.
pub const DEFAULT: &str = "/opt/gokku";

/// The server's folder.
#[derive(Clone, Debug)]
pub struct Root(PathBuf);

impl Root {
    /// Opens the folder, made where it is missing. Its canonical path tells this server's containers from another's.
    pub fn open(path: &Path) -> Result<Self, Error> {
        for (folder, mode) in [
            ("", 0o755),
            ("repos", 0o750),
            ("apps", 0o750),
            ("proxy", 0o750),
            ("proxy/certs", 0o700),
            ("run", 0o750),
        ] {
            let folder = path.join(folder);
            let made = fs::DirBuilder::new().recursive(true).mode(mode).create(&folder);
            made.map_err(|error| Error::file(&folder, error))?;
        }
        let path = path.canonicalize().map_err(|error| Error::file(path, error))?;
        Ok(Self(path))
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the value of the label that its containers carry.
    pub fn label(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }

    /// Returns the path of the server's settings.
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    /// Returns the path of the logins to registries.
    pub fn registries(&self) -> PathBuf {
        self.0.join("registries.toml")
    }

    /// Returns the path of the record of everything that changed; older parts of it have a number behind their name.
    pub fn events(&self) -> PathBuf {
        self.0.join("events.log")
    }

    /// Returns the folder of all apps.
    pub fn apps(&self) -> PathBuf {
        self.0.join("apps")
    }

    /// Returns the file that is there when something was built since the build cache was last kept to its budget.
    pub fn cache_grew(&self) -> PathBuf {
        self.0.join("run/build-cache-grew")
    }

    /// Returns the file that says in which time of the machine the repositories were last looked at.
    pub fn looked_at(&self) -> PathBuf {
        self.0.join("run/looked-at")
    }

    /// Returns the path of the lock that whoever changes an app's domains holds.
    pub fn domains_lock(&self) -> PathBuf {
        self.0.join("proxy/domains.lock")
    }

    /// Returns the path of the certificates, a folder for each source.
    pub fn certificates(&self) -> PathBuf {
        self.0.join("proxy/certs")
    }

    /// Returns the path of the lock of whoever changes certificates.
    pub fn certificates_lock(&self) -> PathBuf {
        self.0.join("proxy/certs.lock")
    }

    /// Returns the path of the route table.
    pub fn routes(&self) -> PathBuf {
        self.0.join("proxy/routes.json")
    }

    /// Returns the folder of sockets, and of what is true only while something runs.
    pub(crate) fn run(&self) -> PathBuf {
        self.0.join("run")
    }

    /// Returns the path of the traffic switch's control socket.
    pub fn socket(&self) -> PathBuf {
        self.0.join("run/proxy.sock")
    }

    /// Returns the path of what the daemon says.
    pub fn daemon_log(&self) -> PathBuf {
        self.0.join("run/proxy.log")
    }
}
