//! One request on its way: leased to a target, sent, and its answer given back.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::header::{
    CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, SERVER, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::answer::Answer;
use crate::body::Body;
use crate::connector::Answered;
use crate::pause::Pause;
use crate::switch::{Nowhere, Route};
use crate::target::Lease;
use crate::upgrade;

/// How long an app that refuses connections is tried again while nothing of a request was sent: a crashed
/// container may be back by then.
const PATIENCE: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Tells the switch's own answers from an app's.
const ERROR: HeaderName = HeaderName::from_static("x-gokku-error");

/// What stays between two hosts, RFC 9110 section 7.6.1.
const HOP_BY_HOP: [HeaderName; 5] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRANSFER_ENCODING,
];

/// Answers one request of `peer` for `route`.
pub(crate) async fn forward(
    route: Arc<Route>,
    peer: IpAddr,
    mut request: Request<Incoming>,
    stopping: CancellationToken,
) -> Response<Answer> {
    let turn = route.arrive();
    if request.method() == Method::CONNECT {
        return own(
            StatusCode::METHOD_NOT_ALLOWED,
            "bad-request",
            "this is no proxy to other places",
        );
    }
    let upgrading = upgrade_of(request.headers())
        .is_some()
        .then(|| hyper::upgrade::on(&mut request));
    let (mut parts, body) = request.into_parts();
    let body = Body::new(body);
    pass_on(&mut parts.headers, peer);
    parts.version = Version::HTTP_11;
    let again = body.is_end_stream() && is_idempotent(&parts.method);

    let mut began = Instant::now();
    let mut pause = Pause::up_to(LONGEST_PAUSE);
    let mut lost = false;
    loop {
        // Each attempt picks anew, so that it goes where the route points now.
        let asked = Instant::now();
        let lease = match route.lease(turn).await {
            Ok(lease) => lease,
            Err(nowhere) => return refusal(nowhere),
        };
        // Being held is not what its patience is for: the container may have come up only just now.
        began += asked.elapsed();
        let Some(address) = lease.target().reachable() else {
            drop(lease);
            if began.elapsed() >= PATIENCE {
                tracing::warn!(app = %route.app(), "its container does not run");
                return own(StatusCode::BAD_GATEWAY, "upstream", "the app does not run");
            }
            pause.wait().await;
            continue;
        };
        let Some(uri) = uri(address, &parts.uri) else {
            return own(
                StatusCode::BAD_REQUEST,
                "bad-request",
                "the request's path is not valid",
            );
        };
        let mut attempt = Request::new(body.clone());
        *attempt.method_mut() = parts.method.clone();
        *attempt.uri_mut() = uri;
        *attempt.headers_mut() = parts.headers.clone();
        let error = match lease.target().client.request(attempt).await {
            Ok(response) => {
                Answered::note(response.extensions());
                return answer(response, lease, upgrading, stopping);
            }
            Err(error) => error,
        };
        drop(lease);
        if error.is_connect() && !body.was_read() && began.elapsed() < PATIENCE {
            pause.wait().await;
        } else if again && !lost && Answered::before(&error) {
            // A kept-alive connection that the app closed as the request was on its way.
            lost = true;
        } else {
            tracing::warn!(app = %route.app(), "{}", causes(&error));
            return own(
                StatusCode::BAD_GATEWAY,
                "upstream",
                "the app did not answer this request",
            );
        }
    }
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

/// The protocol that a message wants to change to.
fn upgrade_of(headers: &HeaderMap) -> Option<&HeaderValue> {
    let wants = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|word| word.trim().eq_ignore_ascii_case("upgrade"));
    headers.get(UPGRADE).filter(|_| wants)
}

/// Removes what is between two hosts only, but for an upgrade.
fn strip(headers: &mut HeaderMap) {
    let upgrade = upgrade_of(headers).cloned();
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|word| word.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    headers.remove(UPGRADE);
    if let Some(protocol) = upgrade {
        headers.insert(UPGRADE, protocol);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

/// Makes a client's headers an app's: who asked, and how.
fn pass_on(headers: &mut HeaderMap, peer: IpAddr) {
    const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    const ASKED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
    const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
    strip(headers);
    let before: Vec<&str> = headers
        .get_all(FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let peer = peer.to_canonical().to_string();
    let whole = if before.is_empty() {
        peer
    } else {
        format!("{}, {peer}", before.join(", "))
    };
    if let Ok(value) = HeaderValue::try_from(whole) {
        headers.insert(FOR, value);
    }
    if let (Some(host), false) = (headers.get(HOST).cloned(), headers.contains_key(ASKED_HOST)) {
        headers.insert(ASKED_HOST, host);
    }
    headers.entry(PROTO).or_insert(HeaderValue::from_static("http"));
}

fn answer(
    mut response: Response<Incoming>,
    lease: Lease,
    upgrading: Option<hyper::upgrade::OnUpgrade>,
    stopping: CancellationToken,
) -> Response<Answer> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let app = hyper::upgrade::on(&mut response);
        let (mut parts, body) = response.into_parts();
        strip(&mut parts.headers);
        return match upgrading {
            Some(client) => {
                upgrade::connect(client, app, lease, stopping);
                Response::from_parts(parts, Answer::App { body, lease: None })
            }
            None => own(
                StatusCode::BAD_GATEWAY,
                "upstream",
                "the app changed the protocol without being asked",
            ),
        };
    }
    let (mut parts, body) = response.into_parts();
    strip(&mut parts.headers);
    parts.version = Version::HTTP_11;
    // Nothing more comes: the request has ended.
    let lease = (!body.is_end_stream()).then_some(lease);
    Response::from_parts(parts, Answer::App { body, lease })
}

fn refusal(nowhere: Nowhere) -> Response<Answer> {
    let mut response = match nowhere {
        Nowhere::NoTarget => own(
            StatusCode::SERVICE_UNAVAILABLE,
            "no-target",
            "no release of this app is running",
        ),
        Nowhere::HeldTooLong => own(
            StatusCode::SERVICE_UNAVAILABLE,
            "held-too-long",
            "the app is being replaced and took too long",
        ),
    };
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// An answer of the switch itself.
fn own(status: StatusCode, error: &'static str, words: &'static str) -> Response<Answer> {
    let mut response = Response::new(Answer::Own(Full::new(Bytes::from(format!("{words}\n")))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static("gokku"));
    headers.insert(ERROR, HeaderValue::from_static(error));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
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
