//! Apps that answer garbage, early, twice, in part or never: the client is told, and nobody gets what is another's.

use crate::support::{Site, Upstream, Wire, ok, soon};

/// What an app says to a request, and what its client gets: an answer of the switch, or the app's own until it breaks off.
const CASES: &[(&str, &str, u16)] = &[
    ("garbage", "this is no HTTP\r\n\r\n", 502),
    ("nothing, and closes", "", 502),
    ("half of a head", "HTTP/1.1 200 OK\r\ncontent-le", 502),
    ("a status that is none", "HTTP/1.1 99999 Odd\r\n\r\n", 502),
    ("another protocol", "SSH-2.0-OpenSSH_9.2\r\n", 502),
    (
        "lengths that differ",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
        502,
    ),
    (
        "a length that is none",
        "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\nabc",
        502,
    ),
    (
        "codings on top of each other",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        502,
    ),
    (
        "a protocol that nobody asked for",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: odd\r\n\r\n",
        502,
    ),
    (
        "NUL in a value",
        "HTTP/1.1 200 OK\r\nx-one: a\0b\r\ncontent-length: 0\r\n\r\n",
        502,
    ),
];

#[tokio::test]
async fn what_is_no_answer_is_a_502() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    for (what, said, status) in CASES {
        let mut client = Wire::connect(port).await;
        // Not one that would be tried again.
        client
            .send("POST /odd HTTP/1.1\r\nhost: api\r\ncontent-length: 0\r\n\r\n")
            .await;
        let mut app = upstream.accept().await;
        app.head().await;
        app.send(said).await;
        app.end().await;
        let answer = soon(what, client.message()).await;
        assert_eq!(
            (answer.status(), answer.header("x-gokku-error")),
            (*status, Some("upstream")),
            "{what}"
        );
        // The same client goes on.
        client.send("GET /next HTTP/1.1\r\nhost: api\r\n\r\n").await;
        let mut next = upstream.accept().await;
        assert_eq!(next.head().await.first, "GET /next HTTP/1.1", "{what}");
        next.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\nnext")
            .await;
        assert_eq!(soon(what, client.message()).await.text(), "next", "{what}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_seen_to() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    for said in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
    ] {
        let mut client = Wire::connect(port).await;
        client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
        let mut app = upstream.accept().await;
        app.head().await;
        app.send(said).await;
        app.end().await;
        // What was on its way may be lost with the connection; what comes is no whole answer.
        let came = soon("its end", client.rest()).await;
        let text = String::from_utf8_lossy(&came).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or(("", ""));
        assert!(head.is_empty() || head.starts_with("HTTP/1.1 200 OK"), "{text:?}");
        assert!(!body.contains("0\r\n\r\n") && body.len() < 10, "{text:?}");
    }
}

/// What an app says beyond its answer is nobody's answer.
#[tokio::test]
async fn a_second_answer_is_nobodys() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    for extra in [
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond",
        "and more than was said",
    ] {
        let mut client = Wire::connect(port).await;
        client.send("GET /one HTTP/1.1\r\nhost: api\r\n\r\n").await;
        let mut app = upstream.accept().await;
        app.head().await;
        app.send(format!("{}{extra}", ok("first"))).await;
        assert_eq!(soon("an answer", client.message()).await.text(), "first");
        for client in [&mut client, &mut Wire::connect(port).await] {
            client.send("GET /two HTTP/1.1\r\nhost: api\r\n\r\n").await;
            let mut fresh = soon("a connection of its own", upstream.accept()).await;
            assert_eq!(fresh.head().await.first, "GET /two HTTP/1.1");
            fresh
                .send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\ntwo")
                .await;
            assert_eq!(soon("an answer", client.message()).await.text(), "two");
        }
    }
}

/// It answers before it has read the request: the answer is passed on, and what the client still sends is no request.
#[tokio::test]
async fn an_early_answer_is_passed_on() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client
        .send("POST /large HTTP/1.1\r\nhost: api\r\ncontent-length: 60\r\n\r\n")
        .await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\nconnection: close\r\n\r\ntoo large")
        .await;
    app.end().await;
    let answer = soon("an answer", client.message()).await;
    assert_eq!((answer.status(), answer.text()), (413, "too large"));
    let _ = client
        .try_send("GET /smuggled HTTP/1.1\r\nhost: api\r\n\r\nxxxxxxxxxxxxxxxxxxxxx")
        .await;
    upstream.serves_next(port).await;
}

#[tokio::test]
async fn endless_heads_and_informational_answers_end() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    for piece in [
        "x-more: 1\r\n",
        "x-long: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n",
    ] {
        let mut client = Wire::connect(port).await;
        client
            .send("POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 0\r\n\r\n")
            .await;
        let mut app = upstream.accept().await;
        app.head().await;
        app.send("HTTP/1.1 200 OK\r\n").await;
        let pieces = piece.repeat(1000);
        soon("the switch to have enough", async {
            while app.try_send(&pieces).await.is_ok() {}
        })
        .await;
        assert_eq!(soon("an answer", client.message()).await.status(), 502);
    }
    // Some of them are an answer's due; then comes the answer.
    let mut client = Wire::connect(port).await;
    client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n".repeat(50))
        .await;
    app.send(ok("at last")).await;
    assert_eq!(soon("an answer", client.message()).await.text(), "at last");
}
