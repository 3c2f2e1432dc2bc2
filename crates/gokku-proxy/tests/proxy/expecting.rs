//! Clients that ask first whether they may send a body, `Expect: 100-continue`: it is the app's to say.

use std::time::Duration;

use gokku_proxy::Limits;

use crate::support::{Site, Upstream, Wire, noise, ok, soon};

const ASKS: &str = "PUT /file HTTP/1.1\r\nhost: api\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n";
const GO_ON: &str = "HTTP/1.1 100 Continue\r\n\r\n";
/// Longer than any test: who is answered sooner was not answered because of it.
const NEVER: Duration = Duration::from_secs(3600);

async fn asked(patience: Duration) -> ((Site, Upstream), u16) {
    let site = Site::limited(Limits {
        continue_timeout: patience,
        ..Limits::default()
    })
    .await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    ((site, upstream), port)
}

/// What an app answers instead, and that the client has it without having sent anything.
#[tokio::test]
async fn a_refused_upload_is_not_sent() {
    let ((_site, upstream), port) = asked(NEVER).await;
    for answer in [
        "HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\n\r\ntoo large",
        "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 417 Expectation Failed\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
        "HTTP/1.1 303 See Other\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
    ] {
        let mut client = Wire::connect(port).await;
        client.send(ASKS).await;
        let mut app = upstream.accept().await;
        assert_eq!(app.head().await.header("expect"), Some("100-continue"));
        app.send(answer).await;
        let got = soon("an answer", client.message()).await;
        assert!(answer.starts_with(&got.first), "{got:?}");
        assert_eq!(got.header("connection"), Some("close"));
        // The app's connection is in the midst of a request, and so it ends; nothing of a body came over it.
        assert_eq!(soon("the app's connection to end", app.rest()).await, b"");
        assert_eq!(soon("the client's connection to end", client.rest()).await, b"");
    }
}

#[tokio::test]
async fn who_may_go_on_is_told_so() {
    let ((_site, upstream), port) = asked(NEVER).await;
    let mut client = Wire::connect(port).await;
    // Other words before that one are not taken for it, and it may come twice.
    for said in [
        GO_ON.to_owned(),
        format!("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n{GO_ON}"),
        format!("{GO_ON}{GO_ON}"),
    ] {
        client.send(ASKS).await;
        let mut app = upstream.accept().await;
        assert_eq!(app.head().await.header("expect"), Some("100-continue"));
        app.send(said).await;
        assert_eq!(client.through("\r\n\r\n").await, GO_ON);
        client.send("hello").await;
        assert_eq!(app.take(5).await, b"hello");
        app.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\ntaken")
            .await;
        let answer = client.message().await;
        assert_eq!((answer.text(), answer.header("connection")), ("taken", None));
    }
}

/// An app may not know that it was asked: RFC 9110 section 10.1.1.
#[tokio::test]
async fn an_app_that_says_nothing_gets_the_body_after_a_moment() {
    let ((_site, upstream), port) = asked(Duration::from_millis(300)).await;
    let mut client = Wire::connect(port).await;
    client.send(ASKS).await;
    let mut app = upstream.accept().await;
    app.head().await;
    assert_eq!(client.through("\r\n\r\n").await, GO_ON);
    client.send("hello").await;
    assert_eq!(app.take(5).await, b"hello");
    app.send(ok("taken")).await;
    assert_eq!(client.message().await.text(), "taken");
}

/// In HTTP/1.0 nobody can be told: neither a client, nor that an app was asked.
#[tokio::test]
async fn http_1_0_knows_nothing_of_it() {
    let ((_site, upstream), port) = asked(NEVER).await;
    let mut client = Wire::connect(port).await;
    client
        .send("PUT /file HTTP/1.0\r\nhost: api\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\nhello")
        .await;
    let mut app = upstream.accept().await;
    let request = app.message().await;
    assert_eq!((request.header("expect"), request.text()), (None, "hello"));
    app.send("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\ntaken")
        .await;
    drop(app);
    assert_eq!(client.message().await.text(), "taken");

    // It is known now that the app is of that kind.
    let mut client = Wire::connect(port).await;
    client.send(ASKS).await;
    assert_eq!(client.through("\r\n\r\n").await, GO_ON);
    client.send("hello").await;
    let mut app = upstream.accept().await;
    assert_eq!(app.message().await.text(), "hello");
    // And now that it is not.
    app.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\ntaken")
        .await;
    assert_eq!(client.message().await.text(), "taken");
    client.send(ASKS).await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send(GO_ON).await;
    assert_eq!(client.through("\r\n\r\n").await, GO_ON);
}

/// A client may send without waiting: it gets what the app says all the same.
#[tokio::test]
async fn a_client_that_does_not_wait() {
    let ((_site, upstream), port) = asked(NEVER).await;
    let large = ASKS.replace("content-length: 5\r\n", "content-length: 1000000\r\n");
    for (head, body, answer) in [
        (ASKS, b"hello".to_vec(), None),
        (
            ASKS,
            b"hello".to_vec(),
            Some("HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\n\r\ntoo large"),
        ),
        (
            large.as_str(),
            noise(1_000_000),
            Some("HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\nconnection: close\r\n\r\ntoo large"),
        ),
    ] {
        let mut client = Wire::connect(port).await;
        let serving = async {
            let mut app = upstream.accept().await;
            app.head().await;
            if let Some(answer) = answer {
                app.send(answer).await;
            } else {
                app.send(GO_ON).await;
                assert_eq!(app.take(body.len()).await, body);
                app.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\ntaken")
                    .await;
            }
        };
        let sending = client.send([head.as_bytes(), &body].concat());
        tokio::join!(serving, sending);
        if answer.is_none() {
            assert_eq!(client.through("\r\n\r\n").await, GO_ON);
        }
        let got = soon("an answer", client.message()).await;
        let wanted = answer.map_or("taken", |_| "too large");
        assert_eq!(got.text(), wanted);
    }
}

/// An app that answers at once and well has not refused the body: it may read it still.
#[tokio::test]
async fn an_app_that_is_content_gets_the_body() {
    let ((_site, upstream), port) = asked(NEVER).await;
    let mut client = Wire::connect(port).await;
    client.send(ASKS).await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send(ok("fine")).await;
    let answer = client.message().await;
    assert_eq!((answer.status(), answer.text()), (200, "fine"));
    client.send("hello").await;
    assert_eq!(app.take(5).await, b"hello");
}
