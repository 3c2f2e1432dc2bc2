//! The address at which people reach an app, as far as the server knows it by itself.

use gokku_core::domains::domain::first_address;
use gokku_proxy::control::api::{DomainPortStatus, RouteStatus};

use crate::app::server_config;
use crate::server::Server;

/// Returns the URL of an app's first domain, if it is served, and otherwise of its host port by the server's own name, if it has
/// one.
pub(crate) fn url_of(
    server: &Server,
    route: &RouteStatus,
    domain_port: Option<&DomainPortStatus>,
) -> Option<String> {
    if !route.answers() {
        return None;
    }
    let open = domain_port.filter(|port| port.trouble.is_none());
    if let (Some(domain), Some(port)) = (first_address(&route.domains, &[]), open) {
        return Some(domain.url(port.http));
    }
    let name = server_config::read(&server.root).ok()?.server.name?;
    Some(format!("http://{name}:{}", route.port))
}
