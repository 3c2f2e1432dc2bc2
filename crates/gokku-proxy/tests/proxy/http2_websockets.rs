//! P42: WebSockets by HTTP/2 (RFC 8441), to apps that know only those of HTTP/1.1.

use std::time::Duration;

use bytes::Bytes;
use h2::client::Builder;
use h2::ext::Protocol;
use h2::{Reason, SendStream};

use crate::support::{
    Answering, Http2, Http2App, Message, Named, PATIENCE, Site, Upstream, Wire, asked, ok, reset_of, soon,
    until,
};

async fn site() -> Site {
    let mut site = Site::stopped();
    site.h2c = true;
    site.start().await.expect("the switch starts");
    site
}

/// Asks for a protocol on a part of the connection.
async fn ask(client: &mut Http2, protocol: &'static str) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
    let mut request = asked("CONNECT", "/ws?room=1")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "chat")
        .header("origin", "https://api.example.com")
        .body(())
        .unwrap();
    request.extensions_mut().insert(Protocol::from_static(protocol));
    let sent = client.try_send_as(request, false).await.unwrap();
    (sent.answer, sent.body)
}

/// A client that knows that it may ask so: the switch has said it.
async fn connected(port: u16) -> Http2 {
    let client = Http2::with(port, &Builder::new()).await;
    until("the switch to say that it may", async || {
        client.may_ask_for_protocols().then_some(())
    })
    .await;
    client
}

fn is_a_request_for_it(request: &Message) {
    assert_eq!(request.first, "GET /ws?room=1 HTTP/1.1");
    assert_eq!(request.header("host"), Some("api.example.com"));
    assert_eq!(request.header("connection"), Some("upgrade"));
    assert_eq!(request.header("upgrade"), Some("websocket"));
    assert_eq!(request.header("sec-websocket-version"), Some("13"));
    assert_eq!(request.header("sec-websocket-protocol"), Some("chat"));
    assert_eq!(request.header("sec-websocket-key").map(str::len), Some(24));
    assert_eq!(request.header("content-length"), None);
    assert_eq!(request.header("transfer-encoding"), None);
}

const TAKEN: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: def\r\n\
                     Sec-WebSocket-Protocol: chat\r\n\r\n";

/// A WebSocket that is open: its end at the client, and at the app.
async fn opened(client: &mut Http2, upstream: &Upstream) -> (Answering, SendStream<Bytes>, Wire) {
    let (answer, body) = ask(client, "websocket").await;
    let mut app = upstream.accept().await;
    is_a_request_for_it(&app.head().await);
    app.send(TAKEN).await;
    let (head, reading) = soon("an answer", answer).await.unwrap().into_parts();
    assert_eq!(head.status, 200);
    assert_eq!(head.headers["sec-websocket-protocol"], "chat");
    for name in ["connection", "upgrade", "sec-websocket-accept", "content-length"] {
        assert!(!head.headers.contains_key(name), "{name}");
    }
    let answering = Answering {
        status: head.status.as_u16(),
        headers: head.headers,
        body: reading,
    };
    (answering, body, app)
}

/// Several on one connection, beside requests, and each with its own end.
#[tokio::test]
async fn p42_bytes_pass_both_ways() {
    let site = site().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = connected(port).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(opened(&mut client, &upstream).await);
    }
    let route = site.route().await;
    assert_eq!((route.targets[0].in_flight, route.targets[0].upgraded), (3, 3));
    for number in 0..10 {
        for (answering, body, app) in &mut all {
            let (there, back) = (format!("\0ping {number}"), format!("\u{ff}pong {number}"));
            body.send_data(there.clone().into(), false).unwrap();
            assert_eq!(app.take(there.len()).await, there.as_bytes());
            app.send(&back).await;
            assert_eq!(answering.piece().await.unwrap().unwrap(), back);
        }
    }
    let sent = client.send(asked("GET", "/"), true).await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send(ok("beside")).await;
    assert_eq!(sent.whole().await.text(), "beside");
    // The client has said all, and still listens.
    let (mut answering, mut body, mut app) = all.pop().unwrap();
    body.send_data(Bytes::from_static(b"all"), true).unwrap();
    assert_eq!(app.rest().await, b"all");
    app.send("still talking").await;
    assert_eq!(answering.piece().await.unwrap().unwrap(), "still talking");
    drop(app);
    assert!(answering.piece().await.is_none());
    // The client goes.
    let (answering, mut body, mut app) = all.pop().unwrap();
    body.send_reset(Reason::CANCEL);
    drop(answering);
    assert_eq!(app.rest().await, b"");
    drop(app);
    // The whole connection goes.
    let (_answering, _body, mut app) = all.pop().unwrap();
    client.cut();
    assert_eq!(app.rest().await, b"");
    drop(app);
    until("none to be counted", async || {
        (site.route().await.targets[0].in_flight == 0).then_some(())
    })
    .await;
}

