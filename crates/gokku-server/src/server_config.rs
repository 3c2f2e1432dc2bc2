//! The server's settings, `config.toml`.

use std::net::IpAddr;

use serde::Deserialize;

use crate::atomic;
use crate::error::Error;
use crate::root::Root;

/// The server's settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// The traffic switch.
    pub proxy: ProxyConfig,
}

/// The traffic switch's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProxyConfig {
    /// The address that host ports are opened on; all addresses without.
    pub bind: Option<IpAddr>,
    /// Where the search for a free host port begins.
    pub first_port: u16,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            bind: None,
            first_port: 8000,
        }
    }
}

/// Reads the server's settings.
pub fn read(root: &Root) -> Result<ServerConfig, Error> {
    Ok(atomic::read_toml(&root.config())?.unwrap_or_default())
}
