//! The ports on which the domains of all apps are served: that of http is open for as long as there are any, that of https for
//! as long as one of them has a certificate, or a certificate authority is to be shown a challenge.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gokku_core::domains::scheme::Scheme;
use gokku_core::machine::backoff::Backoff;
use tokio::time::sleep;

use crate::client::transport::Transport;
use crate::control::api::Refused;
use crate::http::error_reason::ErrorLog;
use crate::route::entry_point::EntryPoint;
use crate::server::port_service::{PortOwner, PortService};
use crate::server::state::State;
use crate::support::lock::lock;
use crate::support::task::restart_on_panic;

/// The longest pause between two attempts to open a port.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A port of the domains.
#[derive(Debug)]
pub(crate) struct DomainPort {
    number: u16,
    public: Option<u16>,
    errors: Arc<ErrorLog>,
    trouble: Mutex<Option<String>>,
}

impl DomainPort {
    /// Creates the port of this number, to which clients come by another one if it is given; it is not open yet.
    pub(crate) fn new(number: u16, public: Option<u16>) -> Self {
        Self {
            number,
            public: public.filter(|public| *public != number),
            errors: Arc::default(),
            trouble: Mutex::default(),
        }
    }

    /// Returns its number.
    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// Returns the one that clients ask, if it is another.
    pub(crate) fn public(&self) -> Option<u16> {
        self.public
    }

    /// Returns why it is not open, if it is to be and is not.
    pub(crate) fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }
}

impl State {
    fn domain_port(&self, scheme: Scheme) -> &DomainPort {
        match scheme {
            Scheme::Http => &self.http_port,
            Scheme::Https => &self.https_port,
        }
    }

    /// Returns whether a port of the domains is to be open.
    pub(crate) fn is_port_wanted(&self, scheme: Scheme) -> bool {
        let (domains, certificates) = (self.switch.domains(), &self.certificates.table);
        match scheme {
            Scheme::Http => !domains.is_empty(),
            Scheme::Https => {
                let usable = || domains.any(|name| certificates.can_serve(name));
                certificates.has_challenges() || (!certificates.is_empty() && usable())
            }
        }
    }

    /// Opens the ports of the domains that are to be open, and closes the others. One that cannot be opened is reported in the
    /// status and tried again. To be called with the lock of the ports.
    pub(crate) async fn settle_domain_ports(self: &Arc<Self>) {
        for scheme in [Scheme::Https, Scheme::Http] {
            self.settle_domain_port(scheme).await;
        }
    }

    async fn settle_domain_port(self: &Arc<Self>, scheme: Scheme) {
        let (port, owner) = (self.domain_port(scheme), PortOwner::Domains(scheme));
        if !self.is_port_wanted(scheme) {
            *lock(&port.trouble) = None;
            if scheme == Scheme::Https {
                self.redirect.set_open(false);
            }
            self.listeners.close(&owner).await;
            return;
        }
        if self.listeners.has(&owner, port.number) || lock(&port.trouble).is_some() {
            return;
        }
        if !self.open_domain_port(scheme).await {
            let state = Arc::clone(self);
            tokio::spawn(async move {
                restart_on_panic("a port of the domains", || state.open_domain_port_later(scheme)).await;
            });
        }
    }

    /// Opens a port of the domains, or notes why that cannot be done.
    async fn open_domain_port(&self, scheme: Scheme) -> bool {
        let port = self.domain_port(scheme);
        match self.listeners.open(port.number) {
            Ok(opened) => {
                let entry = EntryPoint::Domains {
                    table: Arc::clone(self.switch.domains()),
                    errors: Arc::clone(&port.errors),
                    redirect: Arc::clone(&self.redirect),
                    acme: Arc::clone(&self.acme),
                };
                let transport = match scheme {
                    Scheme::Http => Transport::Plain,
                    Scheme::Https => Transport::Tls(self.acceptor.clone()),
                };
                self.listeners
                    .serve(PortService::Http(entry, transport), opened)
                    .await;
                if scheme == Scheme::Https {
                    self.redirect.set_open(true);
                }
                *lock(&port.trouble) = None;
                true
            }
            Err(refused) => {
                let trouble = match &refused {
                    Refused::PortTaken { port, holder, .. } => format!(
                        "port {port} is taken by {holder}: end that, or give the domains another port ([proxy] {scheme} in config.toml)"
                    ),
                    other => other.to_string(),
                };
                let before = lock(&port.trouble).replace(trouble.clone());
                if before.as_ref() != Some(&trouble) {
                    tracing::error!("{trouble}");
                }
                false
            }
        }
    }

    /// Tries to open a port of the domains until that succeeds or it is not wanted any more.
    async fn open_domain_port_later(&self, scheme: Scheme) {
        let mut pause = Backoff::up_to(LONGEST_PAUSE);
        loop {
            sleep(pause.take()).await;
            let _one_at_a_time = self.ports.lock().await;
            if lock(&self.domain_port(scheme).trouble).is_none() || self.open_domain_port(scheme).await {
                return;
            }
        }
    }
}
