//! The server's settings, `config.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZero;
use std::path::Path;

use gokku_core::AppName;
use gokku_core::access::host_ports::{HostPorts, PortRange};
use gokku_core::config::privileges::Capability;
use gokku_core::domains::name::DomainName;
use gokku_core::machine::subnet::{RANGE, Subnet};
use gokku_core::push::intake::PushLimits;
use gokku_core::text::read_limits::{self, Limit};
use gokku_core::text::size::Size;
use gokku_proxy::config::health_checks::Checks;
use gokku_proxy::{Limits, Network};
use serde::Deserialize;

use crate::app::acme_config::AcmeConfig;
use crate::fs::Error;
use crate::fs::root::Root;
use crate::fs::{atomic, toml_file};

/// The server's settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// The server itself.
    pub server: OwnConfig,
    /// The traffic switch.
    pub proxy: ProxyConfig,
    /// The certificate authority.
    pub acme: AcmeConfig,
    /// What apps may mount.
    pub volumes: VolumesConfig,
    /// The networks of apps.
    pub networks: NetworksConfig,
    /// The disks.
    pub disk: DiskConfig,
    /// What apps are given that others have not.
    pub apps: BTreeMap<AppName, AppGiven>,
    /// Apps' environment variables.
    pub env: EnvConfig,
    /// What a push may bring.
    pub push: PushLimits,
    /// What is kept of a deploy.
    pub deploy: DeployConfig,
    /// What is kept of what containers print.
    pub logs: LogsConfig,
}

/// What is said of the server itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnConfig {
    /// The name by which people reach it.
    pub name: Option<DomainName>,
}

/// What one app is given that others have not.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AppGiven {
    /// The capabilities that its containers may have.
    pub capabilities: BTreeSet<Capability>,
    /// The host ports that it may take, and that no other app takes with a key.
    pub ports: Vec<PortRange>,
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
    pub(crate) fn limits(&self) -> Option<gokku_core::containers::LogLimits> {
        (self.max_size.0 > 0).then_some(gokku_core::containers::LogLimits {
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
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworksConfig {
    /// Those that several apps may be on.
    pub shared: Vec<String>,
    /// The addresses that apps' own networks are made from.
    pub range: Subnet,
}

impl Default for NetworksConfig {
    fn default() -> Self {
        Self {
            shared: Vec::new(),
            range: RANGE,
        }
    }
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
        let path = gokku_core::config::volume::absolute(&text);
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

/// How much of an environment an app may have.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnvConfig {
    /// How large its file may be, and what is set or imported at once.
    pub size: Size,
    /// How many variables there may be in it.
    pub variables: usize,
}

impl EnvConfig {
    /// Returns what is read of an env file.
    pub fn limit(&self) -> Limit {
        read_limits::ENV.or(self.size.0)
    }
}

impl Default for EnvConfig {
    fn default() -> Self {
        Self {
            size: Size(read_limits::ENV.bytes),
            variables: read_limits::ENV_VARIABLES,
        }
    }
}

/// The port of HTTP, RFC 9110 section 4.2.1.
const HTTP: NonZero<u16> = NonZero::new(80).expect("it is not 0");
/// The port of HTTPS, RFC 9110 section 4.2.2.
const HTTPS: NonZero<u16> = NonZero::new(443).expect("it is not 0");

/// The traffic switch's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProxyConfig {
    /// The address that host ports are opened on; all addresses without.
    pub bind: Option<IpAddr>,
    /// The port on which the domains of all apps are served by HTTP.
    pub http: NonZero<u16>,
    /// The same by HTTPS, once one of them has a certificate.
    pub https: NonZero<u16>,
    /// The port by which clients come to `http`, where something in front passes another one on to it.
    pub public_http: Option<NonZero<u16>>,
    /// The same of `https`.
    pub public_https: Option<NonZero<u16>>,
    /// Whether HTTP/2 is spoken without TLS, too, by clients that begin with it.
    pub h2c: bool,
    /// Where the search for a free host port begins.
    pub first_port: u16,
    /// Host ports that no app takes with a key, nor without naming them.
    pub forbidden_ports: Vec<PortRange>,
    /// The proxies in front whose word counts for where a request came from.
    pub trusted_proxies: Vec<Network>,
    /// Whether each of their connections begins with the PROXY protocol.
    pub proxy_protocol: bool,
    /// What clients and apps may cost.
    pub limits: Limits,
    /// How what has traffic is asked whether it is healthy.
    pub health_check: Checks,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            bind: None,
            http: HTTP,
            https: HTTPS,
            public_http: None,
            public_https: None,
            h2c: false,
            first_port: 8000,
            forbidden_ports: Vec::new(),
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            limits: Limits::default(),
            health_check: Checks::default(),
        }
    }
}

