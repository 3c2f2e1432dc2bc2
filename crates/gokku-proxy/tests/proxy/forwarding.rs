//! What an app gets of a request, and a client of its answer.

use crate::support::{Message, Named, Site, Upstream, Wire, get, noise, ok};

/// More than any buffer on the way.
const LARGE: usize = 20_000_000;

/// A switch and its app, and the two ends of a connection through them once the client has sent this.
async fn sent(bytes: &str) -> ((Site, Upstream), Wire, Wire) {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client.send(bytes).await;
    let app = upstream.accept().await;
    ((site, upstream), client, app)
}

/// What a client gets of this answer.
async fn answered(bytes: &str) -> Message {
    let (_site, mut client, mut app) = sent("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    app.message().await;
    app.send(bytes).await;
    client.message().await
}

#[tokio::test]
async fn what_is_between_client_and_switch_stays_there() {
    let (_site, _client, mut app) = sent(concat!(
        "GET / HTTP/1.1\r\n",
        "Host: api.example.com:8080\r\n",
        "Connection: keep-alive, X-Private\r\n",
        "Connection: x-other\r\n",
        "Keep-Alive: timeout=5\r\n",
        "Proxy-Connection: keep-alive\r\n",
        "TE: trailers\r\n",
        "Upgrade: h2c\r\n",
        "X-Private: 1\r\n",
        "X-Other: 1\r\n",
        "X-Kept: one\r\n",
        "X-Kept: two\r\n",
        "Cookie: a=b; c=d\r\n",
        "\r\n"
    ))
    .await;
    let request = app.message().await;
    assert_eq!(
        request.names(),
        [
            "cookie",
            "forwarded",
            "host",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-kept",
            "x-kept",
            "x-request-id"
        ]
    );
    assert_eq!(request.all("x-kept"), ["one", "two"]);
    assert_eq!(request.header("cookie"), Some("a=b; c=d"));
}

#[tokio::test]
async fn what_is_between_switch_and_app_stays_there() {
    let answer = answered(concat!(
        "HTTP/1.1 418 I'm a teapot\r\n",
        "Connection: X-Private, keep-alive\r\n",
        "Keep-Alive: timeout=5\r\n",
        "Proxy-Connection: keep-alive\r\n",
        "Upgrade: h2c\r\n",
        "X-Private: 1\r\n",
        "Server: app\r\n",
        "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
        "Set-Cookie: a=b\r\n",
        "Set-Cookie: c=d\r\n",
        "Content-Length: 3\r\n",
        "\r\n",
        "tea"
    ))
    .await;
    assert_eq!((answer.status(), answer.text()), (418, "tea"));
    assert_eq!(
        answer.names(),
        ["content-length", "date", "server", "set-cookie", "set-cookie"]
    );
    assert_eq!(answer.all("set-cookie"), ["a=b", "c=d"]);
    assert_eq!(answer.header("date"), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
    assert_eq!(answer.header("server"), Some("app"));
}

#[tokio::test]
async fn an_app_is_told_who_asked() {
    let (_site, _client, mut app) = sent("GET / HTTP/1.1\r\nHost: api.example.com:8080\r\n\r\n").await;
    let request = app.message().await;
    assert_eq!(request.header("host"), Some("api.example.com:8080"));
    assert_eq!(request.header("x-forwarded-host"), Some("api.example.com:8080"));
    assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.header("x-forwarded-proto"), Some("http"));
    assert_eq!(
        request.header("forwarded"),
        Some("for=127.0.0.1;host=\"api.example.com:8080\";proto=http")
    );
}

#[tokio::test]
async fn paths_and_queries_are_not_touched() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let paths = [
        "/",
        "/?",
        "/a?b=c&b=d&&e",
        "/a%20b/%2F..%2f%00?q=%F0%9F%90%9D+x",
        "//double//slash/./dot/../up",
        "/a;p=1,2/(x)'!*~@$&=:",
        "/?url=https://example.com/?a=b",
        "/{braces}|pipe",
        "/trailing/",
    ];
    let mut client = Wire::connect(port).await;
    for path in paths {
        assert_eq!(client.get(path).await.status(), 200, "{path}");
    }
    let asked: Vec<_> = blue.asked().into_iter().map(|request| request.first).collect();
    assert_eq!(asked, paths.map(|path| format!("GET {path} HTTP/1.1")));
}

/// The forms of a request line that are not a path.
#[tokio::test]
async fn odd_request_lines_reach_the_app() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let mut client = Wire::connect(port).await;
    for line in [
        "GET http://api.example.com/absolute?x HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "PURGE /cached HTTP/1.1",
        "DELETE /thing HTTP/1.1",
    ] {
        client.send(format!("{line}\r\nhost: api\r\n\r\n")).await;
        assert_eq!(client.message().await.status(), 200, "{line}");
    }
    let asked: Vec<_> = blue.asked().into_iter().map(|request| request.first).collect();
    assert_eq!(
        asked,
        [
            "GET /absolute?x HTTP/1.1",
            "OPTIONS * HTTP/1.1",
            "PURGE /cached HTTP/1.1",
            "DELETE /thing HTTP/1.1"
        ]
    );
}

