//! Routes and the host ports on which they are served, kept together: what the control API works on.

use std::sync::Arc;
use std::time::Duration;

use gokku_core::AppName;
use gokku_core::domains::domain::Domain;
use gokku_core::domains::name::DomainName;
use gokku_core::domains::scheme::Scheme;
use gokku_core::machine::backoff::Backoff;
use gokku_core::text::causes::causes;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::client::transport::Transport;
use crate::control::api::{
    CertificatesStatus, Clear, DomainPortStatus, HttpsPortStatus, PutChallenge, PutRoute, Refused,
    RouteStatus, Search, Status, SwitchTo,
};
use crate::route::acme_answers::AcmeAnswers;
use crate::route::entry_point::EntryPoint;
use crate::route::https_redirect::HttpsRedirect;
use crate::route::switch::Switch;
use crate::server::domain_port::DomainPort;
use crate::server::listen::{Listeners, PortOwner};
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
                trouble: self.http_port.trouble(),
            }),
            https_port: self.is_port_wanted(Scheme::Https).then(|| HttpsPortStatus {
                https: self.https_port.number(),
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
        let present = there.as_ref().map(|route| route.port());
        // A certain port, or where to look for one.
        let wanted = match put {
            PutRoute::Port(port) => Ok(port),
            PutRoute::From(from) => present.ok_or(Search {
                from,
                except: Vec::new(),
            }),
            PutRoute::Search(search) => present.ok_or(search),
        };
        if let (Some(route), Ok(port)) = (&there, &wanted)
            && self.listeners.has(&PortOwner::App(app.clone()), *port)
        {
            return Ok(self.switch.status(route));
        }
        let taken: Vec<(AppName, u16)> = self
            .switch
            .routes()
            .iter()
            .map(|route| (route.app().clone(), route.port()))
            .collect();
        let opened = match wanted {
            Ok(port) => {
                // A port belongs to its app even if it could not be opened.
                if let Some((other, _)) = taken.iter().find(|(other, taken)| *taken == port && other != app) {
                    return Err(Refused::port_of(other, port));
                }
                self.listeners.open(port)?
            }
            Err(Search { from, except }) => {
                let is_taken = |port: u16| {
                    let routed = taken.iter().any(|(_, taken)| *taken == port);
                    routed || except.iter().any(|range| range.has(port))
                };
                self.listeners.open_from(from, is_taken)?
            }
        };
        let route = self.switch.put(app, opened.port()).await?;
        route.set_trouble(None);
        self.listeners
            .serve(EntryPoint::App(Arc::clone(&route)), Transport::Plain, opened)
            .await;
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

    /// Gives a route new targets, and its release's domains with them.
    pub(crate) async fn switch_to(self: &Arc<Self>, app: &AppName, to: SwitchTo) -> Result<(), Refused> {
        if to.domains.is_none() {
            return self.switch.switch(app, to).await;
        }
        let _one_at_a_time = self.ports.lock().await;
        self.switch.switch(app, to).await?;
        self.domains_changed().await;
        Ok(())
    }

    /// Takes a route's targets away, and gives it the domains of the release that is the active one.
    pub(crate) async fn clear(self: &Arc<Self>, app: &AppName, clear: Clear) -> Result<(), Refused> {
        if clear.domains.is_none() {
            return self.switch.clear(app, clear).await;
        }
        let _one_at_a_time = self.ports.lock().await;
        self.switch.clear(app, clear).await?;
        self.domains_changed().await;
        Ok(())
    }

    /// Forgets an app and closes its port.
    pub(crate) async fn delete(self: &Arc<Self>, app: &AppName) -> Result<(), Refused> {
        let _one_at_a_time = self.ports.lock().await;
        self.switch.delete(app).await?;
        self.listeners.close(&PortOwner::App(app.clone())).await;
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

    /// Tries to open an app's port until that succeeds or the route has gone.
    pub(crate) async fn open_later(&self, app: &AppName) {
        let mut pause = Backoff::up_to(Duration::from_secs(5));
        while let Ok(route) = self.switch.route(app) {
            sleep(pause.take()).await;
            let port = route.port();
            if self.listeners.has(&PortOwner::App(app.clone()), port)
                || self.put(app, PutRoute::Port(port)).await.is_ok()
            {
                return;
            }
        }
    }
}
