//! Why the switch itself answers a request, instead of an app: what the client is told, and what is logged.
//!
//! `x-gokku-error` tells these answers from an app's. They say what was seen: that an app did not answer is said only when
//! nothing of an answer came. `forward::error_response` makes responses of them.

use std::fmt::Display;

use gokku_core::AppName;
use hyper::StatusCode;
use hyper::header::HeaderName;
use tokio::time::Instant;

use crate::http::head_scanner::HeadFault;
use crate::support::log_throttle::LogThrottle;

/// The header that only the switch's own answers have.
pub(crate) const ERROR_HEADER: HeaderName = HeaderName::from_static("x-gokku-error");
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const HTML: &str = "text/html; charset=utf-8";
/// After how many seconds it is worth trying again.
pub(crate) const RETRY_AFTER_SECONDS: &str = "5";

/// Why the switch itself answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorReason {
    /// The client takes the switch for a proxy to elsewhere.
    NoProxy,
    /// The request is not valid, or others could read it in another way.
    BadRequest(&'static str),
    /// The request is not HTTP.
    NoHttp,
    /// The request came without TLS to the port that is for TLS.
    NoTls,
    /// The request's target is too long.
    LongTarget,
    /// The request's head is too large.
    LargeHead,
    /// The request has too many headers.
    ManyHeaders,
    /// The request announces a longer body than programs can count.
    LongBody,
    /// The request's head took too long.
    SlowHead,
    /// The request's body is not what its head announced.
    BadBody,
    /// The request's body ended before it was complete.
    BrokenBody,
    /// The request's body took too long.
    SlowBody,
    /// No app has the request's domain, or its path.
    UnknownDomain,
    /// The app has no target: it was stopped, or never deployed.
    NoTarget,
    /// The app has no process that answers requests.
    NoWeb,
    /// The request was held as long as it may be.
    HeldTooLong,
    /// There are too many clients.
    Crowded,
    /// The switch has no descriptor, port or memory left for a connection.
    NoMeans,
    /// The app's container does not run.
    NotRunning,
    /// The container runs, but nothing listens on its port.
    Refused,
    /// There is no connection to the app, for another reason.
    Unreachable,
    /// The connection ended before anything of an answer came.
    NoAnswer,
    /// The connection ended in the middle of the answer's head.
    BrokenAnswer,
    /// The app's answer is not HTTP.
    BadAnswer,
    /// The head of the app's answer is too large, or has too many headers.
    LargeAnswer,
    /// The body of the app's answer has a transfer coding that cannot be passed on.
    CodedAnswer,
    /// The app's answer has several lengths.
    AnswerLengths,
    /// The app changes the protocol, which nobody has asked for.
    OtherProtocol,
    /// The app goes on in HTTP, and the client cannot be told what it says.
    NoUpgrade,
    /// The app did not begin its answer in time.
    SlowAnswer,
    /// The app did not read the request in time.
    TakesNothing,
}

/// Who is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blame {
    Client,
    /// The app, or what it runs on.
    Server,
}

/// What a client is told.
pub(crate) struct Facts {
    pub(crate) status: StatusCode,
    pub(crate) error: &'static str,
    pub(crate) words: &'static str,
}

