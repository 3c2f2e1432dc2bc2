//! What an app is told of where a request came from. A client cannot say it: only what a trusted proxy in front said
//! is passed on.

use std::net::IpAddr;

use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};

use crate::network::Network;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const ASKED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether a header tells where a request came from.
pub(crate) fn is_told(name: &str) -> bool {
    name.starts_with("x-forwarded") || matches!(name, "forwarded" | "x-real-ip")
}

/// Tells it, of a request of `peer`.
pub(crate) fn tell(headers: &mut HeaderMap, peer: IpAddr, trusted: &[Network]) {
    if !trusted.iter().any(|network| network.contains(peer)) {
        let said: Vec<HeaderName> = headers
            .keys()
            .filter(|name| is_told(name.as_str()))
            .cloned()
            .collect();
        for name in said {
            headers.remove(name);
        }
    }
    let mut whole: Vec<u8> = Vec::new();
    for before in headers.get_all(FOR) {
        whole.extend(before.as_bytes());
        whole.extend(b", ");
    }
    whole.extend(peer.to_canonical().to_string().as_bytes());
    if let Ok(value) = HeaderValue::from_bytes(&whole) {
        headers.insert(FOR, value);
    }
    if let (Some(host), false) = (headers.get(HOST).cloned(), headers.contains_key(ASKED_HOST)) {
        headers.insert(ASKED_HOST, host);
    }
    headers.entry(PROTO).or_insert(HeaderValue::from_static("http"));
}
