//! Makes the switch's own responses, and logs those that tell of errors; why there are any is `http::error_reason`'s.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use gokku_core::app::error_pages::ErrorPages;
use gokku_core::text::causes::causes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, SERVER};
use hyper::{Response, StatusCode};

use crate::forward::response_body::ResponseBody;
use crate::http::error_reason::{ERROR_HEADER, ErrorLog, ErrorReason, HTML, RETRY_AFTER_SECONDS, TEXT};
use crate::route::app_route::Route;

/// Logs a reason and returns the response that gives it.
pub(crate) fn respond(errors: &ErrorLog, reason: ErrorReason) -> Response<ResponseBody> {
    errors.log(reason, None);
    response(reason)
}

/// Logs a reason with the error behind it, and returns the response that gives the reason.
pub(crate) fn respond_after(
    errors: &ErrorLog,
    reason: ErrorReason,
    error: &dyn Error,
) -> Response<ResponseBody> {
    errors.log(reason, Some(&causes(error)));
    response(reason)
}

/// The same where an app is to answer, with the app's own page if it has one for that.
pub(crate) fn respond_for(
    route: &Route,
    reason: ErrorReason,
    error: Option<&dyn Error>,
) -> Response<ResponseBody> {
    let response = match error {
        Some(error) => respond_after(route.errors(), reason, error),
        None => respond(route.errors(), reason),
    };
    let (pages, status) = (route.error_pages(), response.status().as_u16());
    if pages.page(status).is_none() {
        return response;
    }
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(HTML));
    parts
        .headers
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let page = Bytes::from_owner(PageOf { pages, status });
    Response::from_parts(parts, ResponseBody::own(Full::new(page)))
}

/// One of an app's pages, which all answers share.
struct PageOf {
    pages: Arc<ErrorPages>,
    status: u16,
}

impl AsRef<[u8]> for PageOf {
    fn as_ref(&self) -> &[u8] {
        let page = self.pages.page(self.status);
        page.map_or(&[], |page| page.as_str().as_bytes())
    }
}

/// Returns the answer to a certificate authority.
pub(crate) fn acme_response(answer: Bytes) -> Response<ResponseBody> {
    // RFC 8555 section 8.3.
    own(StatusCode::OK, answer, "application/octet-stream")
}

/// Returns a response of the switch itself.
pub(super) fn own(status: StatusCode, body: Bytes, content_type: &'static str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::own(Full::new(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static("gokku"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn response(reason: ErrorReason) -> Response<ResponseBody> {
    let facts = reason.facts();
    let mut response = own(facts.status, format!("{}\n", facts.words).into(), TEXT);
    let headers = response.headers_mut();
    headers.insert(ERROR_HEADER, HeaderValue::from_static(facts.error));
    if reason.is_temporary() {
        headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    }
    if reason.closes_connection() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
