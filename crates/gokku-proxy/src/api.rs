//! The words of the control API: JSON over HTTP on a Unix socket, so that `curl --unix-socket` works.
//!
//! | request | does |
//! |---|---|
//! | `GET /v1/status` | [`Status`] |
//! | `PUT /v1/routes/{app}` [`PutRoute`] | opens the app's host port; [`RouteStatus`] |
//! | `GET /v1/routes/{app}` | [`RouteStatus`] |
//! | `DELETE /v1/routes/{app}` | closes the port and forgets the app |
//! | `POST /v1/routes/{app}/switch` [`SwitchTo`] | new targets, and waiting requests go to them |
//! | `POST /v1/routes/{app}/hold` [`Hold`] | requests wait |
//! | `POST /v1/routes/{app}/release` | they go on |
//! | `POST /v1/routes/{app}/clear` | no targets: requests are refused |
//! | `POST /v1/routes/{app}/drain` [`Drain`] | waits for a container's requests; [`Drained`] |
//!
//! Errors are [`Refused`] with a status of 400 and up.

use std::net::SocketAddr;

use gokku_core::access::host_ports::PortRange;
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
    /// Its address and the port the app listens on; port 0 where it answers no requests, and whoever asks is told so.
    pub address: SocketAddr,
    /// Its share of the traffic, relative to the others; at least 1.
    #[serde(default = "one")]
    pub weight: u32,
    /// The path that the app in it answers with 200 while it is healthy. Without one it is never asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
}

fn one() -> u32 {
    1
}

/// The host port an app is to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PutRoute {
    /// This one.
    Port(u16),
    /// The one it has, else the next free one from here on.
    From(u16),
    /// The same, and none of some.
    Search(Search),
}

/// Where a free host port is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The first that may be taken.
    pub from: u16,
    /// Those that may not.
    pub except: Vec<PortRange>,
}

/// New targets for a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchTo {
    /// All of them that run and are healthy.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// Those of its present ones that stay as they are, however that is. With the others at least one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<ContainerId>,
}

/// Requests are to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// How long each may, in milliseconds.
    pub limit_ms: u64,
}

/// A container's requests are to come to their end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    /// The container.
    pub container: ContainerId,
    /// How long its requests may take, in milliseconds.
    pub limit_ms: u64,
    /// How long its upgraded connections may go on before they are cut, in milliseconds.
    pub upgrade_limit_ms: u64,
}

/// How a drain went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// Requests that were still in flight at the limit.
    pub left: u64,
    /// Upgraded connections that were cut.
    pub cut: u64,
}

/// What is known of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetStatus {
    /// The container.
    pub container: ContainerId,
    /// The release it runs.
    pub release: ReleaseId,
    /// Its address; its port is 0 where it answers no requests.
    pub address: SocketAddr,
    /// Whether its container does not run, as far as is known: then nothing is sent to its address, which may be
    /// another container's by now.
    #[serde(default)]
    pub down: bool,
    /// Its container's first process, where the switch sees it: the moment that ends it is down, whether or not the
    /// Docker Engine says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<u32>,
    /// Whether it fails its health check: then requests go to the others, as long as one of them is good.
    #[serde(default)]
    pub unhealthy: bool,
    /// Requests in flight, upgraded connections included.
    pub in_flight: u64,
    /// Upgraded connections among them.
    pub upgraded: u64,
}

/// What is known of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteStatus {
    /// The app.
    pub app: AppName,
    /// Its host port.
    pub port: u16,
    /// The containers that get its traffic.
    pub targets: Vec<TargetStatus>,
    /// The containers that no longer do and still have requests in flight.
    pub retired: Vec<TargetStatus>,
    /// Whether requests wait.
    pub held: bool,
    /// How many wait now.
    pub waiting: u64,
    /// How many were accepted since the switch was started.
    pub requests: u64,
    /// Why the port is not open, when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl RouteStatus {
    /// Whether what has its traffic answers requests: an app without a web process answers none.
    pub fn answers(&self) -> bool {
        self.targets.iter().any(|target| target.address.port() != 0)
    }
}

/// What is known of the switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The program's process.
    pub pid: u32,
    /// Whether it follows which containers run. While it does not, one may be gone that it sends requests to, and
    /// another one that is started get that address.
    #[serde(default)]
    pub watched: bool,
    /// What is wrong with the route table, when something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Every route, by app.
    pub routes: Vec<RouteStatus>,
}

impl Refused {
    /// The host port is that app's.
    pub fn port_of(app: &AppName, port: u16) -> Self {
        Self::PortTaken {
            port,
            holder: format!("the app {app}"),
            app: Some(app.clone()),
        }
    }

    /// The same to somebody to whom other apps and programs are nobody's business, unless `may_be_told` says it of the app.
    #[must_use]
    pub fn without_names(self, may_be_told: impl FnOnce(&AppName) -> bool) -> Self {
        match self {
            Self::PortTaken { port, app, .. } if !app.as_ref().is_some_and(may_be_told) => Self::PortTaken {
                port,
                holder: if app.is_some() {
                    "another app"
                } else {
                    "another program"
                }
                .to_owned(),
                app: None,
            },
            other => other,
        }
    }
}

/// Why the switch did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Refused {
    /// There is no route of this app.
    #[error("the traffic switch has no route of {app}")]
    NoRoute {
        /// The app.
        app: String,
    },
    /// It knows no such container.
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
        /// Whose it is, in words.
        holder: String,
        /// The app whose it is, where it is an app's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        app: Option<AppName>,
    },
    /// The port could not be opened.
    #[error("port {port} could not be opened: {reason}")]
    Port {
        /// The port.
        port: u16,
        /// What the kernel said.
        reason: String,
    },
    /// The route table could not be written; nothing was changed.
    #[error("the route table could not be written, and nothing was changed: {reason}")]
    Table {
        /// What the kernel said.
        reason: String,
    },
    /// The request was not understood.
    #[error("the traffic switch did not understand: {reason}")]
    Request {
        /// Why.
        reason: String,
    },
}
