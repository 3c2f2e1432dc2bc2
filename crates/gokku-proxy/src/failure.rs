//! What has become of a request that the app did not answer: the HTTP library's error, understood.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use hyper_util::client::legacy::Error;
use rustix::io::Errno;

use crate::again::Failure;
use crate::connector::Gone;
use crate::line::Heard;
use crate::own::Why;

/// What the kernel says when the switch, or the machine, has too much open.
const NO_MEANS: [Errno; 5] = [
    Errno::MFILE,
    Errno::NFILE,
    Errno::NOBUFS,
    Errno::NOMEM,
    Errno::ADDRNOTAVAIL,
];

/// What it means for sending the request again, and what its client is told if it is not.
pub(crate) fn of(error: &Error) -> (Failure, Why) {
    if error.is_connect() {
        return (Failure::NoConnection, no_connection(error));
    }
    if kinds(error).any(|kind| kind == ErrorKind::TimedOut) {
        return (Failure::TimedOut, Why::TakesNothing);
    }
    let heard = Heard::of(error);
    let bad = causes(error)
        .filter_map(|cause| cause.downcast_ref::<hyper::Error>())
        .find(|error| error.is_parse());
    match bad {
        Some(error) if error.is_parse_too_large() => (Failure::Answered, Why::LargeAnswer),
        Some(_) => (Failure::Answered, Why::BadAnswer),
        None if heard.anything() => (Failure::Answered, Why::BrokenAnswer),
        None => (Failure::Unanswered { kept: heard.before() }, Why::NoAnswer),
    }
}

fn no_connection(error: &(dyn StdError + 'static)) -> Why {
    if causes(error).any(<dyn StdError>::is::<Gone>) {
        return Why::NotRunning;
    }
    let refused = kinds(error).any(|kind| kind == ErrorKind::ConnectionRefused);
    let no_means = ios(error)
        .filter_map(io::Error::raw_os_error)
        .any(|code| NO_MEANS.iter().any(|errno| errno.raw_os_error() == code));
    match (refused, no_means) {
        (true, _) => Why::Refused,
        (_, true) => Why::NoMeans,
        _ => Why::Unreachable,
    }
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

fn ios<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a io::Error> {
    causes(error).filter_map(|cause| cause.downcast_ref())
}

/// What the kernel, or the library in its words, said.
pub(crate) fn kinds<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = ErrorKind> + use<'a> {
    ios(error).map(io::Error::kind)
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
            (Errno::CONNREFUSED, Why::Refused),
            (Errno::HOSTUNREACH, Why::Unreachable),
            (Errno::NETUNREACH, Why::Unreachable),
            (Errno::TIMEDOUT, Why::Unreachable),
            (Errno::CONNRESET, Why::Unreachable),
            (Errno::MFILE, Why::NoMeans),
            (Errno::NFILE, Why::NoMeans),
            (Errno::NOBUFS, Why::NoMeans),
            (Errno::NOMEM, Why::NoMeans),
            (Errno::ADDRNOTAVAIL, Why::NoMeans),
        ] {
            assert_eq!(no_connection(&Connecting(errno.into())), why, "{errno}");
        }
    }
}
