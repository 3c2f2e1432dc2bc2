//! The messages of the control API: JSON over HTTP on a Unix socket, so that `curl --unix-socket` works.
//!
//! | request | does |
//! |---|---|
//! | `GET /v1/status` | [`Status`] |
//! | `PUT /v1/routes/{app}` [`PutRoute`] | gives the app a route, and opens its host port; [`RouteStatus`] |
//! | `GET /v1/routes/{app}` | [`RouteStatus`] |
//! | `DELETE /v1/routes/{app}` | closes the ports and forgets the app |
//! | `POST /v1/routes/{app}/switch` [`SwitchTo`] | new targets with their TCP ports, and waiting requests go to them |
//! | `PUT /v1/routes/{app}/domains` [`PutDomains`] | the domains that lead to the app; [`RouteStatus`] |
//! | `PUT /v1/routes/{app}/maintenance` [`PutMaintenance`] | the app's clients get a page, or the app again; [`RouteStatus`] |
//! | `POST /v1/routes/{app}/hold` [`Hold`] | requests wait |
//! | `POST /v1/routes/{app}/release` | waiting requests go on |
//! | `POST /v1/routes/{app}/clear` [`Clear`] | no targets: requests are refused |
//! | `POST /v1/routes/{app}/drain` [`Drain`] | waits for a container's requests; [`Drained`] |
//! | `POST /v1/certificates/reload` | reads the certificates on disk again; [`CertificatesStatus`] |
//! | `PUT /v1/challenges/{name}` [`PutChallenge`] | what a certificate authority is shown that asks for a name by TLS-ALPN-01 |
//! | `DELETE /v1/challenges/{name}` | shows it no more |
//!
//! Errors are [`Refused`] with a status of 400 and up.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;

use gokku_core::access::host_ports::PortRange;
use gokku_core::app::error_pages::ErrorPages;
use gokku_core::app::maintenance::Maintenance;
use gokku_core::config::app_protocol::AppProtocol;
use gokku_core::config::tcp_port::{MOST_TCP_PORTS, ProxyProtocol, TcpPort};
use gokku_core::domains::domain::Domain;
use gokku_core::{AppName, ContainerId, ReleaseId};
use serde::{Deserialize, Serialize};

/// A container that traffic can be sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The container.
    pub container: ContainerId,
    /// The release it runs.
    pub release: ReleaseId,
    /// The address and the port the app listens on; port 0 when the app answers no requests, which its clients are told.
    pub address: SocketAddr,
    /// The share of the traffic, relative to the others; at least 1.
    #[serde(default = "one")]
    pub weight: u32,
    /// The path that the app answers with 200 while it is healthy. Without one there are no health checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
    /// What the app speaks there.
    #[serde(default, skip_serializing_if = "AppProtocol::is_default")]
    pub protocol: AppProtocol,
    /// Whether its answers are compressed for clients that take them so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compression: bool,
    /// The TCP ports of the server that lead to it, each with the one that the app listens on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tcp: Vec<TcpPort>,
    /// By which version of the PROXY protocol the app is told on them whose each connection is; without one it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocol>,
}

impl Target {
    /// Returns the app's port behind a TCP port of the server, if that leads to it.
    pub fn tcp_port(&self, host: u16) -> Option<u16> {
        let mut all = self.tcp.iter();
        all.find(|port| port.host == host).map(|port| port.container)
    }
}

fn one() -> u32 {
    1
}

/// The host port an app is to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PutRoute {
    /// Exactly this one.
    Port(u16),
    /// The one the app has, else the first free one from here on.
    From(u16),
    /// The same, but none of certain ports.
    Search(Search),
    /// None, while it has none: its release has no port for HTTP.
    WithoutHttp,
}

/// Where to look for a free host port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The first port to try.
    pub from: u16,
    /// Ports that must not be taken.
    pub except: Vec<PortRange>,
}

/// New targets for a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchTo {
    /// The targets that are known to run and to be healthy.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// Present targets that stay as they are, in whatever state. There must be at least one target in all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<ContainerId>,
    /// The domains of the release that gets the traffic; without, they stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domains: Option<Vec<Domain>>,
    /// The pages of that release for where the switch has to answer; without, they stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_pages: Option<ErrorPages>,
}

