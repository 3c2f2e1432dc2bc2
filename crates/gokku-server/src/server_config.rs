//! The server's settings, `config.toml`.

use std::net::IpAddr;
use std::path::Path;

use gokku_core::disk::Size;
use gokku_core::intake::PushLimits;
use gokku_proxy::health::Checks;
use gokku_proxy::{Limits, Network};
use serde::Deserialize;

use crate::error::Error;
use crate::root::Root;
use crate::{atomic, toml_file};

/// The server's settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// The traffic switch.
    pub proxy: ProxyConfig,
    /// What apps may mount.
    pub volumes: VolumesConfig,
    /// The networks of apps.
    pub networks: NetworksConfig,
    /// The disks.
    pub disk: DiskConfig,
    /// What a push may bring.
    pub push: PushLimits,
    /// What is kept of a deploy.
    pub deploy: DeployConfig,
    /// What is kept of what containers print.
    pub logs: LogsConfig,
}

/// What is kept of a deploy, and of every other transition.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeployConfig {
    /// How large its log may become by what its build, its migration and its commands print.
    pub max_log: Size,
}

impl Default for DeployConfig {
    fn default() -> Self {
        Self {
            max_log: Size(16 << 20),
        }
    }
}

/// What the engine keeps of what an app's containers print.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogsConfig {
    /// How large a file of it becomes before the next one is begun; `0b` leaves both to the engine's own `log-opts`.
    pub max_size: Size,
    /// How many such files a container has.
    pub max_files: u32,
}

impl Default for LogsConfig {
    fn default() -> Self {
        Self {
            max_size: Size(50 << 20),
            max_files: 3,
        }
    }
}

impl LogsConfig {
    /// The same for the engine.
    pub(crate) fn limits(&self) -> Option<gokku_docker::LogLimits> {
        (self.max_size.0 > 0).then_some(gokku_docker::LogLimits {
            size: self.max_size.0,
            files: self.max_files.max(1),
        })
    }
}

/// What apps may mount.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VolumesConfig {
    /// The folders of the server that they may have, each with what is below it.
    pub folders: Vec<Folder>,
    /// The engine's volumes that an app may have by its own name for them although they were not made for it.
    pub adopt: Vec<String>,
}

/// The networks of apps.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworksConfig {
    /// Those that several apps may be on.
    pub shared: Vec<String>,
}

/// A folder of the server: an absolute path in its shortest form.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Folder(String);

impl Folder {
    /// Its path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Folder {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let path = gokku_core::volume::absolute(&text);
        path.map(Self)
            .ok_or_else(|| format!("{text:?} is no folder: it is an absolute path without .."))
    }
}

/// What gokku leaves of the disks to others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiskConfig {
    /// What is to stay free beside what a build takes; nothing is checked without.
    pub reserve: Size,
    /// How large the engine's build cache may be after a build.
    pub build_cache: Size,
}

impl Default for DiskConfig {
    fn default() -> Self {
        Self {
            reserve: Size(500 << 20),
            build_cache: Size(10 << 30),
        }
    }
}

/// The traffic switch's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProxyConfig {
    /// The address that host ports are opened on; all addresses without.
    pub bind: Option<IpAddr>,
    /// Where the search for a free host port begins.
    pub first_port: u16,
    /// The proxies in front whose word counts for where a request came from.
    pub trusted_proxies: Vec<Network>,
    /// What clients and apps may cost.
    pub limits: Limits,
    /// How what has traffic is asked whether it is healthy.
    pub health_check: Checks,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            bind: None,
            first_port: 8000,
            trusted_proxies: Vec::new(),
            limits: Limits::default(),
            health_check: Checks::default(),
        }
    }
}

/// Reads the server's settings.
pub fn read(root: &Root) -> Result<ServerConfig, Error> {
    let path = root.config();
    match atomic::read(&path)? {
        Some(bytes) => parse(&path, &bytes),
        None => Ok(ServerConfig::default()),
    }
}

/// Understands the content of a `config.toml`.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<ServerConfig, Error> {
    toml_file::parse(path, bytes)
}
