//! The tickets by which a client that comes back is known. Their keys are made when the first is needed: the first random number of
//! the cryptography takes some 50 ms, which a switch that starts must not wait for.

use std::sync::{Arc, LazyLock};

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

/// Makes tickets. Where no keys can be had there are none, and each connection begins with a whole handshake.
#[derive(Debug)]
pub(crate) struct Tickets(LazyLock<Option<Arc<dyn ProducesTickets>>>);

impl Tickets {
    /// Begins; the keys change every six hours, and a ticket counts for twelve at most.
    pub(crate) fn new() -> Self {
        Self(LazyLock::new(|| Ticketer::new().ok()))
    }

    /// Makes the keys now.
    pub(crate) fn warm_up(&self) {
        LazyLock::force(&self.0);
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        self.0.as_ref().is_some_and(|made| made.enabled())
    }

    fn lifetime(&self) -> u32 {
        self.0.as_ref().map_or(0, |made| made.lifetime())
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.0.as_ref()?.encrypt(plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.0.as_ref()?.decrypt(cipher)
    }
}