impl SwitchTo {
    /// Returns what is wrong with the TCP ports, if anything is.
    pub(crate) fn wrong_ports(&self) -> Option<String> {
        self.targets.iter().find_map(|target| {
            if target.tcp.len() > MOST_TCP_PORTS {
                return Some(format!("at most {MOST_TCP_PORTS} TCP ports lead to a target"));
            }
            let mut hosts = BTreeSet::new();
            let wrong = |port: &&TcpPort| port.host == 0 || port.container == 0 || !hosts.insert(port.host);
            let wrong = target.tcp.iter().find(wrong)?;
            Some(format!("{wrong} is no TCP port, or stands there twice"))
        })
    }
}

/// The domains that an app is to have, whatever its release is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutDomains {
    /// All of them: those that are not among them go.
    pub domains: Vec<Domain>,
}

/// What an app's clients get in place of the app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutMaintenance {
    /// The page, and the pass of those who get the app all the same; none has everybody get the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Maintenance>,
}

/// Takes a route's targets away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clear {
    /// The domains of the release that has no traffic now and is the active one; without, they stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domains: Option<Vec<Domain>>,
}

/// Asks that requests wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// How long each may wait, in milliseconds.
    pub limit_ms: u64,
}

/// Asks to wait for a container's requests to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    /// The container.
    pub container: ContainerId,
    /// How long the requests may take, in milliseconds.
    pub limit_ms: u64,
    /// How long upgraded connections and those of TCP ports may go on before they are cut, in milliseconds.
    pub upgrade_limit_ms: u64,
}

/// The outcome of a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// Requests that were still in flight at the limit.
    pub left: u64,
    /// Upgraded connections and those of TCP ports that were cut.
    pub cut: u64,
}

/// The status of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetStatus {
    /// The container.
    pub container: ContainerId,
    /// The release it runs.
    pub release: ReleaseId,
    /// The address; port 0 when the app answers no requests.
    pub address: SocketAddr,
    /// What the app speaks there.
    #[serde(default, skip_serializing_if = "AppProtocol::is_default")]
    pub protocol: AppProtocol,
    /// The TCP ports of the server that lead to it, each with the one that the app listens on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tcp: Vec<TcpPort>,
    /// By which version of the PROXY protocol the app is told on them whose each connection is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Whether the container does not run, as far as is known: then nothing is sent to its address, which may be
    /// another container's by now.
    #[serde(default)]
    pub down: bool,
    /// The container's first process, when the switch sees it: the moment that ends the target is down, whether or not
    /// the Docker Engine says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<u32>,
    /// Whether the target fails its health check: then requests go to the others, as long as one of them is good.
    #[serde(default)]
    pub unhealthy: bool,
    /// How many requests are in flight, upgraded connections and those of TCP ports included.
    pub in_flight: u64,
    /// How many of those are upgraded connections or of TCP ports.
    pub upgraded: u64,
}

/// The status of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteStatus {
    /// The app.
    pub app: AppName,
    /// The host port for HTTP; none where the app has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The TCP ports of the server that are the app's: those of the release that has the traffic, or had it last. They are open
    /// while it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tcp: Vec<u16>,
    /// The containers that get the traffic.
    pub targets: Vec<TargetStatus>,
    /// The containers that no longer do and still have requests in flight.
    pub retired: Vec<TargetStatus>,
    /// Whether requests wait.
    pub held: bool,
    /// Whether its clients get a page in place of the app.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub maintenance: bool,
    /// Whether its release has pages for where the switch has to answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub error_pages: bool,
    /// How many requests and connections wait now.
    pub waiting: u64,
    /// How many requests, and connections of TCP ports, were accepted since the switch was started.
    pub requests: u64,
    /// Why a port is not open, if one is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// All domains that lead to the app, its release's too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<Domain>,
    /// Those of the release that has the traffic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub release_domains: Vec<Domain>,
}

impl RouteStatus {
    /// Returns whether the app answers requests: one without a web process answers none.
    pub fn answers(&self) -> bool {
        self.targets.iter().any(|target| target.address.port() != 0)
    }

    /// Returns the TCP ports that are open: those of the containers that have the traffic.
    pub fn open_tcp(&self) -> &[u16] {
        if self.targets.is_empty() { &[] } else { &self.tcp }
    }

    /// Returns whether a port of the server is the app's.
    pub fn has_port(&self, port: u16) -> bool {
        self.port == Some(port) || self.tcp.contains(&port)
    }

    /// Returns every port of the server that is the app's.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.port.into_iter().chain(self.tcp.iter().copied())
    }
}

/// What a certificate authority is shown, RFC 8737.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutChallenge {
    /// The certificate and its key, as one PEM file.
    pub pem: String,
}

