//! The switch's own answers, which `x-gokku-error` tells from an app's.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, SERVER};
use hyper::{Response, StatusCode};
use tokio::net::TcpStream;

use crate::answer::Answer;
use crate::heads::Fault;
use crate::switch::Nowhere;

const ERROR: HeaderName = HeaderName::from_static("x-gokku-error");

/// What a client is told whose request's head takes too long: at that time no HTTP library writes for us.
pub(crate) const SLOW_HEAD: &str = concat!(
    "HTTP/1.1 408 Request Timeout\r\nServer: gokku\r\nX-Gokku-Error: slow-client\r\nConnection: close\r\n",
    "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 33\r\n\r\nthe request took too long to come"
);

/// What a client is told that is not let in.
const CROWDED: &str = concat!(
    "HTTP/1.1 503 Service Unavailable\r\nServer: gokku\r\nX-Gokku-Error: too-many-connections\r\nRetry-After: 5\r\n",
    "Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 30\r\n\r\n",
    "there are too many connections"
);

/// An answer of the switch itself.
pub(crate) fn answer(status: StatusCode, error: &'static str, words: &'static str) -> Response<Answer> {
    let mut response = Response::new(Answer::own(Full::new(Bytes::from(format!("{words}\n")))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static("gokku"));
    headers.insert(ERROR, HeaderValue::from_static(error));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// A request that was not understood, or that might be understood in another way by others: what comes next on its
/// connection is not read.
pub(crate) fn bad_request(words: &'static str) -> Response<Answer> {
    last(StatusCode::BAD_REQUEST, "bad-request", words)
}

/// An answer after which the connection is closed.
pub(crate) fn last(status: StatusCode, error: &'static str, words: &'static str) -> Response<Answer> {
    let mut response = answer(status, error, words);
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A request's head was not passed on.
pub(crate) fn fault(fault: Fault) -> Response<Answer> {
    let (status, words) = match fault {
        Fault::Line => {
            return bad_request(
                "the request's first line is not `METHOD TARGET HTTP/1.1`; a space in TARGET is written %20",
            );
        }
        Fault::LongTarget => (StatusCode::URI_TOO_LONG, "the request's address is too long"),
        Fault::Bytes => (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "the request's headers are too large (max_head_bytes)",
        ),
        Fault::Headers => (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "the request has too many headers (max_headers)",
        ),
    };
    last(status, "too-large", words)
}

/// The app did something wrong.
pub(crate) fn bad_gateway(words: &'static str) -> Response<Answer> {
    answer(StatusCode::BAD_GATEWAY, "upstream", words)
}

/// There is nowhere to send a request to.
pub(crate) fn nowhere(why: Nowhere) -> Response<Answer> {
    let (error, words) = match why {
        Nowhere::NoTarget => ("no-target", "no release of this app is running"),
        Nowhere::NoWeb => ("no-web", "this app has no web process"),
        Nowhere::HeldTooLong => ("held-too-long", "the app is being replaced and took too long"),
    };
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, error, words);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// Closes a connection that is not let in; what the kernel does not take at once of the reason is not waited for.
pub(crate) fn turn_away(stream: &TcpStream) {
    let _ = stream.try_write(CROWDED.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lengths_are_right() {
        for text in [SLOW_HEAD, CROWDED] {
            let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
            assert!(
                head.ends_with(&format!("Content-Length: {}", body.len())),
                "{text}"
            );
        }
    }
}
