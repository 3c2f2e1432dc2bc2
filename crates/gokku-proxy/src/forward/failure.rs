//! Why an app did not answer a request, by the HTTP library's error.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use gokku_core::text::causes::chain;
use rustix::io::Errno;

use crate::forward::retry::Failure;
use crate::http::error_reason::ErrorReason;
use crate::route::connector::ConnectError;
use crate::route::upstream_pool::SendError;
use crate::support::io_causes::{io_errors, io_kinds};

/// What the kernel returns when the switch, or the machine, has no descriptors, ports or memory left.
const NO_MEANS: [Errno; 5] = [
    Errno::MFILE,
    Errno::NFILE,
    Errno::NOBUFS,
    Errno::NOMEM,
    Errno::ADDRNOTAVAIL,
];

/// Returns what an error means for sending the request again, and what the client is told if it is not.
pub(crate) fn classify(error: &SendError) -> (Failure, ErrorReason) {
    let (error, received) = match error {
        SendError::NoConnection(ConnectError::Gone(_)) => {
            return (Failure::NoConnection, ErrorReason::NotRunning);
        }
        SendError::NoConnection(error) => return (Failure::NoConnection, no_connection(error)),
        // As good as none.
        SendError::Untouched(_) => return (Failure::NoConnection, ErrorReason::NoAnswer),
        SendError::Failed { source, received } => (source, received),
    };
    if io_kinds(error).any(|kind| kind == ErrorKind::TimedOut) {
        return (Failure::TimedOut, ErrorReason::TakesNothing);
    }
    let bad = chain(error)
        .filter_map(|cause| cause.downcast_ref::<hyper::Error>())
        .find(|error| error.is_parse());
    match bad {
        Some(error) if error.is_parse_too_large() => (Failure::Answered, ErrorReason::LargeAnswer),
        Some(_) => (Failure::Answered, ErrorReason::BadAnswer),
        None if received.anything() => (Failure::Answered, ErrorReason::BrokenAnswer),
        None => (
            Failure::Unanswered {
                reused: received.earlier_answer(),
            },
            ErrorReason::NoAnswer,
        ),
    }
}

/// Returns why there is no connection to an app.
pub(super) fn no_connection(error: &(dyn StdError + 'static)) -> ErrorReason {
    let refused = io_kinds(error).any(|kind| kind == ErrorKind::ConnectionRefused);
    let no_means = io_errors(error)
        .filter_map(io::Error::raw_os_error)
        .any(|code| NO_MEANS.iter().any(|errno| errno.raw_os_error() == code));
    match (refused, no_means) {
        (true, _) => ErrorReason::Refused,
        (_, true) => ErrorReason::NoMeans,
        _ => ErrorReason::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("tcp connect error")]
    struct Connecting(#[source] io::Error);

    #[test]
    fn why_there_is_no_connection() {
        for (errno, why) in [
            (Errno::CONNREFUSED, ErrorReason::Refused),
            (Errno::HOSTUNREACH, ErrorReason::Unreachable),
            (Errno::NETUNREACH, ErrorReason::Unreachable),
            (Errno::TIMEDOUT, ErrorReason::Unreachable),
            (Errno::CONNRESET, ErrorReason::Unreachable),
            (Errno::MFILE, ErrorReason::NoMeans),
            (Errno::NFILE, ErrorReason::NoMeans),
            (Errno::NOBUFS, ErrorReason::NoMeans),
            (Errno::NOMEM, ErrorReason::NoMeans),
            (Errno::ADDRNOTAVAIL, ErrorReason::NoMeans),
        ] {
            assert_eq!(no_connection(&Connecting(errno.into())), why, "{errno}");
        }
    }
}
