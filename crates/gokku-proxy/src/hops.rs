//! What stays between two hosts, RFC 9110 section 7.6.1, and what else never reaches an app.

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};

use crate::forwarded;

/// The last two are between a client and a proxy that it chose, which this is not; `proxy` is no header at all, but
/// what CGI makes of it (`HTTP_PROXY`) is obeyed by many programs.
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRANSFER_ENCODING,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy"),
];

/// What ends a message and says whose it is. No word of the other side takes it away.
fn is_needed(name: &HeaderName) -> bool {
    *name == HOST || *name == CONTENT_LENGTH || forwarded::is_told(name.as_str())
}

fn words(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// The protocol that a message wants to change to. HTTP/2 is not among them: requests inside of it would reach the app
/// as their client made them.
pub(crate) fn upgrade_of(headers: &HeaderMap) -> Option<&HeaderValue> {
    let wants = words(headers).any(|word| word.eq_ignore_ascii_case("upgrade"));
    let mut protocols = headers.get_all(UPGRADE).iter();
    let (Some(protocol), None) = (protocols.next(), protocols.next()) else {
        return None;
    };
    let is_http2 = protocol
        .as_bytes()
        .split(|byte| *byte == b',')
        .any(|one| one.trim_ascii().eq_ignore_ascii_case(b"h2c"));
    (wants && !is_http2).then_some(protocol)
}

/// Removes what is between two hosts only, but for an upgrade.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let upgrade = upgrade_of(headers).cloned();
    let named: Vec<HeaderName> = words(headers).filter_map(|word| word.parse().ok()).collect();
    for name in named.iter().filter(|name| !is_needed(name)).chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    headers.remove(UPGRADE);
    if let Some(protocol) = upgrade {
        headers.insert(UPGRADE, protocol);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    } else {
        headers.remove("http2-settings");
    }
}

/// Removes the names that many frameworks cannot tell from others, because they read `X_Forwarded_For` and
/// `X-Forwarded-For` as the same variable.
pub(crate) fn strip_doubles(headers: &mut HeaderMap) {
    let doubles: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().contains('_') && is_ours(&name.as_str().replace('_', "-")))
        .cloned()
        .collect();
    for name in doubles {
        headers.remove(name);
    }
}

/// Removes what has no business after a body: an app might take it for a part of the head.
pub(crate) fn strip_trailers(trailers: &mut HeaderMap) {
    let bad: Vec<HeaderName> = trailers
        .keys()
        .filter(|name| is_ours(&name.as_str().replace('_', "-")))
        .cloned()
        .collect();
    for name in bad {
        trailers.remove(name);
    }
}

fn is_ours(name: &str) -> bool {
    HeaderName::from_bytes(name.as_bytes())
        .is_ok_and(|name| is_needed(&name) || name == UPGRADE || HOP_BY_HOP.contains(&name))
}
