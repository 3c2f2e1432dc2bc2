//! The answers that send a client elsewhere: to HTTPS, or where a domain sends its requests.
//!
//! They are 308 for every method: with 301 and 302 clients make a `GET` of a `POST` (RFC 9110 section 15.4), and every client
//! that is in use knows 308.

use gokku_core::domains::redirect::RedirectTarget;
use gokku_core::domains::scheme::Scheme;
use hyper::header::{HOST, HeaderMap, HeaderValue, LOCATION};
use hyper::{Response, StatusCode, Uri};

use crate::forward::error_response::own;
use crate::forward::response_body::ResponseBody;
use crate::http::error_reason::TEXT;

/// Returns the answer that sends a client to an address for good, with the same method and body; none when it cannot be said in a
/// header.
pub(crate) fn to(address: &str) -> Option<Response<ResponseBody>> {
    let text = format!("this is at {address} now\n");
    let mut response = own(StatusCode::PERMANENT_REDIRECT, text.into(), TEXT);
    let to = HeaderValue::from_str(address).ok()?;
    response.headers_mut().insert(LOCATION, to);
    Some(response)
}

/// Returns the answer of a domain that sends its requests elsewhere, to one that came by this scheme; none when a request's address is not valid.
pub(crate) fn to_target(
    target: &RedirectTarget,
    scheme: Scheme,
    headers: &HeaderMap,
    uri: &Uri,
) -> Option<Response<ResponseBody>> {
    let asked = uri.path_and_query().map_or("/", |path| path.as_str());
    to(&target.location(scheme, port(headers), asked))
}

/// Returns the port that the client has named.
fn port(headers: &HeaderMap) -> Option<u16> {
    let host = headers.get(HOST)?.to_str().ok()?;
    host.rsplit_once(':')?.1.parse().ok()
}
