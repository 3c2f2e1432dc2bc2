//! The address at which people reach an app, as far as the server knows it by itself.

use gokku_core::domains::domain::first_address;
use gokku_core::domains::scheme::Scheme;
use gokku_proxy::control::api::{DomainPortStatus, HttpsPortStatus, RouteStatus, Status};

use crate::app::certificates::Served;
use crate::app::server_config;
use crate::server::Server;

/// How domains are served: on which ports, and by which certificates.
#[derive(Debug, Default)]
pub(crate) struct DomainPorts {
    http: Option<DomainPortStatus>,
    https: Option<HttpsPortStatus>,
    pub(crate) certificates: Served,
}

impl DomainPorts {
    /// Returns those of the traffic switch, with the certificates that there are.
    pub(crate) fn of(server: &Server, status: &Status) -> Self {
        Self {
            http: status.domain_port.clone(),
            https: status.https_port.clone(),
            certificates: Served::read(&server.root),
        }
    }
}

/// Returns the URL of an app's first domain, if it is served, and otherwise of its host port by the server's own name, if it has
/// one.
pub(crate) fn url_of(server: &Server, route: &RouteStatus, ports: &DomainPorts) -> Option<String> {
    if !route.answers() {
        return None;
    }
    let http = ports.http.as_ref().filter(|port| port.trouble.is_none());
    let https = ports.https.as_ref().filter(|port| port.trouble.is_none());
    if let Some(domain) = first_address(&route.domains, &[]) {
        let secured = https.filter(|_| ports.certificates.is_secured(&domain.name));
        let by_https = secured.map(|port| domain.url(Scheme::Https, port.asked()));
        let url = by_https.or_else(|| http.map(|port| domain.url(Scheme::Http, port.asked())));
        if url.is_some() {
            return url;
        }
    }
    let (name, port) = (server_config::read(&server.root).ok()?.server.name?, route.port?);
    Some(format!("http://{name}:{port}"))
}