impl ServerConfig {
    /// Returns the capabilities that an app's containers may have.
    pub fn capabilities_of(&self, app: &AppName) -> BTreeSet<Capability> {
        let given = self.apps.get(app);
        given.map(|given| given.capabilities.clone()).unwrap_or_default()
    }

    /// Returns what is said of host ports, as it is for an app that has these.
    pub fn host_ports_of(&self, app: &AppName, has: Vec<u16>) -> HostPorts {
        let others = self.apps.iter().filter(|(name, _)| *name != app);
        let others = others.flat_map(|(_, given)| &given.ports);
        HostPorts {
            kept: self.proxy.forbidden_ports.iter().chain(others).copied().collect(),
            given: self
                .apps
                .get(app)
                .map(|given| given.ports.clone())
                .unwrap_or_default(),
            has,
        }
    }
}

/// Reads the server's settings.
pub fn read(root: &Root) -> Result<ServerConfig, Error> {
    let path = root.config();
    match atomic::read_of(&path, read_limits::SETTINGS)? {
        Some(bytes) => parse(&path, &bytes),
        None => Ok(ServerConfig::default()),
    }
}

/// Understands the content of a `config.toml`.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<ServerConfig, Error> {
    let config: ServerConfig = toml_file::parse(path, bytes)?;
    if config.proxy.http == config.proxy.https {
        let places: Places = toml_file::parse(path, bytes)?;
        let written = places.proxy.https.or(places.proxy.http);
        let port = config.proxy.http;
        let message = format!(
            "http and https are both {port}: give one of them another port, as a port is for one of the two"
        );
        return Err(toml_file::at(
            path,
            bytes,
            written.map_or(0, |port| port.span().start),
            message,
        ));
    }
    if config.proxy.proxy_protocol && config.proxy.trusted_proxies.is_empty() {
        let places: Places = toml_file::parse(path, bytes)?;
        let written = places.proxy.proxy_protocol.map_or(0, |on| on.span().start);
        let message = "proxy_protocol is for the proxies of trusted_proxies, and there is none: name them, or remove it";
        return Err(toml_file::at(path, bytes, written, message.to_owned()));
    }
    if config.acme.staging && config.acme.directory.is_some() {
        let places: Places = toml_file::parse(path, bytes)?;
        let written = places.acme.staging.map_or(0, |staging| staging.span().start);
        let message = "staging is Let's Encrypt's, and directory names another one: remove one of the two";
        return Err(toml_file::at(path, bytes, written, message.to_owned()));
    }
    Ok(config)
}

