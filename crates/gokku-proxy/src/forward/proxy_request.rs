//! Forwards one request: leases a target, sends the request to it, and returns the response.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gokku_core::domains::domain::Domain;
use gokku_core::domains::scheme::Scheme;
use hyper::body::{Body as _, Incoming};
use hyper::ext::on_informational;
use hyper::header::{
    CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderValue, STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING,
};
use hyper::http::request;
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::client::request_body::{BodyFault, BodyOptions, RefusedBody, RequestBody};
use crate::client::serve_context::RequestContext;
use crate::forward::attempts::Attempts;
use crate::forward::compressor::Compressor;
use crate::forward::error_response::{acme_response, respond, respond_for};
use crate::forward::response_body::ResponseBody;
use crate::forward::retry::{self, FailedRequest, Retry, is_idempotent};
use crate::forward::{failure, maintenance, redirect, upgrade};
use crate::http::content_coding::ContentCoding;
use crate::http::error_reason::ErrorReason;
use crate::http::validate::{self, BadLength};
use crate::http::{compressible, forwarded, hop_headers, http2_request, request_id};
use crate::route::app_route::{Route, Unroutable};
use crate::route::entry_point::{Destination, EntryPoint};
use crate::route::target::{Lease, Target};
use crate::route::upstream_pool::{SendError, UpstreamBody};

