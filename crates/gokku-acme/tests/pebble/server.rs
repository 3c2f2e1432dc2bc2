//! `pebble` as the client is told of it.

use gokku_acme::{Authority, Limits};
pub(crate) use gokku_tests::{Pebble, PebbleOptions as Options};

/// A `pebble` as an authority.
pub(crate) trait AsAuthority {
    /// It itself.
    fn authority(&self) -> Authority;

    /// It by another port: that of something in front of it.
    fn authority_at(&self, port: u16) -> Authority {
        Authority {
            directory: format!("https://localhost:{port}/dir"),
            ..self.authority()
        }
    }
}

impl AsAuthority for Pebble {
    fn authority(&self) -> Authority {
        Authority {
            directory: self.directory(),
            root: Some(self.root()),
            email: Some("admin@example.com".to_owned()),
            profile: None,
            external_account: None,
            dns_hook: None,
            limits: Limits::default(),
        }
    }
}