/// Where in the file what stands that is judged together.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Places {
    proxy: PortPlaces,
    acme: AcmePlaces,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AcmePlaces {
    staging: Option<toml::Spanned<bool>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PortPlaces {
    http: Option<toml::Spanned<u16>>,
    https: Option<toml::Spanned<u16>>,
    proxy_protocol: Option<toml::Spanned<bool>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ServerConfig, String> {
        parse(Path::new("config.toml"), text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_an_app_is_given_is_kept_from_others() {
        let config = read(
            "[proxy]\nforbidden_ports = [5432, \"6000-6063\"]\n\n[apps.api]\nports = [443, \"7000-7009\"]\n\
             capabilities = [\"net_raw\", \"CAP_SYS_NICE\"]\n\n[apps.shop]\nports = [80]\n",
        );
        let config = config.expect("read");
        let of = |app: &str| {
            let app: AppName = app.parse().expect("a name");
            let ports = config.host_ports_of(&app, Vec::new());
            let show = |ranges: &[PortRange]| {
                let shown: Vec<String> = ranges.iter().map(ToString::to_string).collect();
                shown.join(" ")
            };
            let capabilities = config.capabilities_of(&app);
            let capabilities: Vec<&str> = capabilities.iter().map(|one| one.as_str()).collect();
            (show(&ports.kept), show(&ports.given), capabilities.join(" "))
        };
        let said = |kept: &str, given: &str, capabilities: &str| {
            (kept.to_owned(), given.to_owned(), capabilities.to_owned())
        };
        assert_eq!(
            of("api"),
            said("5432 6000-6063 80", "443 7000-7009", "NET_RAW SYS_NICE")
        );
        assert_eq!(of("shop"), said("5432 6000-6063 443 7000-7009", "80", ""));
        assert_eq!(of("other"), said("5432 6000-6063 443 7000-7009 80", "", ""));
    }

    #[test]
    fn what_cannot_be_given_is_told_with_its_place() {
        for (text, place, what) in [
            (
                "[apps.api]\ncapabilities = [\"NET_RWA\"]\n",
                "2:17",
                "did you mean \"NET_RAW\"?",
            ),
            (
                "[apps.api]\ncapabilities = [\"CHOWN\"]\n",
                "2:17",
                "every container has CHOWN anyway",
            ),
            (
                "[apps.api]\ncapabilities = \"NET_RAW\"\n",
                "2:16",
                "expected a sequence",
            ),
            (
                "[apps.api]\nports = [0]\n",
                "2:10",
                "expected a port from 1 to 65535",
            ),
            (
                "[apps.api]\nports = [443, 65536]\n",
                "2:15",
                "expected a port from 1 to 65535",
            ),
            (
                "[apps.api]\nports = [\"90-80\"]\n",
                "2:10",
                "\"90-80\" is no port",
            ),
            ("[proxy]\nhttps = 80\n", "2:9", "http and https are both 80"),
            ("[proxy]\nhttp = 443\n", "2:8", "http and https are both 443"),
            (
                "[proxy]\nhttps = 8080\nhttp = 8080\n",
                "2:9",
                "http and https are both 8080",
            ),
            (
                "[acme]\ndirectory = \"https://a.b/\"\nstaging = true\n",
                "3:11",
                "remove one of the two",
            ),
            ("[acme]\nemail = 1\n", "2:9", "expected a string"),
            ("[acme]\nemail = \"me\"\n", "2:9", "is no email address"),
            (
                "[proxy]\nproxy_protocol = true\n",
                "2:18",
                "proxy_protocol is for the proxies of trusted_proxies",
            ),
            ("[proxy]\nhttps = 0\n", "2:9", "nonzero"),
            ("[proxy]\nhttps = 65536\n", "2:9", "65536"),
            ("[apps.api]\nports = 443\n", "2:9", "expected a sequence"),
            ("[apps.Api]\nports = [443]\n", "1:7", "has 'A' in it"),
            ("[apps.api]\nport = [443]\n", "2:1", "unknown field `port`"),
            (
                "[proxy]\nforbidden_ports = [-1]\n",
                "2:20",
                "expected a port from 1 to 65535",
            ),
        ] {
            let told = read(text).expect_err(text);
            let begins = told.starts_with(&format!("config.toml:{place}: "));
            assert!(begins && told.contains(what), "{told}");
        }
    }
}
