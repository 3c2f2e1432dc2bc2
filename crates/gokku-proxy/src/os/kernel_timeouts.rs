//! Has the kernel end connections whose other end takes nothing or has vanished: only the kernel knows whether a byte was
//! taken.

use std::time::Duration;

use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle, set_tcp_keepintvl, set_tcp_user_timeout};
use tokio::net::TcpStream;

/// Ends a connection when the other end takes nothing of what is sent for `send_timeout`, and asks after each `interval` of
/// silence whether it is still there, see `tcp(7)`. Without a `send_timeout` the kernel's own counts.
pub(crate) fn set_kernel_timeouts(
    stream: &TcpStream,
    send_timeout: Option<Duration>,
    interval: Duration,
) -> rustix::io::Result<()> {
    if let Some(limit) = send_timeout {
        set_tcp_user_timeout(stream, u32::try_from(limit.as_millis()).unwrap_or(u32::MAX))?;
    }
    set_tcp_keepidle(stream, interval)?;
    set_tcp_keepintvl(stream, interval)?;
    set_socket_keepalive(stream, true)
}
