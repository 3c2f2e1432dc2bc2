//! A folder to build.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::program;

/// A temporary folder with the program in it as `app`.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    /// With this Dockerfile.
    pub(crate) fn new(dockerfile: &str) -> Self {
        let folder = Self::empty();
        folder
            .file("Dockerfile", dockerfile)
            .file("app", program())
            .mode("app", 0o755)
    }

    /// With nothing in it.
    pub(crate) fn empty() -> Self {
        Self(
            tempfile::Builder::new()
                .prefix("gokku-docker-")
                .tempdir()
                .expect("a temporary folder"),
        )
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// With this file too, and the folders above it.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("its folder");
        fs::write(&path, content).expect("the file");
        self
    }

    /// With this file's mode changed.
    pub(crate) fn mode(self, name: &str, mode: u32) -> Self {
        fs::set_permissions(self.path().join(name), fs::Permissions::from_mode(mode)).expect("the mode");
        self
    }

    /// With this symbolic link too.
    pub(crate) fn link(self, name: &str, target: &str) -> Self {
        std::os::unix::fs::symlink(target, self.path().join(name)).expect("the link");
        self
    }
}
