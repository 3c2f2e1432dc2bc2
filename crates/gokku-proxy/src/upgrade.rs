//! Upgraded connections, WebSockets mostly: bytes both ways until one side ends, or the drain cuts them.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;

use crate::forward::Visit;
use crate::target::Lease;

/// Copies between client and app in a task of its own, which holds the lease.
pub(crate) fn connect(
    client: OnUpgrade,
    app: OnUpgrade,
    lease: Lease,
    visit: Visit,
    stopping: CancellationToken,
) {
    let lease = lease.upgrade();
    let connections = visit.terms.connections.clone();
    connections.spawn(async move {
        // It is no idle connection, however quiet, and still one of the crowd.
        let _visit = visit;
        let (Ok(client), Ok(app)) = tokio::join!(client, app) else {
            return;
        };
        let (mut client, mut app) = (TokioIo::new(client), TokioIo::new(app));
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut client, &mut app) => {}
            () = lease.target().cut.cancelled() => {}
            () = stopping.cancelled() => {}
        }
    });
}
