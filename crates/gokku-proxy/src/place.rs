//! Where a container is, as far as is known. Its connections look here too: an address that it has left may be
//! another container's by now.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::api;

/// A container's place.
#[derive(Debug)]
pub(crate) struct Place {
    facts: RwLock<api::Target>,
    /// It does not run.
    down: AtomicBool,
}

impl Place {
    pub(crate) fn new(facts: api::Target) -> Self {
        Self {
            facts: RwLock::new(facts),
            down: AtomicBool::new(false),
        }
    }

    /// What was told of the container.
    pub(crate) fn facts(&self) -> api::Target {
        self.facts.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes these facts for the former ones.
    pub(crate) fn correct(&self, facts: api::Target) {
        *self.facts.write().unwrap_or_else(PoisonError::into_inner) = facts;
    }

    pub(crate) fn is_down(&self) -> bool {
        self.down.load(Ordering::Acquire)
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Release);
    }

    /// Where requests can be sent now; nowhere while the container is down.
    pub(crate) fn reachable(&self) -> Option<SocketAddr> {
        let address = self.facts.read().unwrap_or_else(PoisonError::into_inner).address;
        (!self.is_down()).then_some(address)
    }
}
