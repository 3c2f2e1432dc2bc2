//! Upgraded connections, mostly WebSockets: copies bytes both ways until one side ends or the drain cuts them.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;

use crate::client::serve_context::RequestContext;
use crate::route::target::Lease;

/// Copies between client and app in a task of its own, which holds the lease.
pub(crate) fn connect(
    client: OnUpgrade,
    app: OnUpgrade,
    lease: Lease,
    context: RequestContext,
    cutting: CancellationToken,
) {
    let lease = lease.upgrade();
    let connections = context.serve.connections.clone();
    connections.spawn(async move {
        // However quiet it is, it is not an idle connection, and it still counts as one of the clients'.
        let _context = context;
        let (Ok(client), Ok(app)) = tokio::join!(client, app) else {
            return;
        };
        let (mut client, mut app) = (TokioIo::new(client), TokioIo::new(app));
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut client, &mut app) => {}
            () = lease.target().cut.cancelled() => {}
            () = cutting.cancelled() => {}
        }
    });
}
