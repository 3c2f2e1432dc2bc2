//! Where everything is, below the server's folder.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use gokku_core::{AppName, ReleaseId};

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

    /// An app's bare repository.
    pub fn repository(&self, app: &AppName) -> PathBuf {
        self.0.join("repos").join(format!("{app}.git"))
    }

    /// An app's folder.
    pub fn app(&self, app: &AppName) -> PathBuf {
        self.apps().join(app.as_str())
    }

    /// An app's record.
    pub fn app_file(&self, app: &AppName) -> PathBuf {
        self.app(app).join("app.toml")
    }

    /// An app's env file.
    pub fn env(&self, app: &AppName) -> PathBuf {
        self.app(app).join("shared/.env")
    }

    /// What its build caches' names have in them.
    pub fn caches(&self, app: &AppName) -> PathBuf {
        self.app(app).join("build-caches")
    }

    /// The folder of an app's releases.
    pub fn releases(&self, app: &AppName) -> PathBuf {
        self.app(app).join("releases")
    }

    /// A release's code.
    pub fn tree(&self, app: &AppName, id: ReleaseId) -> PathBuf {
        self.releases(app).join(id.to_string())
    }

    /// A release's record.
    pub fn record(&self, app: &AppName, id: ReleaseId) -> PathBuf {
        self.releases(app).join(format!("{id}.toml"))
    }

    /// The link to the active release's code.
    pub fn current(&self, app: &AppName) -> PathBuf {
        self.app(app).join("current")
    }

    /// The folder of what transitions told.
    pub fn deploys(&self, app: &AppName) -> PathBuf {
        self.app(app).join("deploys")
    }

    /// What a transition told.
    pub fn log(&self, app: &AppName, id: ReleaseId) -> PathBuf {
        self.deploys(app).join(format!("{id}.log"))
    }

    /// The code of a push, taken out of it before its deploy begins.
    pub fn incoming(&self, app: &AppName, id: ReleaseId) -> PathBuf {
        self.app(app).join("incoming").join(id.to_string())
    }

    /// The journal of the transition that is under way.
    pub fn journal(&self, app: &AppName) -> PathBuf {
        self.app(app).join("journal.toml")
    }

    /// There while an app is destroyed with its volumes.
    pub fn volumes_go(&self, app: &AppName) -> PathBuf {
        self.app(app).join("volumes-go")
    }

    /// There when something was built since the build cache was last kept to its budget.
    pub fn cache_grew(&self) -> PathBuf {
        self.0.join("run/build-cache-grew")
    }

    /// There while something was built that is not on the disk yet: in which time of the machine.
    pub fn unwritten(&self, app: &AppName) -> PathBuf {
        self.app(app).join("unwritten")
    }

    /// In which time of the machine the repositories were last looked at.
    pub fn looked_at(&self) -> PathBuf {
        self.0.join("run/looked-at")
    }

    /// The lock that whoever changes the app holds.
    pub fn lock(&self, app: &AppName) -> PathBuf {
        self.app(app).join("lock")
    }

    /// The folder of those that wait for that lock.
    pub fn queue(&self, app: &AppName) -> PathBuf {
        self.app(app).join("queue")
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
