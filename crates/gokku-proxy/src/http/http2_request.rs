//! Makes a request of HTTP/2 one that can be said in HTTP/1.1, and the other way round, RFC 9113 section 8. What both have in
//! common is checked where every request is (`validate`).

use std::net::SocketAddr;

use hyper::body::Body;
use hyper::ext::Protocol;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue,
    SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, TE, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};

/// The one protocol that can be asked for.
pub(crate) const WEBSOCKET: &str = "websocket";

/// What belongs to an upgrade to HTTP/2.
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// Gives a request the headers that say in HTTP/1.1 what HTTP/2 says otherwise, or returns what is wrong with it.
pub(crate) fn to_http1<B: Body>(request: &mut Request<B>) -> Result<(), &'static str> {
    let authority = request.uri().authority().map(Authority::as_str);
    if let (Some(authority), Some(host)) = (authority, request.headers().get(HOST))
        && !host.as_bytes().eq_ignore_ascii_case(authority.as_bytes())
    {
        return Err("the request has several hosts");
    }
    let has_body = !request.body().is_end_stream();
    let headers = request.headers_mut();
    join_cookies(headers);
    // The HTTP library cannot say `100 Continue` here, so nobody is to wait for it.
    headers.remove(EXPECT);
    if has_body && !headers.contains_key(CONTENT_LENGTH) {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    Ok(())
}

/// Returns the protocol that a request wants to be spoken on its part of the connection, RFC 8441.
pub(crate) fn protocol_of<B>(request: &Request<B>) -> Option<&str> {
    let protocol = request.extensions().get::<Protocol>()?;
    (request.method() == Method::CONNECT).then_some(protocol.as_str())
}

/// Makes a request for a WebSocket the one that it is in HTTP/1.1, RFC 8441 section 5; the key is what an app proves with that it
/// has understood.
pub(crate) fn to_upgrade<B>(request: &mut Request<B>, key: HeaderValue) {
    *request.method_mut() = Method::GET;
    let headers = request.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
    headers.insert(SEC_WEBSOCKET_KEY, key);
}

/// Makes the answer to that one of HTTP/2; false where the app has not done what it was asked for, and does not say why.
pub(crate) fn is_upgraded<B>(response: &mut Response<B>) -> bool {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        // A success would say that the other protocol is spoken from here on.
        return !response.status().is_success();
    }
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().remove(SEC_WEBSOCKET_ACCEPT);
    true
}

/// Gives a request that can be sent in HTTP/1.1 to this address the form of HTTP/2. It asks for no other protocol any more: there
/// is no such thing.
pub(crate) fn to_http2<B>(request: &mut Request<B>, address: SocketAddr) {
    let headers = request.headers_mut();
    strip_connection(headers);
    headers.remove(HTTP2_SETTINGS);
    // Trailers are passed on, so they are taken. gRPC asks for no others.
    headers.insert(TE, HeaderValue::from_static("trailers"));
    let host = headers.remove(HOST);
    let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = authority.or_else(|| Authority::try_from(address.to_string()).ok());
    parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    *request.version_mut() = Version::HTTP_2;
}

/// Takes away what a message says of an HTTP/1.1 connection.
pub(crate) fn strip_connection(headers: &mut HeaderMap) {
    for name in [CONNECTION, UPGRADE, TRANSFER_ENCODING] {
        headers.remove(name);
    }
}

/// Makes one header of all cookies, section 8.2.3: HTTP/1.1 knows no other form.
fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(COOKIE).iter();
    let (Some(first), Some(second)) = (cookies.next(), cookies.next()) else {
        return;
    };
    let mut joined = first.as_bytes().to_vec();
    for cookie in std::iter::once(second).chain(cookies) {
        joined.extend(b"; ");
        joined.extend(cookie.as_bytes());
    }
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Empty, Full};

    use super::*;

    fn request() -> hyper::http::request::Builder {
        Request::post("https://api.example.com/x")
    }

    #[test]
    fn cookies_become_one() {
        for (cookies, joined) in [
            (&[][..], &[][..]),
            (&["a=1"], &["a=1"]),
            (&["a=1", "b=2; c=3", "d=4"], &["a=1; b=2; c=3; d=4"]),
        ] {
            let mut headers = HeaderMap::new();
            for cookie in cookies {
                headers.append(COOKIE, HeaderValue::from_static(cookie));
            }
            join_cookies(&mut headers);
            let all: Vec<_> = headers
                .get_all(COOKIE)
                .iter()
                .map(HeaderValue::as_bytes)
                .collect();
            assert_eq!(all, joined.iter().map(|one| one.as_bytes()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn where_a_body_ends() {
        let body = Full::new(bytes::Bytes::from_static(b"body"));
        let mut unknown = request().body(body.clone()).unwrap_or_default();
        assert_eq!(to_http1(&mut unknown), Ok(()));
        assert_eq!(unknown.headers()[TRANSFER_ENCODING], "chunked");
        let mut known = request().header(CONTENT_LENGTH, 4).body(body).unwrap_or_default();
        assert_eq!(to_http1(&mut known), Ok(()));
        assert!(!known.headers().contains_key(TRANSFER_ENCODING));
        let mut none = request().body(Empty::<bytes::Bytes>::new()).unwrap_or_default();
        assert_eq!(to_http1(&mut none), Ok(()));
        assert!(!none.headers().contains_key(TRANSFER_ENCODING));
    }

    #[test]
    fn what_an_app_of_http2_is_asked() {
        let address = SocketAddr::from(([192, 0, 2, 1], 50051));
        for (host, authority) in [
            ("api.example.com:8000", "api.example.com:8000"),
            ("", "192.0.2.1:50051"),
        ] {
            let mut request = Request::get("/a?b")
                .header(HOST, host)
                .header(CONNECTION, "upgrade")
                .header(UPGRADE, "websocket")
                .header(TRANSFER_ENCODING, "chunked")
                .header("x-own", "1")
                .body(())
                .unwrap_or_default();
            to_http2(&mut request, address);
            assert_eq!(*request.uri(), *format!("http://{authority}/a?b"));
            assert_eq!(request.version(), Version::HTTP_2);
            let mut names: Vec<&str> = request.headers().keys().map(HeaderName::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, ["te", "x-own"]);
        }
    }

    #[test]
    fn there_is_one_host() {
        for (host, wanted) in [
            ("api.example.com", Ok(())),
            ("API.example.com", Ok(())),
            ("api.example.com:443", Err("the request has several hosts")),
            ("shop.example.com", Err("the request has several hosts")),
        ] {
            let body = Empty::<bytes::Bytes>::new();
            let mut request = request().header(HOST, host).body(body).unwrap_or_default();
            assert_eq!(to_http1(&mut request), wanted, "{host}");
        }
    }
}
