//! The machine's Docker Engine, what an image on it is built from, and the end of what a test has made.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::SystemTime;

use gokku_core::containers::labels;
use gokku_docker::Engine;
use tempfile::TempDir;

/// The static program of gokku-docker's tests.
static PROGRAM: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gokku-docker/tests/docker/program/main.rs");
    gokku_tests::compiled(&source).expect("a program")
});

pub(crate) struct Lab {
    pub(crate) engine: Engine,
    /// What all that a test makes carries as its root, and has in its names.
    pub(crate) root: String,
    folder: TempDir,
}

impl Lab {
    pub(crate) async fn new() -> Self {
        let host = std::env::var("DOCKER_HOST").ok();
        let socket: PathBuf = gokku_docker::engine::connection::socket(host.as_deref()).unwrap();
        let engine = Engine::connect(&socket)
            .await
            .expect("these tests need a Docker Engine");
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("app");
        std::fs::write(&program, &*PROGRAM).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::write(
            folder.path().join("Dockerfile"),
            "FROM scratch\nCOPY app /app\nENTRYPOINT [\"/app\"]\n",
        )
        .unwrap();
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        Self {
            engine,
            root: format!("gokku-contract-{:x}-{now:x}", std::process::id()),
            folder,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Removes what the test has made.
    pub(crate) async fn clear(&self) {
        let mine = [(labels::ROOT, self.root.as_str())];
        for one in self.engine.containers(&mine).await.unwrap() {
            self.engine.remove(&one.id).await.unwrap();
        }
        for image in self.engine.images(&mine).await.unwrap() {
            for tag in image.tags {
                self.engine.remove_image(&tag).await.unwrap();
            }
        }
        for network in self.engine.networks_with(&mine).await.unwrap() {
            assert!(
                self.engine.remove_network(&network.name).await.unwrap(),
                "{network:?}"
            );
        }
    }
}
