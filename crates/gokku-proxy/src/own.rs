//! The switch's own answers: why there is one, how its client is told, and how the log. `x-gokku-error` tells them from an
//! app's. What is told is what was seen: that an app did not answer is said only where nothing of an answer came.

use std::error::Error;
use std::fmt::Display;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, SERVER};
use hyper::{Response, StatusCode};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::heads::Fault;
use crate::switch::{Nowhere, Route};

const ERROR: HeaderName = HeaderName::from_static("x-gokku-error");
const TEXT: &str = "text/plain; charset=utf-8";
/// After how many seconds it is worth trying again.
const LATER: &str = "5";
/// The most that is read of who is turned away, in pieces of so many bytes.
const TURNED_AWAY: (usize, usize) = (16, 4096);

/// Why the switch answers itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The client wants to get elsewhere.
    NoProxy,
    /// The request could be understood in another way by others, or in none.
    BadRequest(&'static str),
    /// It is no HTTP.
    NoHttp,
    /// Its address is too long.
    LongTarget,
    /// Its head is.
    LargeHead,
    /// It has too many headers.
    ManyHeaders,
    /// Its body is to be longer than any program counts.
    LongBody,
    /// Its head took too long.
    SlowHead,
    /// Its body is not what its head said.
    BadBody,
    /// It ended before it was whole.
    BrokenBody,
    /// It took too long.
    SlowBody,
    /// There is nothing to send it to.
    Nowhere(Nowhere),
    /// There are too many clients.
    Crowded,
    /// The switch has no descriptor, port or memory left for a connection.
    NoMeans,
    /// The app's container does not run.
    NotRunning,
    /// It runs, and nothing listens on its port.
    Refused,
    /// There is no connection to it, for another reason.
    Unreachable,
    /// The connection ended before anything of an answer came.
    NoAnswer,
    /// It ended in the midst of the answer's head.
    BrokenAnswer,
    /// What came is no answer.
    BadAnswer,
    /// An answer's head that is too large, or has too many headers.
    LargeAnswer,
    /// Its body is coded in a way that was not asked for.
    CodedAnswer,
    /// Its body has several lengths.
    AnswerLengths,
    /// It changes the protocol, which nobody has asked for.
    OtherProtocol,
    /// It did not begin in time.
    SlowAnswer,
    /// The app did not take the request in time.
    TakesNothing,
}

/// Whose doing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Client,
    /// The app's, or of what it runs on.
    Server,
}

/// How a client is told.
struct Facts {
    status: StatusCode,
    error: &'static str,
    words: &'static str,
}

impl Why {
    fn facts(self) -> Facts {
        let (status, error, words) = match self {
            Self::NoProxy => (405, "bad-request", "this is no proxy to other places"),
            Self::BadRequest(words) => (400, "bad-request", words),
            Self::NoHttp => (400, "bad-request", "the request is not valid HTTP"),
            Self::LongBody => (
                400,
                "bad-request",
                "the request's length is beyond what programs count (9223372036854775807)",
            ),
            Self::LongTarget => (414, "too-large", "the request's address is too long"),
            Self::LargeHead => (
                431,
                "too-large",
                "the request's headers are too large (max_head_bytes)",
            ),
            Self::ManyHeaders => (431, "too-large", "the request has too many headers (max_headers)"),
            Self::SlowHead => (408, "slow-client", "the request took too long to come"),
            Self::BadBody => (400, "bad-request", "the request's body is not valid"),
            Self::BrokenBody => (400, "bad-request", "the request's body broke off"),
            Self::SlowBody => (408, "slow-client", "the rest of the request did not come"),
            Self::Nowhere(Nowhere::NoTarget) => (503, "no-target", "no release of this app is running"),
            Self::Nowhere(Nowhere::NoWeb) => (503, "no-web", "this app has no web process"),
            Self::Nowhere(Nowhere::HeldTooLong) => (
                503,
                "held-too-long",
                "the app is being replaced and took too long",
            ),
            Self::Crowded => (503, "too-many-connections", "there are too many connections"),
            Self::NoMeans => (503, "no-means", "the traffic switch can open no more connections"),
            Self::NotRunning => (502, "upstream", "the app does not run"),
            Self::Refused => (
                502,
                "upstream",
                "the app refuses connections: nothing listens on its port",
            ),
            Self::Unreachable => (502, "upstream", "the app could not be reached"),
            Self::NoAnswer => (502, "upstream", "the app did not answer this request"),
            Self::BrokenAnswer => (502, "upstream", "the app's answer broke off in its head"),
            Self::BadAnswer => (502, "upstream", "the app's answer is not valid HTTP"),
            Self::LargeAnswer => (
                502,
                "upstream",
                "the app's answer has more or larger headers than the switch takes (max_answer_headers, max_answer_head_bytes)",
            ),
            Self::CodedAnswer => (
                502,
                "upstream",
                "the app's answer is in a form that cannot be passed on",
            ),
            Self::AnswerLengths => (502, "upstream", "the app's answer has several lengths"),
            Self::OtherProtocol => (
                502,
                "upstream",
                "the app changed the protocol without being asked",
            ),
            Self::SlowAnswer => (
                504,
                "upstream-timeout",
                "the app took too long to answer this request",
            ),
            Self::TakesNothing => (
                504,
                "upstream-timeout",
                "the app took too long to take this request",
            ),
        };
        Facts {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            error,
            words,
        }
    }

