//! Routes and the host ports on which they are served, kept together: what the control API works on.

use std::sync::Arc;

use gokku_core::AppName;
use gokku_core::domains::domain::Domain;
use gokku_core::domains::name::DomainName;
use gokku_core::domains::scheme::Scheme;
use gokku_core::text::causes::causes;
use tokio::sync::Notify;

use crate::control::api::{
    CertificatesStatus, Clear, DomainPortStatus, HttpsPortStatus, PutChallenge, PutRoute, Refused,
    RouteStatus, Search, Status, SwitchTo,
};
use crate::route::acme_answers::AcmeAnswers;
use crate::route::app_route::Route;
use crate::route::https_redirect::HttpsRedirect;
use crate::route::switch::Switch;
use crate::route::table::Entry;
use crate::server::app_ports::AppPorts;
use crate::server::domain_port::DomainPort;
use crate::server::listen::Listeners;
use crate::server::port_service::PortOwner;
use crate::tls::acceptor::Acceptor;
use crate::tls::certificate::Certificate;
use crate::tls::certificates::Certificates;

/// The state of a running switch.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) switch: Switch,
    pub(crate) listeners: Listeners,
    pub(crate) http_port: DomainPort,
    pub(crate) https_port: DomainPort,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) redirect: Arc<HttpsRedirect>,
    pub(crate) acme: Arc<AcmeAnswers>,
    /// Told when domains or certificates have changed.
    pub(crate) changed: Arc<Notify>,
    pub(crate) acceptor: Acceptor,
    pub(crate) version: String,
    pub(crate) trouble: Option<String>,
    /// Held while a port is opened or closed.
    pub(crate) ports: tokio::sync::Mutex<()>,
}

impl State {
    /// Returns the status of the switch.
    pub(crate) fn status(&self) -> Status {
        let mut routes: Vec<RouteStatus> = self
            .switch
            .routes()
            .iter()
            .map(|route| self.switch.status(route))
            .collect();
        routes.sort_by(|a, b| a.app.cmp(&b.app));
        Status {
            version: self.version.clone(),
            pid: std::process::id(),
            watched: self.switch.is_watched(),
            trouble: self.trouble.clone(),
            domain_port: self.is_port_wanted(Scheme::Http).then(|| DomainPortStatus {
                http: self.http_port.number(),
                public: self.http_port.public(),
                trouble: self.http_port.trouble(),
            }),
            https_port: self.is_port_wanted(Scheme::Https).then(|| HttpsPortStatus {
                https: self.https_port.number(),
                public: self.https_port.public(),
                trouble: self.https_port.trouble(),
            }),
            certificates: self.certificates.status(),
            routes,
        }
    }

    /// Gives an app a host port.
    pub(crate) async fn put(&self, app: &AppName, put: PutRoute) -> Result<RouteStatus, Refused> {
        if let PutRoute::Port(0) = put {
            return Err(Refused::Request {
                reason: "port 0 is not a port".to_owned(),
            });
        }
        let _one_at_a_time = self.ports.lock().await;
        let there = self.switch.route(app).ok();
        let entry = there.as_ref().map(|route| route.entry());
        let present = entry.as_ref().and_then(|entry| entry.port);
        // A certain port, none, or where to look for one.
        let wanted = match put {
            PutRoute::Port(port) => Ok(Some(port)),
            PutRoute::WithoutHttp => Ok(present),
            PutRoute::From(from) => present.map(Some).ok_or(Search {
                from,
                except: Vec::new(),
            }),
            PutRoute::Search(search) => present.map(Some).ok_or(search),
        };
        let mut entry = entry.unwrap_or_else(|| Entry::of_port(None));
        let opened = match wanted {
            Ok(port) => {
                entry.port = port;
                let owner = PortOwner::App(app.clone());
                let to_open = AppPorts::of(&entry).http();
                let to_open = to_open.filter(|port| !self.listeners.has(&owner, *port));
                if let Some(route) = there.filter(|_| present == port && to_open.is_none()) {
                    return Ok(self.switch.status(&route));
                }
                match to_open {
                    Some(port) => vec![(owner, self.open_for(app, port)?)],
                    None => Vec::new(),
                }
            }
            Err(Search { from, except }) => {
                let is_taken = |port: u16| {
                    self.other_with(app, port).is_some()
                        || entry.tcp.contains(&port)
                        || except.iter().any(|range| range.has(port))
                };
                let opened = self.listeners.open_from(from, is_taken)?;
                entry.port = Some(opened.port());
                vec![(PortOwner::App(app.clone()), opened)]
            }
        };
        let route = self.switch.put(app, entry.port).await?;
        self.settle_ports(&route, opened).await;
        Ok(self.switch.status(&route))
    }

