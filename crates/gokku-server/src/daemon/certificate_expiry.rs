//! Tells in time that a certificate which the server's owner has added is about to end.

use std::time::Duration;

use gokku_core::logs::audit::Change;
use gokku_proxy::support::clock::now;
use tokio::time::{MissedTickBehavior, interval};

use crate::app::certificates;
use crate::record::audit_log;
use crate::server::Server;

/// How often it is looked: the shortest time before an end is a day.
const LOOK: Duration = Duration::from_secs(60 * 60);

/// Looks again and again, for ever.
pub(crate) async fn watch(server: &Server) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let server = server.clone();
        // A failed look is followed by another one.
        let _ = tokio::task::spawn_blocking(move || look(&server)).await;
    }
}

fn look(server: &Server) {
    let ending = match certificates::take_ending(&server.root, now()) {
        Ok(ending) => ending,
        Err(error) => {
            tracing::warn!("it is not known which certificates are about to end: {error}");
            return;
        }
    };
    for certificate in ending {
        let change = Change::CertificateExpires {
            names: certificate.names().iter().map(ToString::to_string).collect(),
            until: certificate.not_after().to_string(),
        };
        tracing::warn!("{change}");
        audit_log::note(&server.root, audit_log::DAEMON, None, change);
    }
}
