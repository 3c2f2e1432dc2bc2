//! Sends a client to another address.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION, SERVER};
use hyper::{Response, StatusCode};

use crate::forward::response_body::ResponseBody;
use crate::http::error_reason::TEXT;

/// Returns a response that sends the client to an address for good, with the same method and body: RFC 9110 section 15.4.9.
pub(crate) fn redirect(address: &str) -> Response<ResponseBody> {
    let text = Full::new(Bytes::from(format!("{address}\n")));
    let mut response = Response::new(ResponseBody::own(text));
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let headers = response.headers_mut();
    if let Ok(address) = HeaderValue::from_str(address) {
        headers.insert(LOCATION, address);
    }
    headers.insert(SERVER, HeaderValue::from_static("gokku"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
    response
}
