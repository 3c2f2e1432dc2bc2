//! Refuses messages that others might read in another way, and gives the rest one form.
//!
//! The HTTP library has read the head by now. It refuses what is not HTTP at all, a length that is not a number, lengths
//! that differ, a Transfer-Encoding that does not end in `chunked`, folded lines and control bytes; of a length beside
//! `chunked` it keeps `chunked`, and closes the connection after the answer. Lines that end in a bare LF leave with CRLF.

use hyper::body::Body;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request;
use hyper::http::uri::{Authority, Scheme};
use hyper::{Method, Version};

/// Checks a request's head and sets the host that it is for, or returns what is wrong with it.
pub(crate) fn check_request(parts: &mut request::Parts) -> Result<(), &'static str> {
    if !is_plain(&parts.headers) {
        return Err("the only Transfer-Encoding taken is chunked, once");
    }
    let mut hosts = parts.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => return Err("the request has several hosts"),
        // Of HTTP/2 it is part of the address.
        (None, None) if parts.version == Version::HTTP_2 && parts.uri.authority().is_some() => {}
        (None, None) if parts.version != Version::HTTP_10 => return Err("the request has no host"),
        (Some(host), None) if !is_host(host) => return Err("the request's host is not valid"),
        _ => {}
    }
    if parts.uri.path() == "*" && parts.method != Method::OPTIONS {
        return Err("* is for OPTIONS only");
    }
    match (parts.uri.scheme(), parts.uri.authority()) {
        (None, None) => Ok(()),
        (Some(scheme), Some(authority)) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS => {
            // RFC 9112 section 3.2.2: the target's host counts, and not the header.
            let host = HeaderValue::from_str(authority.as_str()).ok();
            let host = host.filter(is_host).ok_or("the request's address is not valid")?;
            parts.headers.insert(HOST, host);
            Ok(())
        }
        _ => Err("the request's address is not valid"),
    }
}

/// The longest body that a message may announce: programs read its length as a signed number.
const MAX_BODY_BYTES: u64 = i64::MAX as u64;

/// What is wrong with a message's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadLength {
    /// There are several, or it is not a number.
    Ambiguous,
    /// Programs cannot count that far.
    TooLong,
}

/// Leaves a message the one header that says where its body ends.
pub(crate) fn set_framing(headers: &mut HeaderMap, body: &impl Body, chunked: bool) -> Result<(), BadLength> {
    if chunked {
        headers.remove(CONTENT_LENGTH);
        return Ok(());
    }
    let mut lengths = headers
        .get_all(CONTENT_LENGTH)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|digits| str::from_utf8(digits.trim_ascii()).unwrap_or_default())
        .map(|digits| {
            digits
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| digits.parse::<u64>().ok())?
        });
    let Some(first) = lengths.next() else {
        return Ok(());
    };
    let length = first.filter(|_| lengths.all(|other| other == first));
    let length = length.ok_or(BadLength::Ambiguous)?;
    if length > MAX_BODY_BYTES {
        return Err(BadLength::TooLong);
    }
    let known = body.size_hint().exact().filter(|known| *known > 0);
    if known.is_some_and(|known| known != length) {
        return Err(BadLength::Ambiguous);
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    Ok(())
}

/// Returns whether a message has no Transfer-Encoding, or `chunked` and nothing else.
pub(crate) fn is_plain(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}

/// Returns whether a value is a name or an address, perhaps with a port. An empty one is allowed: the request is for no
/// host.
fn is_host(value: &HeaderValue) -> bool {
    let text = value.as_bytes();
    text.is_empty() || (!text.contains(&b'@') && Authority::try_from(text).is_ok())
}