/// A drain lets it live for its own time, and no longer; the connection goes on.
#[tokio::test]
async fn p42_a_drain_has_its_own_limit_for_them() {
    let site = site().await;
    let (blue, green) = (Upstream::new().await, Named::new("green").await);
    let port = site.serve(blue.target("blue")).await;
    let mut client = connected(port).await;
    let (mut answering, mut body, mut app) = opened(&mut client, &blue).await;
    site.switch_to(green.target()).await;
    let drained = site.drain("blue", PATIENCE, Duration::from_millis(300));
    body.send_data(Bytes::from_static(b"still here"), false).unwrap();
    assert_eq!(app.take(10).await, b"still here");
    assert_eq!(client.get("/").await.text(), "green");
    let drained = soon("the drain", drained).await.unwrap();
    assert_eq!((drained.left, drained.cut), (0, 1));
    assert_eq!(app.rest().await, b"");
    assert!(matches!(answering.piece().await, None | Some(Err(_))));
    assert_eq!(client.get("/").await.text(), "green");
}

/// An app that does not want it says so, and its answer is passed on, unless it would pass for a yes.
#[tokio::test]
async fn p42_an_app_may_decline() {
    let site = site().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = connected(port).await;
    for (answer, status, error) in [
        (
            "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno",
            403,
            None,
        ),
        (
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\npage",
            502,
            Some("upstream"),
        ),
    ] {
        let (answering, _body) = ask(&mut client, "websocket").await;
        let mut app = upstream.accept().await;
        app.head().await;
        app.send(answer).await;
        let answer = soon("an answer", answering).await.unwrap();
        assert_eq!(answer.status(), status);
        let said = answer
            .headers()
            .get("x-gokku-error")
            .map(|value| value.to_str().unwrap());
        assert_eq!(said, error);
    }
    until("none to be counted", async || {
        (site.route().await.targets[0].in_flight == 0).then_some(())
    })
    .await;
    // What nobody knows is not passed on.
    let (answering, mut body) = ask(&mut client, "other").await;
    assert_eq!(soon("an answer", answering).await.unwrap().status(), 405);
    assert_eq!(reset_of(&mut body).await, Reason::NO_ERROR);
    // An app of HTTP/2 is asked without.
    let app = Http2App::new().await;
    site.switch_to(app.target("green")).await;
    let (answering, _body) = ask(&mut client, "websocket").await;
    let mut served = app.request().await;
    assert_eq!(served.head.method, "GET");
    assert!(!served.head.headers.contains_key("upgrade"));
    served.answer(404, true);
    assert_eq!(soon("an answer", answering).await.unwrap().status(), 404);
}

/// Another switch takes over: it is waited for like a request.
#[tokio::test]
async fn p47_they_live_through_a_new_switch() {
    let mut site = site().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = connected(port).await;
    let (mut answering, mut body, mut app) = opened(&mut client, &upstream).await;
    let leaving = site.take_over().await;
    soon("the client to be told", client.told()).await;
    body.send_data(Bytes::from_static(b"still here"), false).unwrap();
    assert_eq!(app.take(10).await, b"still here");
    app.send("so am I").await;
    assert_eq!(answering.piece().await.unwrap().unwrap(), "so am I");
    assert!(!leaving.is_finished());
    body.send_data(Bytes::new(), true).unwrap();
    drop(app);
    assert!(answering.piece().await.is_none());
    client.ended().await.expect("it ends in peace");
    soon("the old switch", leaving).await.unwrap();
}

/// A client that takes nothing of it: the app is told to wait.
#[tokio::test]
async fn p42_a_client_that_takes_nothing_makes_its_app_wait() {
    let site = site().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = connected(port).await;
    let (_answering, _body, mut app) = opened(&mut client, &upstream).await;
    let mut given = 0_usize;
    let piece = vec![b'x'; 1_000_000];
    while tokio::time::timeout(Duration::from_millis(500), app.try_send(&piece))
        .await
        .is_ok()
    {
        given += piece.len();
        assert!(given < 100_000_000, "all of it is kept");
    }
    let sent = client.send(asked("GET", "/"), true).await;
    let mut other = upstream.accept().await;
    other.head().await;
    other.send("HTTP/1.1 204 Fine\r\n\r\n").await;
    assert_eq!(sent.whole().await.status, 204);
}
