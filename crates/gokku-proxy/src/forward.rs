//! One request on its way: leased to a target, sent, and its answer given back.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gokku_core::machine::backoff::Pause;
use hyper::body::{Body as _, Incoming};
use hyper::ext::on_informational;
use hyper::header::{CONTENT_LENGTH, EXPECT, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request;
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::client::legacy::{Error, ResponseFuture};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::again::{self, Again, again, is_idempotent};
use crate::answer::Answer;
use crate::body::{self, Body, Broken, Unwanted};
use crate::crowd::Place;
use crate::line::Heard;
use crate::own::{self, Why};
use crate::pulse::Asked;
use crate::serve::Terms;
use crate::strict::{self, BadLength};
use crate::switch::{Nowhere, Route};
use crate::target::{Lease, Target};
use crate::{failure, forwarded, hops, upgrade};

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
    let own = |why| own::answer(&route, why);
    if request.method() == Method::CONNECT {
        return own(Why::NoProxy);
    }
    let upgrading = (request.version() == Version::HTTP_11 && hops::upgrade_of(request.headers()).is_some())
        .then(|| hyper::upgrade::on(&mut request));
    let (mut parts, body) = request.into_parts();
    let idempotent = is_idempotent(&parts.method);
    let terms = body::Terms {
        limit: limits.upload_timeout,
        keep: idempotent,
        asks: asks(&mut parts, &body).then_some(limits.continue_timeout),
    };
    let body = Body::new(body, Arc::clone(&visit.asked), terms);
    if let Err(words) = strict::check(&mut parts) {
        return own(Why::BadRequest(words));
    }
    let headers = &mut parts.headers;
    let chunked = headers.contains_key(TRANSFER_ENCODING);
    match strict::frame(headers, &body, chunked) {
        Ok(()) => {}
        Err(BadLength::Several) => return own(Why::BadRequest("the request has several lengths")),
        Err(BadLength::TooLong) => return own(Why::LongBody),
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

    let mut began = Instant::now();
    let mut pause = Pause::up_to(LONGEST_PAUSE);
    let mut repeated = false;
    let mut refused = Vec::new();
    loop {
        // Each attempt picks anew, so that it goes where the route points now.
        let asked = Instant::now();
        let lease = match route.lease(turn, &refused).await {
            Ok(lease) => lease,
            Err(nowhere) => return own(Why::Nowhere(nowhere)),
        };
        // Being held is not what its patience is for: the container may have come up only just now.
        began += asked.elapsed();
        let Some(address) = lease.target().reachable() else {
            drop(lease);
            if began.elapsed() >= PATIENCE {
                return own(Why::NotRunning);
            }
            sleep(pause.take()).await;
            continue;
        };
        if address.port() == 0 {
            return own(Why::Nowhere(Nowhere::NoWeb));
        }
        let Some(uri) = uri(address, &parts.uri) else {
            return own(Why::BadRequest("the request's path is not valid"));
        };
        let mut attempt = Request::new(body.clone());
        *attempt.method_mut() = parts.method.clone();
        *attempt.uri_mut() = uri;
        *attempt.headers_mut() = parts.headers.clone();
        // How the names of the headers were written is among them.
        *attempt.extensions_mut() = parts.extensions.clone();
        if terms.asks.is_some() {
            hear_of_leave(&mut attempt, &body, lease.target());
        }
        let sending = lease.target().client.request(attempt);
        let Some(sent) = answered(sending, &body, limits.answer_timeout).await else {
            return own(if visit.asked.pulse().is_unread() {
                Why::TakesNothing
            } else {
                Why::SlowAnswer
            });
        };
        let error = match sent {
            Ok(response) => {
                Heard::note(response.extensions());
                lease.target().answered_in(response.version());
                let unwanted = body.answered(response.status());
                return answer(&route, response, lease, unwanted, upgrading, visit, stopping);
            }
            Err(error) => error,
        };
        let asked_of = lease.target().facts().container;
        drop(lease);
        let (failure, why) = failure::of(&error);
        if let Some(broken) = body.broken() {
            let why = match broken {
                Broken::Stalled => Why::SlowBody,
                Broken::Malformed => Why::BadBody,
                Broken::Ended => Why::BrokenBody,
            };
            return own::answer_to(&route, why, &error);
        }
        let lost = again::Request {
            idempotent,
            whole: body.is_whole(),
            repeated,
        };
        match again(lost, failure) {
            Again::Until if began.elapsed() < PATIENCE => {
                if refused.contains(&asked_of) || !route.has_other(&asked_of) {
                    // All have been asked: they are given time.
                    refused.clear();
                    sleep(pause.take()).await;
                } else {
                    refused.push(asked_of);
                }
            }
            // A kept-alive connection that the app closed as the request was on its way.
            Again::Once => repeated = true,
            Again::Until | Again::No => return own::answer_to(&route, why, &error),
        }
    }
}

/// Whether its client waits to be told that it may send the body. One that speaks HTTP/1.0 cannot be told, so that what it
/// says of it is nothing, RFC 9110 section 10.1.1.
fn asks(parts: &mut request::Parts, body: &Incoming) -> bool {
    if parts.version < Version::HTTP_11 {
        parts.headers.remove(EXPECT);
        return false;
    }
    let mut expected = parts.headers.get_all(EXPECT).iter();
    !body.is_end_stream() && expected.any(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Lets the client send its body as soon as the app says so; at once where it is known that the app will not.
fn hear_of_leave(attempt: &mut Request<Body>, body: &Body, target: &Target) {
    if target.is_old() {
        body.give_leave();
        return;
    }
    let body = body.clone();
    on_informational(attempt, move |response| {
        if response.status() == StatusCode::CONTINUE {
            body.give_leave();
        }
    });
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
    route: &Route,
    mut response: Response<Incoming>,
    lease: Lease,
    unwanted: Option<Unwanted>,
    upgrading: Option<hyper::upgrade::OnUpgrade>,
    visit: Visit,
    stopping: CancellationToken,
) -> Response<Answer> {
    if !strict::is_plain(response.headers()) {
        return own::answer(route, Why::CodedAnswer);
    }
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let app = hyper::upgrade::on(&mut response);
        let (mut parts, body) = response.into_parts();
        hops::strip(&mut parts.headers);
        parts.headers.remove(CONTENT_LENGTH);
        return match upgrading {
            Some(client) => {
                upgrade::connect(client, app, lease, visit, stopping);
                Response::from_parts(parts, Answer::app(body, None, None))
            }
            None => own::answer(route, Why::OtherProtocol),
        };
    }
    let (mut parts, body) = response.into_parts();
    let chunked = parts.headers.contains_key(TRANSFER_ENCODING);
    if strict::frame(&mut parts.headers, &body, chunked).is_err() {
        return own::answer(route, Why::AnswerLengths);
    }
    hops::strip(&mut parts.headers);
    parts.version = Version::HTTP_11;
    // Nothing more comes: the request has ended.
    let lease = (!body.is_end_stream()).then_some(lease);
    Response::from_parts(parts, Answer::app(body, lease, unwanted))
}
