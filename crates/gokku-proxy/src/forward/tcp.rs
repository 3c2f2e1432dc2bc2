//! One connection of a TCP port: leases a target, connects to it, and passes on what either side sends, its end included. What one
//! side does not take is left in the kernel's buffers of the other, so that a connection that is silent has no memory here.

use std::io::{self, ErrorKind};
use std::sync::Mutex;
use std::time::Duration;

use gokku_core::text::causes::causes;
use rustix::net::Shutdown as Side;
use rustix::net::sockopt::set_socket_linger;
use tokio::net::TcpStream;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::client::proxy_header::{self, Endpoints};
use crate::forward::attempts::Attempts;
use crate::forward::failure;
use crate::http::error_reason::ErrorReason;
use crate::route::app_route::{Route, Unroutable};
use crate::route::connector::ConnectError;
use crate::route::target::Lease;
use crate::support::lock::lock;

/// How much is read at once.
const PIECE: usize = 16 * 1024;

/// A client's connection on a TCP port.
pub(crate) struct TcpClient<'a> {
    pub(crate) stream: TcpStream,
    pub(crate) endpoints: Endpoints,
    pub(crate) route: &'a Route,
    /// The server's port.
    pub(crate) port: u16,
}

/// Passes a connection on, to its end.
pub(crate) async fn forward(
    client: TcpClient<'_>,
    idle_timeout: Option<Duration>,
    cutting: &CancellationToken,
) {
    let (lease, app) = match connect(client.route, client.port, cutting).await {
        Ok(connected) => connected,
        Err(not) => {
            if let Some(reason) = not.reason {
                let cause = not.cause.as_ref().map(|error| causes(error));
                let errors = client.route.errors();
                errors.log_closed(client.port, reason, cause.as_deref());
            }
            return reset(client.stream);
        }
    };
    let header = lease.target().facts().proxy_protocol;
    let header = header.map(|version| proxy_header::header(version, Some(client.endpoints)));
    let passed = tokio::select! {
        passed = pass_both(&client.stream, &app, header.as_deref(), idle_timeout) => passed,
        () = lease.target().cut.cancelled() => Ok(()),
        () = cutting.cancelled() => Ok(()),
    };
    if passed.is_err() {
        // One side was reset, or takes nothing any more: the other is to know that this is no end of what was to be said.
        reset(client.stream);
        reset(app);
    }
}

/// Why there is no connection to the app.
#[derive(Default)]
struct NotConnected {
    /// None where the connection was cut meanwhile.
    reason: Option<ErrorReason>,
    cause: Option<ConnectError>,
}

impl From<ErrorReason> for NotConnected {
    fn from(reason: ErrorReason) -> Self {
        Self {
            reason: Some(reason),
            cause: None,
        }
    }
}

/// Connects to a target that has this port, and returns what counts the connection on it. Nothing of the client was sent yet, so
/// whoever refuses is tried again, or another one.
async fn connect(
    route: &Route,
    port: u16,
    cutting: &CancellationToken,
) -> Result<(Lease, TcpStream), NotConnected> {
    let turn = route.count_request();
    let mut attempts = Attempts::begin();
    loop {
        let since = Instant::now();
        // Each attempt picks a target anew, so that it goes where the route points now.
        let lease = route.lease_tcp(port, turn, attempts.refused_by()).await;
        let lease = lease.map_err(|none| match none {
            Unroutable::NoTarget => ErrorReason::NoTarget,
            Unroutable::HeldTooLong => ErrorReason::HeldTooLong,
        })?;
        attempts.was_held(since.elapsed());
        let target = lease.target();
        let Some(address) = target.reachable_tcp(port) else {
            drop(lease);
            if attempts.are_over() {
                return Err(ErrorReason::NotRunning.into());
            }
            attempts.wait().await;
            continue;
        };
        let connected = tokio::select! {
            connected = target.connect(address) => connected,
            () = target.cut.cancelled() => return Err(NotConnected::default()),
            () = cutting.cancelled() => return Err(NotConnected::default()),
        };
        let error = match connected {
            Ok(stream) => return Ok((lease, stream)),
            Err(error) => error,
        };
        let container = target.facts().container;
        drop(lease);
        if attempts.are_over() {
            return Err(NotConnected {
                reason: Some(failure::no_connection(&error)),
                cause: Some(error),
            });
        }
        attempts.refused(route, container).await;
    }
}

/// Passes on what either side sends, each to its end. An error is that of either side.
async fn pass_both(
    client: &TcpStream,
    app: &TcpStream,
    header: Option<&[u8]>,
    idle_timeout: Option<Duration>,
) -> io::Result<()> {
    let last = Mutex::new(Instant::now());
    let to_app = async {
        if let Some(header) = header {
            write_all(app, header).await?;
        }
        pass(client, app, &last).await
    };
    let passing = async { tokio::try_join!(to_app, pass(app, client, &last)).map(drop) };
    let Some(limit) = idle_timeout else {
        return passing.await;
    };
    tokio::select! {
        passed = passing => passed,
        () = silence(&last, limit) => Err(ErrorKind::TimedOut.into()),
    }
}

/// Waits until nothing was sent for so long.
async fn silence(last: &Mutex<Instant>, limit: Duration) {
    loop {
        let due = *lock(last) + limit;
        if Instant::now() >= due {
            return;
        }
        sleep_until(due).await;
    }
}

/// Passes on what one side sends, and its end.
async fn pass(from: &TcpStream, to: &TcpStream, last: &Mutex<Instant>) -> io::Result<()> {
    loop {
        from.readable().await?;
        // One side may always have more, and the other always take it.
        consume_budget().await;
        let mut piece = Vec::with_capacity(PIECE);
        match from.try_read_buf(&mut piece) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        *lock(last) = Instant::now();
        write_all(to, &piece).await?;
        *lock(last) = Instant::now();
    }
    match rustix::net::shutdown(to, Side::Write) {
        // It has gone altogether meanwhile.
        Err(rustix::io::Errno::NOTCONN) => Ok(()),
        done => Ok(done?),
    }
}

async fn write_all(to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Ends a connection in such a way that the other side sees that it broke off.
pub(crate) fn reset(stream: TcpStream) {
    // Without it, it is closed as if all had been said.
    let _ = set_socket_linger(&stream, Some(Duration::ZERO));
    drop(stream);
}
