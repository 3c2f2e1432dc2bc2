//! One health check.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use gokku_core::config::app_protocol::AppProtocol;
use gokku_core::domains::scheme::Scheme;
use gokku_proxy::health::probe::{AskedName, Probe, probe};

use crate::support::{Http2App, Message, PATIENCE, Upstream, Wire, free_ports};

fn http1(upstream: &Upstream) -> (SocketAddr, AppProtocol) {
    (upstream.address(), AppProtocol::Http1)
}

/// Asks an app that answers these bytes and ends; what it was asked, and what was found.
async fn answered(bytes: impl AsRef<[u8]>) -> (Message, Probe) {
    let upstream = Upstream::new().await;
    let asked = async {
        let mut wire = upstream.accept().await;
        let request = wire.message().await;
        wire.send(bytes).await;
        request
    };
    tokio::join!(asked, probe(http1(&upstream), "/up?x=1", None, PATIENCE))
}

fn answer(status: u16, location: Option<&str>, body: &str) -> Probe {
    Probe::Answered {
        status,
        location: location.map(str::to_owned),
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn p03_only_200_is_healthy() {
    let (request, found) = answered("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    assert_eq!(found, answer(200, None, ""));
    assert!(found.is_healthy());
    assert_eq!(request.first, "GET /up?x=1 HTTP/1.1");
    assert!(request.header("host").unwrap().starts_with("127.0.0.1:"));
    assert_eq!(request.header("user-agent"), Some("gokku-health-check"));
    for status in [201, 204, 301, 404, 500, 503] {
        let (_, found) = answered(format!("HTTP/1.1 {status} X\r\nconnection: close\r\n\r\n")).await;
        assert_eq!(found, answer(status, None, ""));
        assert!(!found.is_healthy(), "{status}");
    }
}

/// A body that never ends does not make a healthy app sick.
#[tokio::test]
async fn p03_the_head_is_enough() {
    let upstream = Upstream::new().await;
    let asked = async {
        let mut wire = upstream.accept().await;
        wire.message().await;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun")
            .await;
        wire
    };
    let (_open, found) = tokio::join!(asked, probe(http1(&upstream), "/", None, PATIENCE));
    assert!(found.is_healthy());
}

#[tokio::test]
async fn a_redirect_says_where_to() {
    let (_, found) =
        answered("HTTP/1.1 302 Found\r\nlocation: https://api.example.com/up\r\ncontent-length: 0\r\n\r\n")
            .await;
    assert_eq!(found, answer(302, Some("https://api.example.com/up"), ""));
}

#[tokio::test]
async fn an_error_shows_the_beginning_of_its_body() {
    let long = "x".repeat(100_000);
    let (_, found) = answered(format!(
        "HTTP/1.1 500 Oops\r\ncontent-length: 100009\r\n\r\n \nbroken {long}"
    ))
    .await;
    let Probe::Answered { status, body, .. } = found else {
        panic!("no answer: {found:?}");
    };
    assert_eq!(status, 500);
    assert!(body.starts_with("broken xxx") && body.len() <= 300, "{body:?}");
}

/// An app that answers only for its domain is asked by it.
#[tokio::test]
async fn the_host_can_be_given() {
    let upstream = Upstream::new().await;
    let asked = async {
        let mut wire: Wire = upstream.accept().await;
        let request = wire.message().await;
        wire.send(crate::support::ok("")).await;
        request
    };
    let name = AskedName {
        host: "api.example.com".to_owned(),
        scheme: Scheme::Http,
    };
    let probing = probe(http1(&upstream), "/", Some(&name), PATIENCE);
    let (request, found) = tokio::join!(asked, probing);
    assert_eq!(request.header("host"), Some("api.example.com"));
    assert_eq!(request.header("x-forwarded-proto"), None);
    assert!(found.is_healthy());
}

#[tokio::test]
async fn where_nothing_listens_it_is_refused() {
    let nowhere = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), free_ports());
    assert_eq!(
        probe((nowhere, AppProtocol::Http1), "/", None, PATIENCE).await,
        Probe::Refused
    );
}

#[tokio::test]
async fn an_app_that_does_not_answer_is_not_waited_for() {
    let upstream = Upstream::new().await;
    let found = probe(http1(&upstream), "/", None, Duration::from_millis(50)).await;
    assert_eq!(found, Probe::TimedOut);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let upstream = Upstream::new().await;
    let asked = async {
        let mut wire = upstream.accept().await;
        // On a busy machine the time may be over before the request is sent.
        let _ = wire.try_message().await;
        let _ = wire
            .try_send("HTTP/1.1 500 Oops\r\ncontent-length: 100\r\n\r\nbegun")
            .await;
        wire
    };
    let probing = probe(http1(&upstream), "/", None, Duration::from_millis(300));
    let (_open, found) = tokio::join!(asked, probing);
    assert_eq!(found, Probe::TimedOut);
}

#[tokio::test]
async fn garbage_is_no_answer() {
    for garbage in ["SSH-2.0-OpenSSH_9.2\r\n", "", "HTTP/1.1 two hundred\r\n\r\n"] {
        let (_, found) = answered(garbage).await;
        assert!(
            matches!(&found, Probe::Broken(why) if !why.is_empty()),
            "{found:?}"
        );
    }
}

/// P41: an app that speaks HTTP/2 is asked so.
#[tokio::test]
async fn p41_an_app_of_http2_is_asked_by_http2() {
    let app = Http2App::new().await;
    let name = AskedName::new("api.example.com", true);
    let asked = async {
        let mut served = app.request().await;
        assert_eq!(served.head.method, "GET");
        assert_eq!(served.head.uri, "http://api.example.com/up?x=1");
        assert_eq!(served.head.headers["x-forwarded-proto"], "https");
        served.answer(200, true);
        served
    };
    let probing = probe(
        (app.address(), AppProtocol::H2c),
        "/up?x=1",
        Some(&name),
        PATIENCE,
    );
    let (_served, found) = tokio::join!(asked, probing);
    assert!(found.is_healthy(), "{found:?}");
    let asked = async {
        let mut served = app.request().await;
        let mut body = served.answer(404, false);
        body.send_data("what?".into(), true).unwrap();
        served
    };
    let probing = probe((app.address(), AppProtocol::H2c), "/", None, PATIENCE);
    let (_served, found) = tokio::join!(asked, probing);
    assert_eq!(found, answer(404, None, "what?"));
    // One that speaks something else, and one that says nothing.
    let upstream = Upstream::new().await;
    let asked = async {
        let mut wire = upstream.accept().await;
        wire.send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            .await;
        wire.rest().await
    };
    let probing = probe((upstream.address(), AppProtocol::H2c), "/", None, PATIENCE);
    let (_, found) = tokio::join!(asked, probing);
    assert!(
        matches!(&found, Probe::Broken(why) if why.starts_with("it does not answer by HTTP/2")),
        "{found:?}"
    );
    let silent = Upstream::new().await;
    let at = (silent.address(), AppProtocol::H2c);
    let found = probe(at, "/", None, Duration::from_millis(50)).await;
    assert_eq!(found, Probe::TimedOut);
}
