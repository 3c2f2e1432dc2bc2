//! Tells an app where a request came from. A client's own word for that does not count: only a trusted proxy's in front
//! is passed on.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use gokku_core::domains::scheme::Scheme;
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};

use crate::config::network::Network;

/// RFC 7239.
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
pub(crate) const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Returns whether a header says where a request came from.
pub(crate) fn is_forwarded_header(name: &str) -> bool {
    name.starts_with("x-forwarded") || matches!(name, "forwarded" | "x-real-ip")
}

/// Returns whether the word of who sends requests from this address counts.
pub(crate) fn is_trusted(peer: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(peer))
}

/// Sets these headers for a request of `peer`, which came by this scheme.
pub(crate) fn set(headers: &mut HeaderMap, peer: IpAddr, scheme: Scheme, trusted: &[Network]) {
    if !is_trusted(peer, trusted) {
        let forged: Vec<HeaderName> = headers
            .keys()
            .filter(|name| is_forwarded_header(name.as_str()))
            .cloned()
            .collect();
        for name in forged {
            headers.remove(name);
        }
    }
    let asked_by = self::scheme(headers, peer, scheme, trusted);
    set_forwarded(headers, peer, asked_by);
    let mut hops: Vec<u8> = Vec::new();
    for before in headers.get_all(FORWARDED_FOR) {
        hops.extend(before.as_bytes());
        hops.extend(b", ");
    }
    // Writing to bytes cannot fail.
    let _ = write!(hops, "{}", peer.to_canonical());
    if let Ok(value) = HeaderValue::from_bytes(&hops) {
        headers.insert(FORWARDED_FOR, value);
    }
    if let (Some(host), false) = (headers.get(HOST).cloned(), headers.contains_key(FORWARDED_HOST)) {
        headers.insert(FORWARDED_HOST, host);
    }
    headers
        .entry(FORWARDED_PROTO)
        .or_insert(HeaderValue::from_static(scheme.as_str()));
}

/// Adds this hop to those of RFC 7239. All that is known by the other headers stands here, too: a proxy in front that knows only those is
/// heard, because some frameworks prefer this one. They take the scheme and the host of its last hop, which therefore are those by which
/// the client asks.
fn set_forwarded(headers: &mut HeaderMap, peer: IpAddr, scheme: Scheme) {
    let mut hops: Vec<u8> = Vec::new();
    for before in headers.get_all(FORWARDED) {
        hops.extend(before.as_bytes());
        hops.extend(b", ");
    }
    // Writing to bytes cannot fail.
    if hops.is_empty() {
        for before in headers.get_all(FORWARDED_FOR) {
            for hop in String::from_utf8_lossy(before.as_bytes()).split(',') {
                let _ = write!(hops, "for={}, ", node(hop.trim()));
            }
        }
    }
    let _ = write!(hops, "for={}", node_of(peer));
    let asked = headers.get(FORWARDED_HOST).or_else(|| headers.get(HOST));
    if let Some(host) = asked.filter(|host| is_plain(host)) {
        hops.extend(b";host=\"");
        hops.extend(host.as_bytes());
        hops.push(b'"');
    }
    hops.extend(b";proto=");
    hops.extend(scheme.as_str().as_bytes());
    if let Ok(value) = HeaderValue::from_bytes(&hops) {
        headers.insert(FORWARDED, value);
    }
}

/// An address as RFC 7239 has it: one of version 6 has colons, and stands in quotes.
fn node_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("\"[{address}]\""),
    }
}

/// A hop of `X-Forwarded-For` as RFC 7239 has it, section 6.
fn node(hop: &str) -> String {
    let address = hop.trim_start_matches('[').trim_end_matches(']').parse();
    match (address, hop.parse::<SocketAddr>()) {
        (Ok(address), _) => node_of(address),
        (Err(_), Ok(address)) => format!("\"{address}\""),
        (Err(_), Err(_)) => "unknown".to_owned(),
    }
}

/// Whether a host can stand in quotes as it is.
fn is_plain(host: &HeaderValue) -> bool {
    host.as_bytes()
        .iter()
        .all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(byte))
}

/// Returns the scheme by which the client asks: where a trusted proxy stands in between, it knows.
pub(crate) fn scheme(headers: &HeaderMap, peer: IpAddr, scheme: Scheme, trusted: &[Network]) -> Scheme {
    let Some(told) = headers.get(FORWARDED_PROTO) else {
        return scheme;
    };
    if !is_trusted(peer, trusted) {
        return scheme;
    }
    // Some proxies tell of a WebSocket by its own scheme, RFC 6455 section 3.
    match told.to_str().unwrap_or_default().to_ascii_lowercase().as_str() {
        "https" | "wss" => Scheme::Https,
        "http" | "ws" => Scheme::Http,
        _ => scheme,
    }
}

/// Tells which part of the path the app does not get.
pub(crate) fn set_prefix(headers: &mut HeaderMap, prefix: &str) {
    if let Ok(value) = HeaderValue::from_str(prefix) {
        headers.insert(FORWARDED_PREFIX, value);
    }
}
