//! One request on its way: leased to a target, sent, and its answer given back.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gokku_core::pause::Pause;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::client::legacy::{Error, ResponseFuture};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::answer::Answer;
use crate::body::{Body, Broken};
use crate::connector::Answered;
use crate::crowd::Place;
use crate::pulse::Asked;
use crate::serve::Terms;
use crate::switch::{Nowhere, Route};
use crate::target::Lease;
use crate::{forwarded, hops, own, strict, upgrade};

/// How long an app that refuses connections is tried again while nothing of a request was sent: a crashed
/// container may be back by then.
const PATIENCE: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Whose a request is.
pub(crate) struct Visit {
    pub(crate) peer: IpAddr,
    pub(crate) asked: Arc<Asked>,
    #[expect(
        dead_code,
        reason = "its connection is one of the crowd as long as this is here"
    )]
    pub(crate) place: Arc<Place>,
    pub(crate) terms: Arc<Terms>,
}

/// Answers one request for `route`.
pub(crate) async fn forward(
    route: Arc<Route>,
    visit: Visit,
    mut request: Request<Incoming>,
    stopping: CancellationToken,
) -> Response<Answer> {
    let turn = route.arrive();
    let limits = &visit.terms.limits;
    if request.method() == Method::CONNECT {
        return own::last(
            StatusCode::METHOD_NOT_ALLOWED,
            "bad-request",
            "this is no proxy to other places",
        );
    }
    let upgrading = (request.version() == Version::HTTP_11 && hops::upgrade_of(request.headers()).is_some())
        .then(|| hyper::upgrade::on(&mut request));
    let (mut parts, body) = request.into_parts();
    let body = Body::new(body, Arc::clone(&visit.asked), limits.upload_timeout);
    if let Err(words) = strict::check(&mut parts) {
        return own::bad_request(words);
    }
    let headers = &mut parts.headers;
    let chunked = headers.contains_key(TRANSFER_ENCODING);
    if strict::frame(headers, &body, chunked).is_err() {
        return own::bad_request("the request has several lengths");
    }
    if upgrading.is_none() {
        headers.remove(hyper::header::UPGRADE);
    }
    hops::strip(headers);
    hops::strip_doubles(headers);
    forwarded::tell(headers, visit.peer, &visit.terms.trusted);
    if chunked {
        // Also where the method is one that seldom has a body.
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    parts.version = Version::HTTP_11;
    let again = body.is_end_stream() && is_idempotent(&parts.method);

    let mut began = Instant::now();
    let mut pause = Pause::up_to(LONGEST_PAUSE);
    let mut lost = false;
    let mut refused = Vec::new();
    loop {
        // Each attempt picks anew, so that it goes where the route points now.
        let asked = Instant::now();
        let lease = match route.lease(turn, &refused).await {
            Ok(lease) => lease,
            Err(nowhere) => return own::nowhere(nowhere),
        };
        // Being held is not what its patience is for: the container may have come up only just now.
        began += asked.elapsed();
        let Some(address) = lease.target().reachable() else {
            drop(lease);
            if began.elapsed() >= PATIENCE {
                tracing::warn!(app = %route.app(), "its container does not run");
                return own::bad_gateway("the app does not run");
            }
            sleep(pause.take()).await;
            continue;
        };
        if address.port() == 0 {
            return own::nowhere(Nowhere::NoWeb);
        }
        let Some(uri) = uri(address, &parts.uri) else {
            return own::bad_request("the request's path is not valid");
        };
        let mut attempt = Request::new(body.clone());
        *attempt.method_mut() = parts.method.clone();
        *attempt.uri_mut() = uri;
        *attempt.headers_mut() = parts.headers.clone();
        // How the names of the headers were written is among them.
        *attempt.extensions_mut() = parts.extensions.clone();
        let sending = lease.target().client.request(attempt);
        let Some(sent) = answered(sending, &body, limits.answer_timeout).await else {
            tracing::warn!(app = %route.app(), "it took too long to answer");
            return too_late();
        };
        let error = match sent {
            Ok(response) => {
                Answered::note(response.extensions());
                return answer(response, lease, upgrading, visit, stopping);
            }
            Err(error) => error,
        };
        let asked_of = lease.target().facts().container;
        drop(lease);
        match body.broken() {
            Some(Broken::Stalled) => {
                return own::last(
                    StatusCode::REQUEST_TIMEOUT,
                    "slow-client",
                    "the rest of the request did not come",
                );
            }
            Some(Broken::Malformed) => return own::bad_request("the request's body is not valid"),
            None => {}
        }
        if is_too_large(&error) {
            tracing::warn!(app = %route.app(), "{}", causes(&error));
            return own::bad_gateway(
                "the app's answer has more or larger headers than the switch takes (max_answer_headers, max_answer_head_bytes)",
            );
        }
        if error.is_connect() && !body.was_read() && began.elapsed() < PATIENCE {
            if refused.contains(&asked_of) || !route.has_other(&asked_of) {
                // All have been asked: they are given time.
                refused.clear();
                sleep(pause.take()).await;
            } else {
                refused.push(asked_of);
            }
        } else if again && !lost && Answered::before(&error) {
            // A kept-alive connection that the app closed as the request was on its way.
            lost = true;
        } else {
            tracing::warn!(app = %route.app(), "{}", causes(&error));
            if !error.is_connect() && is_timeout(&error) {
                return too_late();
            }
            return own::bad_gateway("the app did not answer this request");
        }
    }
}

/// What the app answers; nothing where it takes longer than it may, which counts from when all of the request that
/// there is has been left to it.
async fn answered(
    sending: ResponseFuture,
    body: &Body,
    limit: Option<Duration>,
) -> Option<Result<Response<Incoming>, Error>> {
    let Some(limit) = limit else {
        return Some(sending.await);
    };
    let mut sending = std::pin::pin!(sending);
    let mut due = Instant::now() + limit;
    loop {
        if let Ok(sent) = timeout_at(due, sending.as_mut()).await {
            return Some(sent);
        }
        let later = body.left_to_the_app().map_or(due, |since| since + limit);
        if later <= due {
            return None;
        }
        due = later;
    }
}

fn too_late() -> Response<Answer> {
    own::last(
        StatusCode::GATEWAY_TIMEOUT,
        "upstream-timeout",
        "the app took too long to answer this request",
    )
}

/// Whether the kernel gave the connection up, because the app took nothing.
fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

/// Whether the app answered, with a head that is too large.
fn is_too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|cause| cause.downcast_ref::<hyper::Error>())
        .any(hyper::Error::is_parse_too_large)
}

fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
    )
}

/// The request's address at the target.
fn uri(address: SocketAddr, asked: &Uri) -> Option<Uri> {
    let path = asked.path_and_query().map_or("/", |path| path.as_str());
    Uri::builder()
        .scheme("http")
        .authority(address.to_string())
        .path_and_query(path)
        .build()
        .ok()
}

fn answer(
    mut response: Response<Incoming>,
    lease: Lease,
    upgrading: Option<hyper::upgrade::OnUpgrade>,
    visit: Visit,
    stopping: CancellationToken,
) -> Response<Answer> {
    if !strict::is_plain(response.headers()) {
        return own::bad_gateway("the app's answer is in a form that cannot be passed on");
    }
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let app = hyper::upgrade::on(&mut response);
        let (mut parts, body) = response.into_parts();
        hops::strip(&mut parts.headers);
        parts.headers.remove(CONTENT_LENGTH);
        return match upgrading {
            Some(client) => {
                upgrade::connect(client, app, lease, visit, stopping);
                Response::from_parts(parts, Answer::app(body, None))
            }
            None => own::bad_gateway("the app changed the protocol without being asked"),
        };
    }
    let (mut parts, body) = response.into_parts();
    let chunked = parts.headers.contains_key(TRANSFER_ENCODING);
    if strict::frame(&mut parts.headers, &body, chunked).is_err() {
        return own::bad_gateway("the app's answer has several lengths");
    }
    hops::strip(&mut parts.headers);
    parts.version = Version::HTTP_11;
    // Nothing more comes: the request has ended.
    let lease = (!body.is_end_stream()).then_some(lease);
    Response::from_parts(parts, Answer::app(body, lease))
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