/// Answers a request that came in here.
pub(crate) async fn forward(
    entry: EntryPoint,
    mut context: RequestContext,
    mut request: Request<Incoming>,
    cutting: CancellationToken,
) -> Response<ResponseBody> {
    if request.method() == Method::CONNECT {
        return respond(entry.errors(), ErrorReason::NoProxy);
    }
    let upgrading = (request.version() != Version::HTTP_10
        && hop_headers::upgrade_of(request.headers()).is_some())
    .then(|| hyper::upgrade::on(&mut request));
    let (mut parts, body) = request.into_parts();
    let idempotent = is_idempotent(&parts.method);
    let options = BodyOptions {
        limit: context.serve.limits.upload_timeout,
        keep: idempotent,
        expects_continue: expects_continue(&mut parts, &body)
            .then_some(context.serve.limits.continue_timeout),
    };
    let body = RequestBody::new(body, Arc::clone(&context.active), options);
    if let Err(words) = validate::check_request(&mut parts) {
        return respond(entry.errors(), ErrorReason::BadRequest(words));
    }
    if let Some(answer) = entry.acme_answer(&parts) {
        return acme_response(answer);
    }
    let Destination { route, domain } = match entry.destination(&parts) {
        Ok(destination) => destination,
        Err(reason) => return respond(entry.errors(), reason),
    };
    if let Some(domain) = &domain {
        let trusted = &context.serve.trusted;
        let scheme = forwarded::scheme(&parts.headers, context.peer, context.scheme, trusted);
        // What came by https is answered, whatever a proxy says of how it was asked itself.
        let is_http = scheme == Scheme::Http && context.scheme == Scheme::Http;
        let by_https = is_http.then(|| entry.address_by_https(domain, &parts)).flatten();
        let answer = match (&by_https, &domain.redirect_to) {
            (Some(address), _) => Some(redirect::to(address)),
            (None, Some(target)) => Some(redirect::to_target(target, scheme, &parts.headers, &parts.uri)),
            (None, None) => None,
        };
        if let Some(answer) = answer {
            let bad = ErrorReason::BadRequest("the request's path is not valid");
            return answer.unwrap_or_else(|| respond(route.errors(), bad));
        }
        context.hsts = domain.hsts.filter(|_| scheme == Scheme::Https);
    }
    if let Some(maintenance) = route.maintenance() {
        let trusted = &context.serve.trusted;
        let scheme = forwarded::scheme(&parts.headers, context.peer, context.scheme, trusted);
        if let Some(answer) = maintenance::answer(&maintenance, parts.uri.path(), &parts.headers, scheme) {
            return answer;
        }
    }
    let limits = &context.serve.limits;
    let turn = route.count_request();
    let own = |reason| respond_for(&route, reason, None);
    // On an app's own port the connection has counted for the app from its beginning.
    if domain.is_some() && !context.permit.assign(route.app()) {
        return own(ErrorReason::Crowded);
    }
    let headers = &mut parts.headers;
    let chunked = headers.contains_key(TRANSFER_ENCODING);
    match validate::set_framing(headers, &body, chunked) {
        Ok(()) => {}
        Err(BadLength::Ambiguous) => return own(ErrorReason::BadRequest("the request has several lengths")),
        Err(BadLength::TooLong) => return own(ErrorReason::LongBody),
    }
    if upgrading.is_none() {
        headers.remove(hyper::header::UPGRADE);
    }
    hop_headers::strip(headers);
    hop_headers::strip_lookalikes(headers);
    forwarded::set(headers, context.peer, context.scheme, &context.serve.trusted);
    request_id::set(headers);
    if let Some(domain) = domain.filter(|domain| domain.strip_path) {
        let Some(uri) = without_path(&domain, &parts.uri) else {
            return own(ErrorReason::BadRequest("the request's path is not valid"));
        };
        parts.uri = uri;
        forwarded::set_prefix(headers, domain.path.as_str());
    }
    if chunked {
        // Also with a method that seldom has a body.
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    parts.version = Version::HTTP_11;
    let uri = origin_form(parts.uri);

    let mut attempts = Attempts::begin();
    let mut resent = false;
    loop {
        // Each attempt picks a target anew, so that it goes where the route points now.
        let waited_since = Instant::now();
        let lease = match route.lease(turn, attempts.refused_by()).await {
            Ok(lease) => lease,
            Err(Unroutable::NoTarget) => return own(ErrorReason::NoTarget),
            Err(Unroutable::HeldTooLong) => return own(ErrorReason::HeldTooLong),
        };
        attempts.was_held(waited_since.elapsed());
        let Some(address) = lease.target().reachable() else {
            drop(lease);
            if attempts.are_over() {
                return own(ErrorReason::NotRunning);
            }
            attempts.wait().await;
            continue;
        };
        if address.port() == 0 {
            return own(ErrorReason::NoWeb);
        }
        let mut attempt = Request::new(body.clone());
        *attempt.method_mut() = parts.method.clone();
        *attempt.uri_mut() = uri.clone();
        *attempt.headers_mut() = parts.headers.clone();
        attempt
            .headers_mut()
            .entry(HOST)
            .or_insert_with(|| host_of(address));
        let target = lease.target();
        if target.is_h2c() {
            http2_request::to_http2(&mut attempt, address);
        } else {
            // They say how the names of the headers were written.
            *attempt.extensions_mut() = parts.extensions.clone();
        }
        if options.expects_continue.is_some() {
            forward_continue(&mut attempt, &body, target);
        }
        let sending = target.send(address, attempt);
        let Some(sent) = await_response(sending, &body, limits.answer_timeout).await else {
            return own(if context.active.connection().is_request_unread() {
                ErrorReason::TakesNothing
            } else {
                ErrorReason::SlowAnswer
            });
        };
        let error = match sent {
            Ok(response) => {
                lease.target().note_version(response.version());
                let refused = body.answered(response.status());
                let compression = lease.target().compresses().then(|| AskedFor {
                    method: parts.method,
                    coding: ContentCoding::accepted(&parts.headers),
                });
                let asked = (upgrading, compression);
                return pass_on(&route, response, lease, refused, asked, context, cutting);
            }
            Err(error) => error,
        };
        let container = lease.target().facts().container;
        drop(lease);
        let (failure, reason) = failure::classify(&error);
        if let Some(fault) = body.fault() {
            let reason = match fault {
                BodyFault::Stalled => ErrorReason::SlowBody,
                BodyFault::Malformed => ErrorReason::BadBody,
                BodyFault::Truncated => ErrorReason::BrokenBody,
            };
            return respond_for(&route, reason, Some(&error));
        }
        let failed = FailedRequest {
            idempotent,
            resendable: body.can_be_resent(),
            resent,
        };
        match retry::decide(failed, failure) {
            Retry::UntilConnected if !attempts.are_over() => attempts.refused(&route, container).await,
            // The app closed a kept-alive connection while the request was on its way.
            Retry::Once => resent = true,
            Retry::UntilConnected | Retry::Never => return respond_for(&route, reason, Some(&error)),
        }
    }
}

/// Returns whether the client waits for `100 Continue` before it sends the body. In HTTP/1.0 there is no such thing, so the
/// header is ignored there, RFC 9110 section 10.1.1.
fn expects_continue(parts: &mut request::Parts, body: &Incoming) -> bool {
    if parts.version < Version::HTTP_11 {
        parts.headers.remove(EXPECT);
        return false;
    }
    let mut expected = parts.headers.get_all(EXPECT).iter();
    !body.is_end_stream() && expected.any(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Lets the client send its body as soon as the app answers `100 Continue`; at once if the app is known not to, or cannot be heard
/// to, as by HTTP/2.
fn forward_continue(attempt: &mut Request<RequestBody>, body: &RequestBody, target: &Target) {
    if target.is_http10() || target.is_h2c() {
        body.meet_expectation();
        return;
    }
    let body = body.clone();
    on_informational(attempt, move |response| {
        if response.status() == StatusCode::CONTINUE {
            body.meet_expectation();
        }
    });
}

/// Waits for the app's response; returns nothing when that takes too long. The time counts from when the app could have
/// all of the request that has come.
async fn await_response(
    sending: impl Future<Output = Result<Response<UpstreamBody>, SendError>>,
    body: &RequestBody,
    limit: Option<Duration>,
) -> Option<Result<Response<UpstreamBody>, SendError>> {
    let Some(limit) = limit else {
        return Some(sending.await);
    };
    let mut sending = std::pin::pin!(sending);
    let mut due = Instant::now() + limit;
    loop {
        if let Ok(sent) = timeout_at(due, sending.as_mut()).await {
            return Some(sent);
        }
        let later = body.awaits_app_since().map_or(due, |since| since + limit);
        if later <= due {
            return None;
        }
        due = later;
    }
}

/// Returns the host of a request that names none, as in HTTP/1.0.
fn host_of(address: SocketAddr) -> HeaderValue {
    HeaderValue::from_str(&address.to_string()).unwrap_or(HeaderValue::from_static("localhost"))
}

/// Returns a request's address without the domain's path before it.
fn without_path(domain: &Domain, requested: &Uri) -> Option<Uri> {
    let rest = domain.path.rest_of(requested.path())?;
    let path = if rest.is_empty() { "/" } else { rest };
    let query = requested.query().map(|query| format!("?{query}"));
    format!("{path}{}", query.unwrap_or_default()).parse().ok()
}

/// Returns what the target is asked for: the path and the query alone, RFC 9112 section 3.2.1.
fn origin_form(requested: Uri) -> Uri {
    match requested.into_parts().path_and_query {
        Some(path) => Uri::from(path),
        None => Uri::from_static("/"),
    }
}

/// What a response's compression depends on.
struct AskedFor {
    method: Method,
    /// The coding that the client likes best.
    coding: Option<ContentCoding>,
}

impl AskedFor {
    /// Says in a response's head how it comes, and returns what makes its body so; none for one that comes as it is.
    fn compress(&self, status: StatusCode, headers: &mut HeaderMap) -> Option<Compressor> {
        if !compressible::is_compressible(&self.method, status, headers) {
            return None;
        }
        compressible::note_choice(headers);
        let coding = self.coding.filter(|_| self.method != Method::HEAD)?;
        match Compressor::new(coding) {
            Ok(compressor) => {
                compressible::note_coding(headers, coding);
                Some(compressor)
            }
            Err(error) => {
                tracing::warn!("an answer is not compressed: {error}");
                None
            }
        }
    }
}

/// Makes the app's response one for the client.
fn pass_on(
    route: &Route,
    mut response: Response<UpstreamBody>,
    lease: Lease,
    refused: Option<RefusedBody>,
    (upgrading, compression): (Option<hyper::upgrade::OnUpgrade>, Option<AskedFor>),
    context: RequestContext,
    cutting: CancellationToken,
) -> Response<ResponseBody> {
    if !validate::is_plain(response.headers()) {
        return respond_for(route, ErrorReason::CodedAnswer, None);
    }
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let app = hyper::upgrade::on(&mut response);
        let (mut parts, body) = response.into_parts();
        hop_headers::strip(&mut parts.headers);
        parts.headers.remove(CONTENT_LENGTH);
        return match upgrading {
            Some(client) => {
                upgrade::connect(client, app, lease, context, cutting);
                Response::from_parts(parts, ResponseBody::app(body, None, None))
            }
            None => respond_for(route, ErrorReason::OtherProtocol, None),
        };
    }
    let (mut parts, body) = response.into_parts();
    let chunked = parts.headers.contains_key(TRANSFER_ENCODING);
    if validate::set_framing(&mut parts.headers, &body, chunked).is_err() {
        return respond_for(route, ErrorReason::AnswerLengths, None);
    }
    hop_headers::strip(&mut parts.headers);
    if let Some(value) = context
        .hsts
        .and_then(|seconds| HeaderValue::try_from(format!("max-age={seconds}")).ok())
    {
        // What the app says itself counts.
        parts.headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(value);
    }
    parts.version = Version::HTTP_11;
    let compressor = compression
        .filter(|_| !body.is_end_stream())
        .and_then(|asked| asked.compress(parts.status, &mut parts.headers));
    // The request ends here if nothing more comes.
    let lease = (!body.is_end_stream()).then_some(lease);
    let mut body = ResponseBody::app(body, lease, refused);
    if let Some(compressor) = compressor {
        body = body.compressed(compressor);
    }
    Response::from_parts(parts, body)
}
