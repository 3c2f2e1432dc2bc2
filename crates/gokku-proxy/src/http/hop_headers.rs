//! Removes the headers that stay between two hosts, RFC 9110 section 7.6.1, and others that must not reach an app.

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};

use crate::http::forwarded;

/// The headers that never go on. `proxy-authenticate` and `proxy-authorization` are between a client and a proxy that it
/// chose, which this is not; `proxy` is not a header at all, but many programs obey what CGI makes of it (`HTTP_PROXY`).
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

/// Returns whether a header says where a message ends or whom it is for and from. `Connection` cannot remove it.
fn is_protected(name: &HeaderName) -> bool {
    *name == HOST || *name == CONTENT_LENGTH || forwarded::is_forwarded_header(name.as_str())
}

fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// Returns the protocol that a message wants to change to. HTTP/2 is none: the requests inside it would reach the app
/// unchecked.
pub(crate) fn upgrade_of(headers: &HeaderMap) -> Option<&HeaderValue> {
    let wants = connection_options(headers).any(|word| word.eq_ignore_ascii_case("upgrade"));
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

/// Removes the headers that stay between two hosts, except those of an upgrade.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let upgrade = upgrade_of(headers).cloned();
    let named: Vec<HeaderName> = connection_options(headers)
        .filter_map(|word| word.parse().ok())
        .collect();
    for name in named.iter().filter(|name| !is_protected(name)).chain(&HOP_BY_HOP) {
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

/// Removes names with underscores that pass for protected ones: many frameworks read `X_Forwarded_For` and
/// `X-Forwarded-For` as the same variable.
pub(crate) fn strip_lookalikes(headers: &mut HeaderMap) {
    let lookalikes: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().contains('_') && is_managed(&name.as_str().replace('_', "-")))
        .cloned()
        .collect();
    for name in lookalikes {
        headers.remove(name);
    }
}

/// Removes trailers that have no business there: an app might take them for a part of the head.
pub(crate) fn strip_trailers(trailers: &mut HeaderMap) {
    let bad: Vec<HeaderName> = trailers
        .keys()
        .filter(|name| is_managed(&name.as_str().replace('_', "-")))
        .cloned()
        .collect();
    for name in bad {
        trailers.remove(name);
    }
}

/// Returns whether the switch manages a header: removes it, or keeps it from being removed.
fn is_managed(name: &str) -> bool {
    HeaderName::from_bytes(name.as_bytes())
        .is_ok_and(|name| is_protected(&name) || name == UPGRADE || HOP_BY_HOP.contains(&name))
}
