//! Where a container can be reached, as far as is known. Its connections ask this, too: an address that the container has
//! left may be another one's by now.

use std::net::SocketAddr;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::control::api;
use crate::support::lock::{read, write};

/// A container's endpoint.
#[derive(Debug)]
pub(crate) struct Endpoint {
    facts: RwLock<api::Target>,
    /// The container does not run.
    down: AtomicBool,
}

impl Endpoint {
    pub(crate) fn new(facts: api::Target) -> Self {
        Self {
            facts: RwLock::new(facts),
            down: AtomicBool::new(false),
        }
    }

    /// Returns what the switch was told of the container.
    pub(crate) fn facts(&self) -> api::Target {
        read(&self.facts).clone()
    }

    /// Replaces what the switch was told of the container.
    pub(crate) fn update(&self, facts: api::Target) {
        *write(&self.facts) = facts;
    }

    pub(crate) fn is_down(&self) -> bool {
        self.down.load(Ordering::Acquire)
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Release);
    }

    /// Returns the app's port behind a TCP port of the server, if that leads to it.
    pub(crate) fn tcp_port(&self, host: u16) -> Option<u16> {
        read(&self.facts).tcp_port(host)
    }

    /// Returns where requests can be sent now; nothing while the container is down.
    pub(crate) fn reachable(&self) -> Option<SocketAddr> {
        let address = read(&self.facts).address;
        (!self.is_down()).then_some(address)
    }
}