    /// Whether its client may come back in a moment.
    fn passes(self) -> bool {
        matches!(self, Self::Nowhere(_) | Self::Crowded | Self::NoMeans)
    }

    /// Whether what comes next on the client's connection is not read.
    fn is_last(self) -> bool {
        self.whose() == Whose::Client || matches!(self, Self::Crowded | Self::SlowAnswer | Self::TakesNothing)
    }

    fn whose(self) -> Whose {
        match self {
            Self::NoProxy
            | Self::BadRequest(_)
            | Self::LongBody
            | Self::NoHttp
            | Self::LongTarget
            | Self::LargeHead
            | Self::ManyHeaders
            | Self::SlowHead
            | Self::BadBody
            | Self::BrokenBody
            | Self::SlowBody => Whose::Client,
            _ => Whose::Server,
        }
    }
}

/// An answer of the switch itself.
pub(crate) fn answer(route: &Route, why: Why) -> Response<Answer> {
    log(route, why, None);
    response(why)
}

/// A request's head was not passed on.
pub(crate) fn fault(route: &Route, fault: Fault) -> Response<Answer> {
    answer(
        route,
        match fault {
            Fault::Line => Why::BadRequest(
                "the request's first line is not `METHOD TARGET HTTP/1.1`; a space in TARGET is written %20",
            ),
            Fault::LongTarget => Why::LongTarget,
            Fault::Bytes => Why::LargeHead,
            Fault::Headers => Why::ManyHeaders,
        },
    )
}

/// The same, after an error.
pub(crate) fn answer_to(route: &Route, why: Why, error: &dyn Error) -> Response<Answer> {
    log(route, why, Some(&causes(error)));
    response(why)
}

fn response(why: Why) -> Response<Answer> {
    let facts = why.facts();
    let mut response = Response::new(Answer::own(Full::new(Bytes::from(format!("{}\n", facts.words)))));
    *response.status_mut() = facts.status;
    let headers = response.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static("gokku"));
    headers.insert(ERROR, HeaderValue::from_static(facts.error));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
    if why.passes() {
        headers.insert(RETRY_AFTER, HeaderValue::from_static(LATER));
    }
    if why.is_last() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The answer as it is sent where no HTTP library writes for us: the last one on its connection.
pub(crate) fn text(route: &Route, why: Why) -> Vec<u8> {
    log(route, why, None);
    let Facts { status, error, words } = why.facts();
    let later = if why.passes() {
        format!("retry-after: {LATER}\r\n")
    } else {
        String::new()
    };
    format!(
        "HTTP/1.1 {status}\r\nserver: gokku\r\nx-gokku-error: {error}\r\n{later}connection: close\r\n\
         content-type: {TEXT}\r\ncontent-length: {}\r\n\r\n{words}\n",
        words.len() + 1
    )
    .into_bytes()
}

/// Closes a connection that is not let in; what the kernel does not take at once of the reason is not waited for.
pub(crate) fn turn_away(route: &Route, stream: &TcpStream) {
    let _ = send(
        stream,
        &text(route, Why::Crowded),
        SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
    );
    // Were it not read, the kernel would throw the reason away.
    let (pieces, length) = TURNED_AWAY;
    let mut bytes = vec![0; length];
    for _ in 0..pieces {
        if !recv(stream, &mut bytes[..], RecvFlags::DONTWAIT).is_ok_and(|(_, length)| length > 0) {
            break;
        }
    }
}

