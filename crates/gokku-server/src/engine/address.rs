//! The address at which people reach an app, as far as the server knows it by itself.

use gokku_core::domains::domain::first_address;
use gokku_core::domains::scheme::Scheme;
use gokku_proxy::control::api::{DomainPortStatus, HttpsPortStatus, RouteStatus, Status};

use crate::app::{certificates, server_config};
use crate::server::Server;

/// The ports on which domains are served.
#[derive(Debug, Default)]
pub(crate) struct DomainPorts {
    http: Option<DomainPortStatus>,
    https: Option<HttpsPortStatus>,
}

impl From<&Status> for DomainPorts {
    fn from(status: &Status) -> Self {
        Self {
            http: status.domain_port.clone(),
            https: status.https_port.clone(),
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
        let secured = https.filter(|_| certificates::is_secured(&server.root, &domain.name));
        let by_https = secured.map(|port| domain.url(Scheme::Https, port.https));
        let url = by_https.or_else(|| http.map(|port| domain.url(Scheme::Http, port.http)));
        if url.is_some() {
            return url;
        }
    }
    let name = server_config::read(&server.root).ok()?.server.name?;
    Some(format!("http://{name}:{}", route.port))
}
