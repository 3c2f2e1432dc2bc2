//! Answers a connection for which there is no room, without waiting for its client. One with TLS gets no answer: a handshake
//! is what there is no room for.

use gokku_core::domains::scheme::Scheme;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::net::TcpStream;

use crate::http::error_reason::{ErrorLog, ErrorReason};

/// How many reads are made of what the client has sent, and of how many bytes each.
const READS: (usize, usize) = (16, 4096);

/// Sends the reason, as much as the kernel takes at once, for a connection that is about to be closed.
pub(crate) fn turn_away(errors: &ErrorLog, scheme: Scheme, stream: &TcpStream) {
    errors.log(ErrorReason::Crowded, None);
    if scheme == Scheme::Https {
        return;
    }
    let _ = send(
        stream,
        &ErrorReason::Crowded.to_http(),
        SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
    );
    // Were the request not read, the kernel would throw the reason away when the connection is closed.
    let (reads, length) = READS;
    let mut bytes = vec![0; length];
    for _ in 0..reads {
        if !recv(stream, &mut bytes[..], RecvFlags::DONTWAIT).is_ok_and(|(_, length)| length > 0) {
            break;
        }
    }
}
