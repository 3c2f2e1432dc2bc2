//! The connection to the engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard::Docker;
use tokio::sync::OnceCell;

use crate::error::{Error, causes};

/// The oldest engine API that will do: Docker 20.10's.
pub const MINIMUM_API: &str = "1.41";

/// Where the engine listens unless `DOCKER_HOST` says otherwise.
pub const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// Seconds without an answer after which the client gives up on a request; long, because a stop may take as
/// long as its grace.
const TIMEOUT: u64 = 2 * 3600;

/// A connection to a Docker Engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) docker: Docker,
    pub(crate) socket: PathBuf,
    version: String,
    api: String,
    /// Where its data is, once asked.
    pub(crate) data_root: Arc<OnceCell<PathBuf>>,
}

/// The socket that a `DOCKER_HOST` names.
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
        let unreachable = |reason: String| Error::Unreachable {
            socket: socket.to_owned(),
            reason,
        };
        match tokio::net::UnixStream::connect(socket).await {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(Error::Forbidden {
                    socket: socket.to_owned(),
                });
            }
            Err(error) => return Err(unreachable(error.to_string())),
        }
        let docker =
            Docker::connect_with_unix(&socket.to_string_lossy(), TIMEOUT, bollard::API_DEFAULT_VERSION)
                .map_err(|error| unreachable(causes(&error)))?;
        let version = docker
            .version()
            .await
            .map_err(|error| unreachable(causes(&error)))?;
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
            version: version.version.unwrap_or_default(),
            api,
            data_root: Arc::default(),
        })
    }

    /// The engine's own version, `20.10.24`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The version of its API, `1.41`.
    pub fn api(&self) -> &str {
        &self.api
    }

    pub(crate) fn api_number(&self) -> (u32, u32) {
        number(&self.api)
    }
}

fn number(api: &str) -> (u32, u32) {
    let mut parts = api.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}