/// An app is no proxy: it never sees its own inside address as something to connect to.
#[tokio::test]
async fn connect_is_refused() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let mut client = Wire::connect(port).await;
    client
        .send("CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n")
        .await;
    let answer = client.message().await;
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.header("x-gokku-error"), Some("bad-request"));
    assert_eq!(blue.asked(), []);
}

#[tokio::test]
async fn head_has_a_length_and_no_body() {
    let ((_site, upstream), mut client, mut app) = sent("HEAD / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    assert_eq!(app.message().await.first, "HEAD / HTTP/1.1");
    app.send("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\netag: \"x\"\r\nconnection: close\r\n\r\n")
        .await;
    let answer = client.head().await;
    assert_eq!(answer.header("content-length"), Some("1234"));
    assert_eq!(answer.header("etag"), Some("\"x\""));
    body_follows(&upstream, &mut client).await;
}

#[tokio::test]
async fn answers_without_a_body_have_none() {
    for status in ["204 No Content", "304 Not Modified"] {
        let ((_site, upstream), mut client, mut app) = sent("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
        app.message().await;
        app.send(format!(
            "HTTP/1.1 {status}\r\netag: \"x\"\r\nconnection: close\r\n\r\n"
        ))
        .await;
        let answer = client.message().await;
        assert_eq!(answer.first, format!("HTTP/1.1 {status}"));
        assert_eq!(answer.names(), ["date", "etag"]);
        body_follows(&upstream, &mut client).await;
    }
}

/// The next answer comes over the same connection at once.
async fn body_follows(upstream: &Upstream, client: &mut Wire) {
    client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let mut app = upstream.accept().await;
    app.message().await;
    app.send(ok("body")).await;
    assert_eq!(client.message().await.text(), "body");
}

/// They are not passed on: no HTTP library that serves can send them.
#[tokio::test]
async fn early_hints_do_not_confuse() {
    let answer = answered(
        "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody",
    )
    .await;
    assert_eq!((answer.status(), answer.text()), (200, "body"));
}

#[tokio::test]
async fn a_chunked_request_stays_chunked() {
    let (_site, mut client, mut app) = sent(concat!(
        "POST / HTTP/1.1\r\nhost: api\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n",
        "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nx-sum: 11\r\n\r\n"
    ))
    .await;
    let request = app.message().await;
    assert_eq!(request.text(), "hello world");
    assert_eq!(request.header("transfer-encoding"), Some("chunked"));
    assert_eq!(request.header("content-length"), None);
    // The HTTP library keeps no trailer's case: they are written as is customary.
    assert_eq!(request.trailers, [("X-Sum".to_owned(), "11".to_owned())]);
    app.send(ok("taken")).await;
    assert_eq!(client.message().await.text(), "taken");
}

/// Trailers go to a client that wants them.
#[tokio::test]
async fn a_chunked_answer_stays_chunked() {
    let (_site, mut client, mut app) =
        sent("GET / HTTP/1.1\r\nhost: api\r\nte: trailers\r\nconnection: te\r\n\r\n").await;
    app.message().await;
    app.send(concat!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n",
        "5\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 11\r\n\r\n"
    ))
    .await;
    let answer = client.message().await;
    assert_eq!(answer.text(), "hello world");
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.trailers, [("X-Sum".to_owned(), "11".to_owned())]);
}

