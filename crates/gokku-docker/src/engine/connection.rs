//! The connection to the engine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard::Docker;
use bollard::models::{HostConfigLogConfig, SystemInfo};
use futures_util::future::BoxFuture;
use gokku_core::containers::container::LogLimits;
use gokku_core::containers::error::Source;
use tokio::sync::OnceCell;

use crate::engine::error::Error;
use crate::engine::limits::{Call, Limits, Memory};

/// The oldest engine API that will do: Docker 20.10's.
pub const MINIMUM_API: &str = "1.41";

/// Where the engine listens unless `DOCKER_HOST` says otherwise.
pub const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// Where an engine keeps its images that leaves them to containerd, beside the folder that it calls its own.
const CONTAINERD: &str = "/var/lib/containerd";

/// Seconds after which the client library gives up by itself: what is waited for has its own limits, see `limits.rs`, and a
/// stop may take as long as its grace.
const TIMEOUT: u64 = 2 * 3600;

/// A connection to a Docker Engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) docker: Docker,
    pub(crate) socket: PathBuf,
    pub(crate) limits: Limits,
    /// What was not answered, where nothing else is asked then.
    pub(crate) memory: Option<Arc<Memory>>,
    version: String,
    api: String,
    arch: String,
    /// What it is like, once asked.
    about: Arc<OnceCell<About>>,
}

/// What an engine says of itself.
#[derive(Debug)]
struct About {
    data_root: PathBuf,
    has_init: bool,
    logging: String,
}

/// Returns the socket that a `DOCKER_HOST` names.
pub fn socket(docker_host: Option<&str>) -> Result<PathBuf, Error> {
    match docker_host.filter(|host| !host.is_empty()) {
        None => Ok(PathBuf::from(DEFAULT_SOCKET)),
        Some(host) => match host.strip_prefix("unix://") {
            Some(path) if path.starts_with('/') => Ok(PathBuf::from(path)),
            _ => Err(Error::Host(host.to_owned())),
        },
    }
}

impl Engine {
    /// Connects to the engine that listens on `socket`, and asks its version once.
    pub async fn connect(socket: &Path) -> Result<Self, Error> {
        Self::connect_within(socket, Limits::default()).await
    }

    /// Connects with other limits.
    pub fn connect_within(socket: &Path, limits: Limits) -> BoxFuture<'_, Result<Self, Error>> {
        Box::pin(Self::open_within(socket, limits))
    }

    async fn open_within(socket: &Path, limits: Limits) -> Result<Self, Error> {
        let call = Call::new("version", "connect", "version");
        // Whoever listens may not take the connection.
        let connected = tokio::time::timeout(limits.question, Self::open(socket, limits)).await;
        connected.unwrap_or_else(|_| Err(call.unanswered(limits.question)))
    }

    async fn open(socket: &Path, limits: Limits) -> Result<Self, Error> {
        let unreachable = |source: Source| Error::Unreachable {
            socket: socket.to_owned(),
            source,
        };
        match tokio::net::UnixStream::connect(socket).await {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(Error::Forbidden {
                    socket: socket.to_owned(),
                });
            }
            Err(error) => return Err(unreachable(error.into())),
        }
        let docker =
            Docker::connect_with_unix(&socket.to_string_lossy(), TIMEOUT, bollard::API_DEFAULT_VERSION)
                .map_err(|error| unreachable(error.into()))?;
        let version = docker
            .version()
            .await
            .map_err(|error| unreachable(error.into()))?;
        let api = version.api_version.unwrap_or_default();
        if number(&api) < number(MINIMUM_API) {
            return Err(Error::TooOld {
                found: api,
                minimum: MINIMUM_API,
            });
        }
        Ok(Self {
            docker,
            socket: socket.to_owned(),
            limits,
            memory: None,
            version: version.version.unwrap_or_default(),
            api,
            arch: version.arch.unwrap_or_default(),
            about: Arc::default(),
        })
    }

    /// What a container is made with for its log; none where nobody limits it, or its driver keeps no files here.
    pub(crate) async fn log_config(
        &self,
        limits: Option<LogLimits>,
    ) -> Result<Option<HostConfigLogConfig>, Error> {
        let Some(LogLimits { size, files }) = limits else {
            return Ok(None);
        };
        // Those that have these options, docs.docker.com/engine/logging/configure: an engine refuses them of others.
        let driver = &self.about().await?.logging;
        Ok(
            matches!(driver.as_str(), "json-file" | "local").then(|| HostConfigLogConfig {
                typ: Some(driver.clone()),
                config: Some(HashMap::from([
                    ("max-size".to_owned(), size.to_string()),
                    ("max-file".to_owned(), files.to_string()),
                ])),
            }),
        )
    }

    /// Returns the engine's own version, `20.10.24`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the version of its API, `1.41`.
    pub fn api(&self) -> &str {
        &self.api
    }

    /// Its processor, as Go calls it: `amd64`.
    pub(crate) fn arch(&self) -> &str {
        &self.arch
    }

    /// The first number of its version.
    pub(crate) fn major(&self) -> u32 {
        let number = self.version.split('.').next();
        number.and_then(|number| number.parse().ok()).unwrap_or(u32::MAX)
    }

    /// Returns the folder of the engine's data, as the engine says it.
    pub async fn data_root(&self) -> Result<PathBuf, Error> {
        Ok(self.about().await?.data_root.clone())
    }

    /// Returns the folders that the engine's data is in: one that leaves its images to containerd has them beside its own.
    pub async fn data_folders(&self) -> Result<Vec<PathBuf>, Error> {
        Ok(vec![self.data_root().await?, PathBuf::from(CONTAINERD)])
    }

    /// Returns whether the engine has the program that it starts containers with when they are to have an init.
    pub async fn has_init(&self) -> Result<bool, Error> {
        Ok(self.about().await?.has_init)
    }

    fn info(&self) -> BoxFuture<'_, Result<SystemInfo, Error>> {
        let call = Call::new("info", "ask what the engine is like", "info");
        self.ask(call, self.docker.info())
    }

    /// What the engine says of itself; asked once.
    async fn about(&self) -> Result<&About, Error> {
        let ask = async || {
            let info = self.info().await?;
            let commit = info.init_commit.and_then(|commit| commit.id);
            // An engine says so of an init that it does not find, and of one whose version it does not understand.
            let unknown = commit.as_deref() == Some("N/A");
            Ok(About {
                data_root: PathBuf::from(info.docker_root_dir.unwrap_or_default()),
                has_init: !unknown || is_there(&info.init_binary.unwrap_or_default()),
                logging: info.logging_driver.unwrap_or_default(),
            })
        };
        self.about.get_or_try_init(ask).await
    }

    pub(crate) fn api_number(&self) -> (u32, u32) {
        number(&self.api)
    }
}

/// Whether an engine finds its init: at its path, or by its name where engines look for it (moby's
/// `daemon/config/config_linux.go`, `LookupInitPath`).
fn is_there(init: &str) -> bool {
    let folders = [
        "/usr/local/libexec/docker",
        "/usr/libexec/docker",
        "/usr/local/lib/docker",
        "/usr/lib/docker",
        "/usr/local/sbin",
        "/usr/local/bin",
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/bin",
    ];
    // A path of its own stays one.
    let mut places = folders.iter().map(|folder| Path::new(folder).join(init));
    !init.is_empty() && places.any(|place| place.is_file())
}

fn number(api: &str) -> (u32, u32) {
    let mut parts = api.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}