/// Says nothing of the key.
impl fmt::Debug for PutChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutChallenge").finish_non_exhaustive()
    }
}

/// The status of the certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificatesStatus {
    /// How many are served.
    pub served: usize,
    /// What is wrong with others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<String>,
}

impl CertificatesStatus {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The status of the port on which the domains of all apps are served by TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpsPortStatus {
    /// The port.
    pub https: u16,
    /// The port by which clients come to it, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<u16>,
    /// Why it is not open, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// The status of the port on which the domains of all apps are served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainPortStatus {
    /// The port for HTTP.
    pub http: u16,
    /// The port by which clients come to it, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<u16>,
    /// Why it is not open, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl DomainPortStatus {
    /// Returns the port that clients ask.
    pub fn asked(&self) -> u16 {
        self.public.unwrap_or(self.http)
    }
}

impl HttpsPortStatus {
    /// Returns the port that clients ask.
    pub fn asked(&self) -> u16 {
        self.public.unwrap_or(self.https)
    }
}

/// The status of the switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The program's process.
    pub pid: u32,
    /// Whether somebody tells the switch which containers run. While nobody does, a target may be gone, and its address
    /// may go to a container that is started meanwhile.
    #[serde(default)]
    pub watched: bool,
    /// What is wrong with the route table, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// The port of the domains; none while no app has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_port: Option<DomainPortStatus>,
    /// The same port for HTTPS; none while there is no certificate of any domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https_port: Option<HttpsPortStatus>,
    /// The certificates; left out while there are none.
    #[serde(default, skip_serializing_if = "CertificatesStatus::is_empty")]
    pub certificates: CertificatesStatus,
    /// Every route, by app.
    pub routes: Vec<RouteStatus>,
}

impl Refused {
    /// Returns the refusal of a host port that is another app's.
    pub fn port_of(app: &AppName, port: u16) -> Self {
        Self::PortTaken {
            port,
            holder: format!("the app {app}"),
            app: Some(app.clone()),
        }
    }

    /// Returns the refusal without the names of other apps and programs, for somebody who may not learn them; `may_be_told`
    /// says of which app one may.
    #[must_use]
    pub fn without_names(self, may_be_told: impl Fn(&AppName) -> bool) -> Self {
        match self {
            Self::PortTaken { port, app, .. } if !app.as_ref().is_some_and(&may_be_told) => Self::PortTaken {
                port,
                holder: if app.is_some() {
                    "another app"
                } else {
                    "another program"
                }
                .to_owned(),
                app: None,
            },
            Self::DomainTaken { domain, app } if !app.as_ref().is_some_and(&may_be_told) => {
                Self::DomainTaken { domain, app: None }
            }
            other => other,
        }
    }
}

/// Why the switch refused a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Refused {
    /// There is no route for this app.
    #[error("the traffic switch has no route for {app}")]
    NoRoute {
        /// The app.
        app: String,
    },
    /// The switch knows no such container.
    #[error("the traffic switch knows no container {container}")]
    NoTarget {
        /// The container.
        container: ContainerId,
    },
    /// The host port is somebody else's.
    #[error("port {port} is taken by {holder}: give the app another one (ports: in gokku.yml, or PORT)")]
    PortTaken {
        /// The port.
        port: u16,
        /// The owner, in words.
        holder: String,
        /// The app that has it, if an app has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        app: Option<AppName>,
    },
    /// The domain is another app's.
    #[error(
        "{domain} is {} already: remove it there first (gokku domains remove)",
        .app.as_ref().map_or("another app's".to_owned(), |app| format!("the domain of the app {app}"))
    )]
    DomainTaken {
        /// The domain.
        domain: Domain,
        /// The app that has it; none for who may not be told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        app: Option<AppName>,
    },
    /// The port could not be opened.
    #[error("port {port} could not be opened: {reason}")]
    Port {
        /// The port.
        port: u16,
        /// What the kernel reported.
        reason: String,
    },
    /// The route table could not be written; nothing was changed.
    #[error("the route table could not be written, and nothing was changed: {reason}")]
    Table {
        /// What the kernel reported.
        reason: String,
    },
    /// The certificates could not be read; those of before are served.
    #[error("the certificates could not be read, and those of before are served: {reason}")]
    Certificates {
        /// What happened.
        reason: String,
    },
    /// The request was not valid.
    #[error("the traffic switch did not understand the request: {reason}")]
    Request {
        /// What is wrong with it.
        reason: String,
    },
}