/// An answer that ends with its connection ends for the client too, and the client's connection goes on.
#[tokio::test]
async fn an_answer_without_a_length_is_passed_on() {
    let (_site, mut client, mut app) = sent("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    app.message().await;
    app.send("HTTP/1.0 200 OK\r\n\r\nall of it").await;
    drop(app);
    let answer = client.message().await;
    assert_eq!(answer.text(), "all of it");
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
}

#[tokio::test]
async fn an_old_client_gets_no_chunks() {
    let (_site, mut client, mut app) = sent("GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(app.message().await.first, "GET / HTTP/1.1");
    app.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        .await;
    let answer = client.message().await;
    assert_eq!(answer.text(), "hello");
    assert_eq!(answer.header("transfer-encoding"), None);
}

/// A client must see that it did not get all.
#[tokio::test]
async fn a_broken_answer_is_not_passed_on_as_whole() {
    for beginning in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\nhello",
    ] {
        let (_site, mut client, mut app) = sent("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
        app.message().await;
        app.send(beginning).await;
        client.through("hello").await;
        drop(app);
        let rest = client.rest().await;
        assert!(matches!(&rest[..], b"" | b"\r\n"), "{rest:?}");
    }
}

/// What could be read in two ways is read in one, or refused.
#[tokio::test]
async fn a_request_with_two_lengths_is_no_way_in() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    for head in [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 5",
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 5, 6",
        "content-length: +5",
        "transfer-encoding: chunked, identity",
        "connection: content-length\r\ncontent-length: 5",
        "connection: transfer-encoding\r\ntransfer-encoding: chunked",
    ] {
        let mut client = Wire::connect(port).await;
        client
            .send(format!(
                "POST / HTTP/1.1\r\nhost: api\r\n{head}\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: api\r\n\r\n"
            ))
            .await;
        client.end().await;
        client.rest().await;
        for request in blue.asked() {
            let lengths = request.all("content-length").len() + request.all("transfer-encoding").len();
            assert!(
                lengths <= 1 || request.first.starts_with("GET"),
                "{head:?}: {request:?}"
            );
        }
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let mut client = Wire::connect(port).await;
    client
        .send("GET /1 HTTP/1.1\r\nhost: api\r\n\r\nPOST /2 HTTP/1.1\r\nhost: api\r\ncontent-length: 2\r\n\r\nhiGET /3 HTTP/1.1\r\nhost: api\r\n\r\n")
        .await;
    for _ in 0..3 {
        assert_eq!(client.message().await.text(), "blue");
    }
    let asked: Vec<_> = blue.asked().into_iter().map(|request| request.first).collect();
    assert_eq!(asked, ["GET /1 HTTP/1.1", "POST /2 HTTP/1.1", "GET /3 HTTP/1.1"]);
}

/// A body in one piece, or in chunks of uneven length.
fn framed(head: &str, body: &[u8], chunked: bool) -> Vec<u8> {
    let mut bytes = head.as_bytes().to_vec();
    if !chunked {
        bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).into_bytes());
        bytes.extend(body);
        return bytes;
    }
    bytes.extend(b"transfer-encoding: chunked\r\n\r\n");
    for chunk in body.chunks(70_001) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

#[tokio::test]
async fn large_bodies_arrive_byte_for_byte() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let body = noise(LARGE);
    for chunked in [false, true] {
        let mut client = Wire::connect(port).await;
        let upload = framed("POST / HTTP/1.1\r\nhost: api\r\n", &body, chunked);
        let taking = async {
            let mut app = upstream.accept().await;
            let request = app.message().await;
            (app, request)
        };
        let ((), (mut app, request)) = tokio::join!(client.send(upload), taking);
        assert!(
            request.body == body,
            "chunked {chunked}: {} bytes",
            request.body.len()
        );
        let download = framed("HTTP/1.1 200 OK\r\nconnection: close\r\n", &body, chunked);
        let ((), answer) = tokio::join!(app.send(download), client.message());
        assert!(
            answer.body == body,
            "chunked {chunked}: {} bytes",
            answer.body.len()
        );
    }
}

/// An app may answer before it has read the request to its end.
#[tokio::test]
async fn an_early_answer_comes_through() {
    let (_site, mut client, mut app) =
        sent("POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 100000\r\n\r\nbegun").await;
    app.through("begun").await;
    app.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig")
        .await;
    let answer = client.message().await;
    assert_eq!((answer.status(), answer.text()), (413, "big"));
}

/// A server-sent event reaches the client before there is a next one.
#[tokio::test]
async fn events_are_not_held_back() {
    let (_site, mut client, mut app) =
        sent("GET /events HTTP/1.1\r\nhost: api\r\naccept: text/event-stream\r\n\r\n").await;
    app.message().await;
    app.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    assert_eq!(
        client.head().await.header("content-type"),
        Some("text/event-stream")
    );
    for number in 0..5 {
        let event = format!("data: {number}\n\n");
        app.send(format!("{:x}\r\n{event}\r\n", event.len())).await;
        client.through(&event).await;
    }
    app.send("0\r\n\r\n").await;
    client.through("0\r\n\r\n").await;
}

/// An upload's first piece reaches the app before there is a next one.
#[tokio::test]
async fn uploads_are_not_held_back() {
    let (_site, mut client, mut app) =
        sent("POST / HTTP/1.1\r\nhost: api\r\ntransfer-encoding: chunked\r\n\r\n").await;
    app.head().await;
    for number in 0..5 {
        let piece = format!("piece {number}");
        client.send(format!("{:x}\r\n{piece}\r\n", piece.len())).await;
        app.through(&piece).await;
    }
    client.send("0\r\n\r\n").await;
    app.through("0\r\n\r\n").await;
}

/// What cannot be a request is refused, and the next client is served.
#[tokio::test]
async fn garbage_is_refused() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    for garbage in [
        "\x16\x03\x01\x02\x00",
        "GET / HTTP/9.9\r\n\r\n",
        "GET\r\n\r\n",
        "\r\n\0\r\n",
    ] {
        let mut client = Wire::connect(port).await;
        client.send(garbage).await;
        client.end().await;
        let rest = client.rest().await;
        assert!(
            rest.is_empty() || rest.starts_with(b"HTTP/1.1 400"),
            "{garbage:?}: {rest:?}"
        );
    }
    assert_eq!(get(port, "/").await.text(), "blue");
    assert_eq!(blue.asked().len(), 1);
}
