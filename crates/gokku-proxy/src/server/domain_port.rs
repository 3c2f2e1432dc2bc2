//! The port on which the domains of all apps are served: open for as long as there are any.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gokku_core::machine::backoff::Backoff;
use tokio::time::sleep;

use crate::control::api::{DomainPortStatus, Refused};
use crate::http::error_reason::ErrorLog;
use crate::route::entry_point::EntryPoint;
use crate::server::listen::PortOwner;
use crate::server::state::State;
use crate::support::lock::lock;
use crate::support::task::restart_on_panic;

/// The longest pause between two attempts to open the port.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The port of the domains.
#[derive(Debug)]
pub(crate) struct DomainPort {
    number: u16,
    errors: Arc<ErrorLog>,
    trouble: Mutex<Option<String>>,
}

impl DomainPort {
    /// Creates the port of this number; it is not open yet.
    pub(crate) fn new(number: u16) -> Self {
        Self {
            number,
            errors: Arc::default(),
            trouble: Mutex::default(),
        }
    }

    /// Returns the port's status.
    pub(crate) fn status(&self) -> DomainPortStatus {
        DomainPortStatus {
            http: self.number,
            trouble: lock(&self.trouble).clone(),
        }
    }
}

impl State {
    /// Opens the port of the domains if there are any, else closes it. One that cannot be opened is reported in the status and
    /// tried again. To be called with the lock of the ports.
    pub(crate) async fn settle_domain_port(self: &Arc<Self>) {
        let port = &self.domain_port;
        if self.switch.domains().is_empty() {
            *lock(&port.trouble) = None;
            self.listeners.close(&PortOwner::Domains).await;
            return;
        }
        if self.listeners.has(&PortOwner::Domains, port.number) || lock(&port.trouble).is_some() {
            return;
        }
        if !self.open_domain_port().await {
            let state = Arc::clone(self);
            tokio::spawn(async move {
                restart_on_panic("the port of the domains", || state.open_domain_port_later()).await;
            });
        }
    }

    /// Opens the port of the domains, or notes why that cannot be done.
    async fn open_domain_port(&self) -> bool {
        let port = &self.domain_port;
        match self.listeners.open(port.number) {
            Ok(opened) => {
                let entry = EntryPoint::Domains {
                    table: Arc::clone(self.switch.domains()),
                    errors: Arc::clone(&port.errors),
                };
                self.listeners.serve(entry, opened).await;
                *lock(&port.trouble) = None;
                true
            }
            Err(refused) => {
                let trouble = match &refused {
                    Refused::PortTaken { port, holder, .. } => format!(
                        "port {port} is taken by {holder}: end that, or give the domains another port ([proxy] http in config.toml)"
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

    /// Tries to open the port of the domains until that succeeds or none is left.
    async fn open_domain_port_later(&self) {
        let mut pause = Backoff::up_to(LONGEST_PAUSE);
        loop {
            sleep(pause.take()).await;
            let _one_at_a_time = self.ports.lock().await;
            if lock(&self.domain_port.trouble).is_none() || self.open_domain_port().await {
                return;
            }
        }
    }
}
