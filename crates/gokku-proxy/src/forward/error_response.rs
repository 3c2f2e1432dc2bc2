//! Makes the switch's own responses, and logs those that tell of errors; why there are any is `http::error_reason`'s.

use std::error::Error;

use bytes::Bytes;
use gokku_core::text::causes::causes;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, SERVER};
use hyper::{Response, StatusCode};

use crate::forward::response_body::ResponseBody;
use crate::http::error_reason::{ERROR_HEADER, ErrorLog, ErrorReason, RETRY_AFTER_SECONDS, TEXT};

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