impl ErrorReason {
    /// Returns what the client is told.
    pub(crate) fn facts(self) -> Facts {
        let (status, error, words) = match self {
            Self::NoProxy => (405, "bad-request", "this is no proxy to other places"),
            Self::BadRequest(words) => (400, "bad-request", words),
            Self::NoHttp => (400, "bad-request", "the request is not valid HTTP"),
            Self::NoTls => (
                400,
                "bad-request",
                "this port is for https: ask for https:// and not for http://",
            ),
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
            Self::UnknownDomain => (
                404,
                "unknown-domain",
                "no app on this server has this domain and path",
            ),
            Self::NoTarget => (503, "no-target", "no release of this app is running"),
            Self::NoWeb => (503, "no-web", "this app has no web process"),
            Self::HeldTooLong => (
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
            Self::NoUpgrade => (
                502,
                "upstream",
                "the app answered a request for a WebSocket with a page",
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

    /// Returns whether the client may try again in a moment.
    pub(crate) fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::NoTarget | Self::NoWeb | Self::HeldTooLong | Self::Crowded | Self::NoMeans
        )
    }

    /// Returns whether the client's connection ends with the answer.
    pub(crate) fn closes_connection(self) -> bool {
        let ends = self.blame() == Blame::Client && self != Self::UnknownDomain;
        ends || matches!(self, Self::Crowded | Self::SlowAnswer | Self::TakesNothing)
    }

    fn blame(self) -> Blame {
        match self {
            Self::NoProxy
            | Self::BadRequest(_)
            | Self::LongBody
            | Self::NoHttp
            | Self::NoTls
            | Self::LongTarget
            | Self::LargeHead
            | Self::ManyHeaders
            | Self::SlowHead
            | Self::BadBody
            | Self::BrokenBody
            | Self::SlowBody
            | Self::UnknownDomain => Blame::Client,
            _ => Blame::Server,
        }
    }

    /// Returns the answer as it is sent where the HTTP library does not write it: the last one on its connection.
    pub(crate) fn to_http(self) -> Vec<u8> {
        let Facts { status, error, words } = self.facts();
        let retry_after = if self.is_temporary() {
            format!("retry-after: {RETRY_AFTER_SECONDS}\r\n")
        } else {
            String::new()
        };
        format!(
            "HTTP/1.1 {status}\r\nserver: gokku\r\nx-gokku-error: {error}\r\n{retry_after}connection: close\r\n\
             content-type: {TEXT}\r\ncontent-length: {}\r\n\r\n{words}\n",
            words.len() + 1
        )
        .into_bytes()
    }
}

impl From<HeadFault> for ErrorReason {
    fn from(fault: HeadFault) -> Self {
        match fault {
            HeadFault::Line => Self::BadRequest(
                "the request's first line is not `METHOD TARGET HTTP/1.1`; a space in TARGET is written %20",
            ),
            HeadFault::LongTarget => Self::LongTarget,
            HeadFault::Bytes => Self::LargeHead,
            HeadFault::Headers => Self::ManyHeaders,
        }
    }
}

/// Recognizes what the HTTP library answers by itself to a head that it does not take: a status without a word, and the
/// connection is closed.
pub(crate) fn library_answer(bytes: &[u8]) -> Option<ErrorReason> {
    let (status, rest) = bytes.strip_prefix(b"HTTP/1.1 ")?.split_at_checked(3)?;
    let why = match status {
        b"400" => ErrorReason::NoHttp,
        b"414" => ErrorReason::LongTarget,
        // It is given none of the heads that are too large.
        b"431" => ErrorReason::LongBody,
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

/// Logs the answers of an app's clients, or of those who are nobody's, each kind once a second.
#[derive(Debug, Default)]
pub(crate) struct ErrorLog {
    app: Option<AppName>,
    throttle: LogThrottle,
}

impl ErrorLog {
    /// Creates the log of an app.
    pub(crate) fn of_app(app: AppName) -> Self {
        Self {
            app: Some(app),
            throttle: LogThrottle::default(),
        }
    }

    /// Logs one answer, with the error behind it.
    pub(crate) fn log(&self, reason: ErrorReason, cause: Option<&str>) {
        self.log_of(reason, cause, Some(reason.facts().status.as_u16()), None);
    }

    /// Logs why a connection on a TCP port was closed, with the error behind it.
    pub(crate) fn log_closed(&self, port: u16, reason: ErrorReason, cause: Option<&str>) {
        self.log_of(reason, cause, None, Some(port));
    }

    fn log_of(&self, reason: ErrorReason, cause: Option<&str>, status: Option<u16>, tcp: Option<u16>) {
        let Facts { error, words, .. } = reason.facts();
        let Some(suppressed) = self.throttle.admit(words, Instant::now()) else {
            return;
        };
        let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
        let more = if suppressed > 0 {
            format!(" ({suppressed} more since this was last logged)")
        } else {
            String::new()
        };
        let app: &dyn Display = match &self.app {
            Some(app) => app,
            None => &"-",
        };
        match reason.blame() {
            Blame::Client => tracing::info!(%app, status, tcp, error, "{words}{cause}{more}"),
            Blame::Server => tracing::warn!(%app, status, tcp, error, "{words}{cause}{more}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ErrorReason; 31] = [
        ErrorReason::NoProxy,
        ErrorReason::BadRequest("the request has no host"),
        ErrorReason::NoHttp,
        ErrorReason::NoTls,
        ErrorReason::LongBody,
        ErrorReason::LongTarget,
        ErrorReason::LargeHead,
        ErrorReason::ManyHeaders,
        ErrorReason::SlowHead,
        ErrorReason::BadBody,
        ErrorReason::BrokenBody,
        ErrorReason::SlowBody,
        ErrorReason::UnknownDomain,
        ErrorReason::NoTarget,
        ErrorReason::NoWeb,
        ErrorReason::HeldTooLong,
        ErrorReason::Crowded,
        ErrorReason::NoMeans,
        ErrorReason::NotRunning,
        ErrorReason::Refused,
        ErrorReason::Unreachable,
        ErrorReason::NoAnswer,
        ErrorReason::BrokenAnswer,
        ErrorReason::BadAnswer,
        ErrorReason::LargeAnswer,
        ErrorReason::CodedAnswer,
        ErrorReason::AnswerLengths,
        ErrorReason::OtherProtocol,
        ErrorReason::NoUpgrade,
        ErrorReason::SlowAnswer,
        ErrorReason::TakesNothing,
    ];

    /// Every reason is documented, with its status and its header.
    #[test]
    fn every_reason_is_documented() {
        let reference = include_str!("../../../../docs/control-api.md");
        let trouble = include_str!("../../../../docs/troubleshooting.md");
        for why in ALL {
            let Facts { status, error, words } = why.facts();
            let row = format!("| {} | `{error}` |", status.as_u16());
            assert!(reference.contains(&row), "docs/control-api.md has no {row}");
            let in_row = |line: &str| line.starts_with(&row) && line.contains(&format!("`{words}`"));
            assert!(
                matches!(why, ErrorReason::BadRequest(_)) || trouble.lines().any(in_row),
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

    /// The library's own answers are told from those of apps.
    #[test]
    fn what_the_library_says() {
        let date = "date: Tue, 24 Nov 2026 16:14:38 GMT\r\n";
        let head = |status: &str, headers: &str| format!("HTTP/1.1 {status}\r\n{headers}\r\n");
        let own = "connection: close\r\ncontent-length: 0\r\n";
        for (text, why) in [
            (
                head("400 Bad Request", &format!("{own}{date}")),
                Some(ErrorReason::NoHttp),
            ),
            (head("400 Bad Request", own), Some(ErrorReason::NoHttp)),
            (
                head("414 URI Too Long", &format!("{own}{date}")),
                Some(ErrorReason::LongTarget),
            ),
            (
                head("431 Request Header Fields Too Large", &format!("{own}{date}")),
                Some(ErrorReason::LongBody),
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
            assert_eq!(library_answer(text.as_bytes()), why, "{text:?}");
        }
    }
}