    /// Gives an app its domains.
    pub(crate) async fn put_domains(
        self: &Arc<Self>,
        app: &AppName,
        domains: Vec<Domain>,
    ) -> Result<(), Refused> {
        let _one_at_a_time = self.ports.lock().await;
        self.switch.put_domains(app, domains).await?;
        self.domains_changed().await;
        Ok(())
    }

    /// Gives a route new targets, and its release's ports and domains with them.
    pub(crate) async fn switch_to(self: &Arc<Self>, app: &AppName, to: SwitchTo) -> Result<(), Refused> {
        let ports = |route: &Route| {
            let before = route.entry();
            let mut after = before.clone();
            after.switch(to.clone());
            (AppPorts::of(&before), AppPorts::of(&after))
        };
        let (before, after) = ports(&*self.switch.route(app)?);
        // Most change neither, and wait for no port.
        if to.domains.is_none() && before == after {
            return self.switch.switch(app, to).await;
        }
        let _one_at_a_time = self.ports.lock().await;
        let route = self.switch.route(app)?;
        let (before, after) = ports(&route);
        let opened = self.open_new(app, &before, &after)?;
        let has_domains = to.domains.is_some();
        self.switch.switch(app, to).await?;
        self.settle_ports(&route, opened).await;
        if has_domains {
            self.domains_changed().await;
        }
        Ok(())
    }

    /// Takes a route's targets away, which closes its TCP ports, and gives it the domains of the release that is the active one.
    pub(crate) async fn clear(self: &Arc<Self>, app: &AppName, clear: Clear) -> Result<(), Refused> {
        let has_domains = clear.domains.is_some();
        if !has_domains && self.switch.route(app)?.entry().open_tcp().is_empty() {
            return self.switch.clear(app, clear).await;
        }
        let _one_at_a_time = self.ports.lock().await;
        let route = self.switch.route(app)?;
        self.switch.clear(app, clear).await?;
        self.settle_ports(&route, Vec::new()).await;
        if has_domains {
            self.domains_changed().await;
        }
        Ok(())
    }

    /// Forgets an app and closes its ports.
    pub(crate) async fn delete(self: &Arc<Self>, app: &AppName) -> Result<(), Refused> {
        let _one_at_a_time = self.ports.lock().await;
        self.switch.delete(app).await?;
        for owner in self.listeners.owned_by(app) {
            self.listeners.close(&owner).await;
        }
        self.domains_changed().await;
        Ok(())
    }

    /// Does what follows from other domains or certificates.
    async fn domains_changed(self: &Arc<Self>) {
        self.settle_domain_ports().await;
        self.changed.notify_one();
    }

    /// Reads the certificates on disk again.
    pub(crate) async fn reload_certificates(self: &Arc<Self>) -> Result<CertificatesStatus, Refused> {
        let _one_at_a_time = self.ports.lock().await;
        let certificates = Arc::clone(&self.certificates);
        let read = tokio::task::spawn_blocking(move || certificates.reload()).await;
        read.map_err(|error| Refused::Certificates {
            reason: error.to_string(),
        })?;
        self.domains_changed().await;
        Ok(self.certificates.status())
    }

    /// Shows a certificate authority that asks for a name by TLS-ALPN-01 this certificate.
    pub(crate) async fn put_challenge(
        self: &Arc<Self>,
        name: &DomainName,
        put: &PutChallenge,
    ) -> Result<(), Refused> {
        let shown = Certificate::parse_both(put.pem.as_bytes()).map_err(|error| Refused::Request {
            reason: causes(&error),
        })?;
        self.show_challenge(name, shown).await;
        Ok(())
    }

    /// Shows it this one, which is parsed already.
    pub(crate) async fn show_challenge(self: &Arc<Self>, name: &DomainName, shown: Certificate) {
        let _one_at_a_time = self.ports.lock().await;
        self.certificates.table.put_challenge(name, shown);
        self.settle_domain_ports().await;
    }

    /// Shows none for a name any more.
    pub(crate) async fn remove_challenge(self: &Arc<Self>, name: &DomainName) {
        let _one_at_a_time = self.ports.lock().await;
        self.certificates.table.remove_challenge(name);
        self.settle_domain_ports().await;
    }
}
