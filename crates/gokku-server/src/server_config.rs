//! The server's settings, `config.toml`.

use std::net::IpAddr;
use std::path::Path;

use gokku_core::disk::Size;
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
    /// The disks.
    pub disk: DiskConfig,
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
