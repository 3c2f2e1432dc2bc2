//! An engine and what a test makes on it, which goes with the test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use gokku_core::build::image_sources::ownership::Neighbours;
use gokku_core::containers::labels;
use gokku_core::containers::{
    Apart, BuildRequest, ContainerSpec, Isolated, Isolation, LogLine, LogOptions, NewNetwork,
};
use gokku_core::machine::subnet::{RANGE, Subnet};
use gokku_core::{ContainerId, ImageId};
use gokku_docker::engine::connection;
use gokku_docker::{Engine, Error};

use super::{Folder, until};

/// A test's own corner of the machine's engine: everything carries its root label, and is removed with it.
pub(crate) struct Lab {
    pub(crate) engine: Engine,
    pub(crate) root: String,
    pub(crate) socket: PathBuf,
    /// The ranges that were kept apart.
    apart: Mutex<Vec<Subnet>>,
}

impl Lab {
    /// Connects to the engine of this machine, and panics where there is none.
    pub(crate) async fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let host = std::env::var("DOCKER_HOST").ok();
        let socket = connection::socket(host.as_deref()).expect("DOCKER_HOST");
        let engine = Engine::connect(&socket).await.unwrap_or_else(|error| {
            panic!("these tests need a Docker Engine; `cargo xtask test` installs or starts one\n{error}")
        });
        // The time too, so that what a killed run left is never taken for this one's.
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            engine,
            root: format!("gokku-docker-{:x}-{now:x}-{number}", std::process::id()),
            socket,
            apart: Mutex::default(),
        }
    }

    /// A name that nothing else has.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.root)
    }

    /// The label that everything here carries.
    pub(crate) fn label(&self) -> (&str, &str) {
        (labels::ROOT, &self.root)
    }

    /// It and others.
    pub(crate) fn labels(&self, more: &[(&str, &str)]) -> BTreeMap<String, String> {
        std::iter::once(&self.label())
            .chain(more)
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    /// What builds this folder.
    pub(crate) fn request<'a>(&self, folder: &'a Path) -> BuildRequest<'a> {
        BuildRequest {
            folder,
            dockerfile: "Dockerfile",
            generated: None,
            tag: format!("{}:test", self.root),
            labels: self.labels(&[]),
            args: Vec::new(),
            secrets: gokku_core::containers::Secrets::new(),
            logins: Vec::new(),
            apart: Apart {
                neighbours: Neighbours {
                    root: self.root.clone(),
                    own: "lab".parse().expect("a name"),
                    others: BTreeSet::new(),
                },
                caches: self.root.clone(),
            },
            cache: true,
        }
    }

    /// Builds, and gives the lines of progress with the result.
    pub(crate) async fn build(&self, request: &BuildRequest<'_>) -> (Result<ImageId, Error>, Vec<String>) {
        let mut lines = Vec::new();
        let result = self.engine.build(request, &mut |line| lines.push(line)).await;
        (result, lines)
    }

    /// An image with the program in it, whose entrypoint it is.
    pub(crate) async fn image(&self) -> ImageId {
        let folder = Folder::new("FROM scratch\nCOPY app /app\nENTRYPOINT [\"/app\"]\n");
        let (built, lines) = self.build(&self.request(folder.path())).await;
        built.unwrap_or_else(|error| panic!("{error}\n{}", lines.join("\n")))
    }

    /// A container of that image, without a network, which starts in a third of the time.
    pub(crate) fn spec(&self, image: &ImageId, command: &[&str]) -> ContainerSpec {
        ContainerSpec {
            image: image.to_string(),
            labels: self.labels(&[]),
            network: "none".to_owned(),
            command: Some(command.iter().map(|word| (*word).to_owned()).collect()),
            stop_timeout: Duration::from_secs(30),
            ..ContainerSpec::default()
        }
    }

    /// Makes a container and starts it.
    pub(crate) async fn start(&self, spec: &ContainerSpec) -> ContainerId {
        let id = self.engine.create(spec).await.expect("a container");
        self.engine.start(&id).await.expect("it starts");
        id
    }

    /// Waits until a container has printed this line.
    pub(crate) async fn said(&self, id: &ContainerId, line: &str) {
        until(&format!("{line:?} in the output"), async || {
            let lines = self.engine.last_lines(id, 1000).await.expect("its output");
            lines.iter().any(|one| one == line).then_some(())
        })
        .await;
    }

    /// Everything a container printed until now.
    pub(crate) async fn printed(&self, id: &ContainerId, options: &LogOptions) -> Vec<LogLine> {
        let pieces: Vec<_> = self.engine.logs(id, options).collect().await;
        pieces
            .into_iter()
            .map(|piece| piece.expect("its output"))
            .collect()
    }

    /// Keeps networks apart until the test ends.
    pub(crate) async fn isolate(&self, isolation: &Isolation) -> Isolated {
        self.apart
            .lock()
            .expect("no test panics here")
            .push(isolation.range);
        self.engine.isolate(isolation).await.expect("they are apart")
    }

    /// A network of this test's own.
    pub(crate) async fn network(&self) -> String {
        let name = self.name("net");
        let made = self.engine.network_or_make(&self.named(&name, &[])).await;
        made.expect("a network");
        name
    }

    /// A network of exactly this name, with this test's label and more.
    pub(crate) fn named(&self, name: &str, more: &[(&str, &str)]) -> NewNetwork {
        NewNetwork {
            names: vec![name.to_owned()],
            labels: self.labels(more),
            containers: 10,
            range: RANGE,
            avoid: Vec::new(),
        }
    }
}

/// What `docker` says, asked through the program a user has.
#[track_caller]
pub(crate) fn docker(args: &[&str]) -> String {
    let output = Command::new("docker").args(args).output().expect("docker runs");
    assert!(
        output.status.success(),
        "docker {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

impl Drop for Lab {
    /// Removes what is left, also when the test failed, and says so if that cannot be done.
    fn drop(&mut self) {
        let (socket, root) = (self.socket.clone(), self.root.clone());
        let apart = std::mem::take(&mut *self.apart.lock().unwrap_or_else(PoisonError::into_inner));
        // A thread, because a runtime cannot be waited for inside a runtime.
        let cleaning = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(remove_all(&socket, &root, &apart));
        });
        let cleaned = cleaning.join();
        if !std::thread::panicking() {
            cleaned.expect("everything the test made is removed");
        }
    }
}

async fn remove_all(socket: &Path, root: &str, apart: &[Subnet]) {
    // A connection of this runtime: the test's are driven by the test's.
    let engine = Engine::connect(socket).await.expect("the engine");
    let label = [(labels::ROOT, root)];
    until("the test's containers and images to be gone", async || {
        let containers = engine.containers(&label).await.expect("the containers");
        for container in &containers {
            engine.remove(&container.id).await.expect("it goes");
        }
        let images = engine.images(&label).await.expect("the images");
        for image in &images {
            for name in image.tags.iter().filter(|tag| *tag != "<none>:<none>") {
                engine.remove_image(name).await.expect("its name goes");
            }
            if let Ok(Some(_)) = engine.image(image.id.as_str()).await {
                engine.remove_image(image.id.as_str()).await.expect("it goes");
            }
        }
        (containers.is_empty() && images.is_empty()).then_some(())
    })
    .await;
    for range in apart {
        engine.end_isolation(root, *range).await.expect("the rule goes");
    }
    for network in engine.networks_with(&label).await.expect("the networks") {
        let removed = engine.remove_network(&network.name).await;
        assert!(removed.expect("it goes"), "{network:?}");
    }
}
