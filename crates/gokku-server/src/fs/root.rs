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
    /// The folder, made where it is missing. Its canonical path tells this server's containers from another's.
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

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The value of the label that its containers carry.
    pub fn label(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }

    /// The server's settings.
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    /// The logins to registries.
    pub fn registries(&self) -> PathBuf {
        self.0.join("registries.toml")
    }

    /// The record of everything that changed; older parts of it have a number behind their name.
    pub fn events(&self) -> PathBuf {
        self.0.join("events.log")
    }

    /// The folder of all apps.
    pub fn apps(&self) -> PathBuf {
        self.0.join("apps")
    }

    /// There when something was built since the build cache was last kept to its budget.
    pub fn cache_grew(&self) -> PathBuf {
        self.0.join("run/build-cache-grew")
    }

    /// In which time of the machine the repositories were last looked at.
    pub fn looked_at(&self) -> PathBuf {
        self.0.join("run/looked-at")
    }

    /// The lock that whoever changes an app's domains holds.
    pub fn domains_lock(&self) -> PathBuf {
        self.0.join("proxy/domains.lock")
    }

    /// The certificates, a folder for each source.
    pub fn certificates(&self) -> PathBuf {
        self.0.join("proxy/certs")
    }

    /// The lock of whoever changes certificates.
    pub fn certificates_lock(&self) -> PathBuf {
        self.0.join("proxy/certs.lock")
    }

    /// The route table.
    pub fn routes(&self) -> PathBuf {
        self.0.join("proxy/routes.json")
    }

    /// The traffic switch's control socket.
    pub fn socket(&self) -> PathBuf {
        self.0.join("run/proxy.sock")
    }

    /// What the daemon says.
    pub fn daemon_log(&self) -> PathBuf {
        self.0.join("run/proxy.log")
    }
}
