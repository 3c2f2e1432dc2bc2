//! Makes a request of HTTP/2 one that can be said in HTTP/1.1, RFC 9113 section 8. What both have in common is checked where
//! every request is (`validate`).

use hyper::Request;
use hyper::body::Body;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::uri::Authority;

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

/// Takes away what an answer says of an HTTP/1.1 connection.
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
