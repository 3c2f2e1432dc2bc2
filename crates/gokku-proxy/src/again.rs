//! Whether a request that came to nothing is sent once more, RFC 9110 section 9.2.2. The rule alone; `forward` sends.

use hyper::Method;

/// A request, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Done twice it does no more than once.
    pub(crate) idempotent: bool,
    /// All of its body can be sent.
    pub(crate) whole: bool,
    /// It was lost before.
    pub(crate) repeated: bool,
}

/// How it came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There was no connection: nothing of it was sent.
    NoConnection,
    /// Its connection ended before anything of an answer came.
    Unanswered {
        /// It was kept open after another request: the app may have closed it before this one came.
        kept: bool,
    },
    /// Something of an answer came.
    Answered,
    /// It took too long.
    TimedOut,
}

/// What is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It is tried until there is a connection, as long as is waited for one.
    Until,
    /// It is sent once more.
    Once,
    /// Its client is told.
    No,
}

/// The rule.
pub(crate) fn again(request: Request, failure: Failure) -> Again {
    if !request.whole {
        return Again::No;
    }
    match failure {
        Failure::NoConnection => Again::Until,
        Failure::Unanswered { kept: true } if request.idempotent && !request.repeated => Again::Once,
        Failure::Unanswered { .. } | Failure::Answered | Failure::TimedOut => Again::No,
    }
}

/// Whether a method is idempotent. Of one that is not in the RFC nothing is known.
pub(crate) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every method, every body and every failure: what is done with a request that has not been lost before.
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
            (Failure::NoConnection, Again::Until),
            (Failure::Unanswered { kept: true }, Again::Once),
            (Failure::Unanswered { kept: false }, Again::No),
            (Failure::Answered, Again::No),
            (Failure::TimedOut, Again::No),
        ];
        for (name, idempotent) in methods {
            let method = Method::from_bytes(name).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(is_idempotent(&method), idempotent, "{method}");
            for (body, whole) in bodies {
                for (failure, may) in failures {
                    let wanted = match may {
                        _ if !whole => Again::No,
                        Again::Once if !idempotent => Again::No,
                        may => may,
                    };
                    for repeated in [false, true] {
                        let request = Request {
                            idempotent,
                            whole,
                            repeated,
                        };
                        let wanted = if repeated && wanted == Again::Once {
                            Again::No
                        } else {
                            wanted
                        };
                        assert_eq!(
                            again(request, failure),
                            wanted,
                            "{method}, body {body}, {failure:?}, repeated {repeated}"
                        );
                    }
                }
            }
        }
    }
}