/// What the HTTP library answers by itself to a head that it does not take: it says nothing but a status, and closes.
pub(crate) fn of_the_library(bytes: &[u8]) -> Option<Why> {
    let (status, rest) = bytes.strip_prefix(b"HTTP/1.1 ")?.split_at_checked(3)?;
    let why = match status {
        b"400" => Why::NoHttp,
        b"414" => Why::LongTarget,
        // It is given none of the heads that are too large.
        b"431" => Why::LongBody,
        _ => return None,
    };
    let rest = str::from_utf8(rest).ok()?.to_ascii_lowercase();
    let (_, headers) = rest.split_once("\r\n")?;
    // An app's answer has its length first.
    let after = headers.strip_prefix("connection: close\r\ncontent-length: 0\r\n")?;
    let date = after.strip_suffix("\r\n")?;
    let only = date.is_empty() || (date.starts_with("date: ") && date.find("\r\n") == Some(date.len() - 2));
    only.then_some(why)
}

/// Tells the log, of each kind once a second.
fn log(route: &Route, why: Why, cause: Option<&str>) {
    let Facts { status, error, words } = why.facts();
    let Some(unsaid) = route.told().turn(words, Instant::now()) else {
        return;
    };
    let status = status.as_u16();
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    let more = if unsaid > 0 {
        format!(" ({unsaid} more since this was last said)")
    } else {
        String::new()
    };
    let app: &dyn Display = route.app();
    match why.whose() {
        Whose::Client => tracing::info!(%app, status, error, "{words}{cause}{more}"),
        Whose::Server => tracing::warn!(%app, status, error, "{words}{cause}{more}"),
    }
}

/// An error with all that is behind it.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Why; 28] = [
        Why::NoProxy,
        Why::BadRequest("the request has no host"),
        Why::NoHttp,
        Why::LongBody,
        Why::LongTarget,
        Why::LargeHead,
        Why::ManyHeaders,
        Why::SlowHead,
        Why::BadBody,
        Why::BrokenBody,
        Why::SlowBody,
        Why::Nowhere(Nowhere::NoTarget),
        Why::Nowhere(Nowhere::NoWeb),
        Why::Nowhere(Nowhere::HeldTooLong),
        Why::Crowded,
        Why::NoMeans,
        Why::NotRunning,
        Why::Refused,
        Why::Unreachable,
        Why::NoAnswer,
        Why::BrokenAnswer,
        Why::BadAnswer,
        Why::LargeAnswer,
        Why::CodedAnswer,
        Why::AnswerLengths,
        Why::OtherProtocol,
        Why::SlowAnswer,
        Why::TakesNothing,
    ];

    /// Every own answer is in the documents, with the status and the header that it has.
    #[test]
    fn the_documents_have_every_own_answer() {
        let reference = include_str!("../../../docs/control-api.md");
        let trouble = include_str!("../../../docs/troubleshooting.md");
        for why in ALL {
            let Facts { status, error, words } = why.facts();
            let row = format!("| {} | `{error}` |", status.as_u16());
            assert!(reference.contains(&row), "docs/control-api.md has no {row}");
            let in_row = |line: &str| line.starts_with(&row) && line.contains(&format!("`{words}`"));
            assert!(
                matches!(why, Why::BadRequest(_)) || trouble.lines().any(in_row),
                "docs/troubleshooting.md has no {row} with {words:?}"
            );
        }
    }

    #[test]
    fn no_two_reasons_have_the_same_words() {
        let mut words: Vec<&str> = ALL.iter().map(|why| why.facts().words).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), ALL.len());
    }

    /// What the library says by itself is known from what apps say.
    #[test]
    fn what_the_library_says() {
        let date = "date: Tue, 24 Nov 2026 16:14:38 GMT\r\n";
        let head = |status: &str, headers: &str| format!("HTTP/1.1 {status}\r\n{headers}\r\n");
        let own = "connection: close\r\ncontent-length: 0\r\n";
        for (text, why) in [
            (
                head("400 Bad Request", &format!("{own}{date}")),
                Some(Why::NoHttp),
            ),
            (head("400 Bad Request", own), Some(Why::NoHttp)),
            (
                head("414 URI Too Long", &format!("{own}{date}")),
                Some(Why::LongTarget),
            ),
            (
                head("431 Request Header Fields Too Large", &format!("{own}{date}")),
                Some(Why::LongBody),
            ),
            (head("404 Not Found", &format!("{own}{date}")), None),
            (head("400 Bad Request", &format!("{own}x-app: 1\r\n{date}")), None),
            (head("400 Bad Request", &format!("{own}{date}x-app: 1\r\n")), None),
            (
                head("400 Bad Request", "content-length: 0\r\nconnection: close\r\n"),
                None,
            ),
            (head("400 Bad Request", date), None),
            (head("400 Bad Request", &format!("{own}{date}")) + "more", None),
            ("HTTP/1.1 4".to_owned(), None),
        ] {
            assert_eq!(of_the_library(text.as_bytes()), why, "{text:?}");
        }
    }
}
