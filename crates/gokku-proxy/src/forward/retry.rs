//! Decides whether a request that failed is sent again, RFC 9110 section 9.2.2. This is the rule alone; `proxy_request`
//! sends.

use hyper::Method;

/// A request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FailedRequest {
    /// The method does no more when it is done twice.
    pub(crate) idempotent: bool,
    /// All of the body can be sent again.
    pub(crate) resendable: bool,
    /// The request was lost and sent again before.
    pub(crate) resent: bool,
}

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There was no connection: nothing was sent.
    NoConnection,
    /// The connection ended before anything of an answer came.
    Unanswered {
        /// The connection was kept open after another request: the app may have closed it before this one came.
        reused: bool,
    },
    /// Part of an answer came.
    Answered,
    /// The app took too long.
    TimedOut,
}

/// Whether a request is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It is tried again until there is a connection, or the time for that is up.
    UntilConnected,
    /// It is sent once more.
    Once,
    /// It is not: its client is told.
    Never,
}

/// Decides whether a request is sent again.
pub(crate) fn decide(request: FailedRequest, failure: Failure) -> Retry {
    if !request.resendable {
        return Retry::Never;
    }
    match failure {
        Failure::NoConnection => Retry::UntilConnected,
        Failure::Unanswered { reused: true } if request.idempotent && !request.resent => Retry::Once,
        Failure::Unanswered { .. } | Failure::Answered | Failure::TimedOut => Retry::Never,
    }
}

/// Returns whether a method is idempotent; one that is not in the RFC is not known to be.
pub(crate) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every method, every body and every failure.
    #[test]
    fn what_is_sent_again() {
        let methods: [(&[u8], bool); 12] = [
            (b"GET", true),
            (b"HEAD", true),
            (b"OPTIONS", true),
            (b"TRACE", true),
            (b"PUT", true),
            (b"DELETE", true),
            (b"POST", false),
            (b"PATCH", false),
            (b"CONNECT", false),
            (b"PROPFIND", false),
            (b"PURGE", false),
            (b"put", false),
        ];
        let bodies = [
            ("none", true),
            ("untouched", true),
            ("begun, and too large to be kept", false),
            ("small, and kept", true),
        ];
        let failures = [
            (Failure::NoConnection, Retry::UntilConnected),
            (Failure::Unanswered { reused: true }, Retry::Once),
            (Failure::Unanswered { reused: false }, Retry::Never),
            (Failure::Answered, Retry::Never),
            (Failure::TimedOut, Retry::Never),
        ];
        for (name, idempotent) in methods {
            let method = Method::from_bytes(name).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(is_idempotent(&method), idempotent, "{method}");
            for (body, resendable) in bodies {
                for (failure, may) in failures {
                    let wanted = match may {
                        _ if !resendable => Retry::Never,
                        Retry::Once if !idempotent => Retry::Never,
                        may => may,
                    };
                    for resent in [false, true] {
                        let request = FailedRequest {
                            idempotent,
                            resendable,
                            resent,
                        };
                        let wanted = if resent && wanted == Retry::Once {
                            Retry::Never
                        } else {
                            wanted
                        };
                        assert_eq!(
                            decide(request, failure),
                            wanted,
                            "{method}, body {body}, {failure:?}, resent {resent}"
                        );
                    }
                }
            }
        }
    }
}
