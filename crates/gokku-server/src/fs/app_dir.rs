//! Where everything of an app is, below the server's folder.

use std::path::PathBuf;

use gokku_core::{AppName, ReleaseId};

use crate::fs::root::Root;

/// An app of a server, whether it is there or not: what is read, written and locked of it is asked for by this.
#[derive(Clone, Debug)]
pub struct AppDir {
    root: Root,
    app: AppName,
}

impl AppDir {
    /// Returns the server's folder.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Returns the app's name.
    pub fn app(&self) -> &AppName {
        &self.app
    }

    /// Its bare repository.
    pub fn repository(&self) -> PathBuf {
        let name = format!("{}.git", self.app);
        self.root.path().join("repos").join(name)
    }

    /// Its folder.
    pub fn path(&self) -> PathBuf {
        self.root.apps().join(self.app.as_str())
    }

    /// Its record.
    pub fn app_file(&self) -> PathBuf {
        self.path().join("app.toml")
    }

    /// Its domains.
    pub fn domains(&self) -> PathBuf {
        self.path().join("domains.toml")
    }

    /// Its env file.
    pub fn env(&self) -> PathBuf {
        self.path().join("shared/.env")
    }

    /// Returns the file with what its build caches' names have in them.
    pub fn caches(&self) -> PathBuf {
        self.path().join("build-caches")
    }

    /// Returns the folder of its releases.
    pub fn releases(&self) -> PathBuf {
        self.path().join("releases")
    }

    /// Returns the path of a release's code.
    pub fn tree(&self, id: ReleaseId) -> PathBuf {
        self.releases().join(id.to_string())
    }

    /// Returns the path of a release's record.
    pub fn record(&self, id: ReleaseId) -> PathBuf {
        self.releases().join(format!("{id}.toml"))
    }

    /// Returns the link to the active release's code.
    pub fn current(&self) -> PathBuf {
        self.path().join("current")
    }

    /// Returns the folder of what transitions told.
    pub fn deploys(&self) -> PathBuf {
        self.path().join("deploys")
    }

    /// Returns the path of what a transition told.
    pub fn log(&self, id: ReleaseId) -> PathBuf {
        self.deploys().join(format!("{id}.log"))
    }

    /// Returns the path of the code of a push, taken out of it before its deploy begins.
    pub fn incoming(&self, id: ReleaseId) -> PathBuf {
        self.path().join("incoming").join(id.to_string())
    }

    /// Returns the path of the journal of the transition that is under way.
    pub fn journal(&self) -> PathBuf {
        self.path().join("journal.toml")
    }

    /// Returns the file that is there while it is destroyed with its volumes.
    pub fn volumes_go(&self) -> PathBuf {
        self.path().join("volumes-go")
    }

    /// Returns the file that is there while something was built that is not on the disk yet: in which time of the machine.
    pub fn unwritten(&self) -> PathBuf {
        self.path().join("unwritten")
    }

    /// Returns the path of the lock that whoever changes it holds.
    pub fn lock(&self) -> PathBuf {
        self.path().join("lock")
    }

    /// Returns the folder of those that wait for that lock.
    pub fn queue(&self) -> PathBuf {
        self.path().join("queue")
    }
}

impl Root {
    /// Returns where everything of an app is.
    pub fn app_dir(&self, app: &AppName) -> AppDir {
        AppDir {
            root: self.clone(),
            app: app.clone(),
        }
    }
}
