//! P41: HTTP/2, by ALPN and by prior knowledge, to apps that speak HTTP/1.1.

use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::client::Builder;
use hyper::HeaderMap;
use hyper::header::HeaderValue;

use crate::support::{
    Answering, Authority, Http2, Named, PATIENCE, Site, Upstream, Wire, asked, noise, ok, reset_of, soon,
    text, until,
};

/// A switch that speaks HTTP/2 without TLS, too.
async fn site() -> Site {
    let mut site = Site::stopped();
    site.h2c = true;
    site.start().await.expect("the switch starts");
    site
}

/// The same with an app whose every byte the test says.
async fn served() -> (Site, Upstream, Http2) {
    let site = site().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let client = Http2::connect(port).await;
    (site, upstream, client)
}

/// The next request on the same connection is answered.
async fn next_is_answered(upstream: &Upstream, client: &mut Http2) {
    let sent = client.send(asked("GET", "/next"), true).await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send(ok("next")).await;
    assert_eq!(sent.whole().await.text(), "next");
}

/// The client's choice, where it has one.
#[tokio::test]
async fn p41_the_handshake_says_which_protocol_is_spoken() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    site.serve(blue.target()).await;
    site.set_domains("api", &["api.example.com"])
        .await
        .expect("domains");
    let authority = Authority::new();
    site.add_certificate(&authority.issue(&["api.example.com"])).await;
    let client = authority.client();
    for (offered, spoken) in [
        (&[&b"h2"[..], b"http/1.1"][..], Some(&b"h2"[..])),
        (&[b"http/1.1", b"h2"], Some(b"h2")),
        (&[b"h2"], Some(b"h2")),
        (&[b"http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let stream = client
            .offering(offered)
            .connect(site.https(), "api.example.com")
            .await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), spoken);
        if spoken == Some(b"h2") {
            let mut client = Http2::over(stream, &Builder::new(), "https").await;
            for _ in 0..2 {
                let answer = client.get("/x").await;
                assert_eq!((answer.status, answer.text()), (200, "blue"));
            }
        } else {
            assert_eq!(Wire::new(stream).get("/x").await.text(), "blue");
        }
    }
    for request in blue.asked() {
        assert_eq!(request.first, "GET /x HTTP/1.1");
        assert_eq!(request.header("host"), Some("api.example.com"));
        assert_eq!(request.header("x-forwarded-proto"), Some("https"));
        assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
    }
}

/// Where it is asked for, a client may begin with HTTP/2 on every port that is not for TLS; others do not notice.
#[tokio::test]
async fn p41_by_prior_knowledge_where_that_is_asked_for() {
    let site = site().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    site.set_domains("api", &["api.example.com"])
        .await
        .expect("domains");
    for port in [port, site.http()] {
        assert_eq!(Http2::connect(port).await.get("/").await.text(), "blue");
        assert_eq!(Wire::connect(port).await.get("/").await.text(), "blue");
        // Methods that begin alike, and first words that come in pieces.
        for (pieces, status) in [
            (
                &[
                    "P",
                    "OST / HTTP/1.1\r\nhost: api.example.com\r\ncontent-length: 0\r\n\r\n",
                ][..],
                200,
            ),
            (&["PRI", " / HTTP/1.1\r\nhost: api.example.com\r\n\r\n"], 200),
            (&["PRI * HT", "TP/1.1\r\nhost: api.example.com\r\n\r\n"], 400),
        ] {
            let mut client = Wire::connect(port).await;
            for piece in pieces {
                client.send(piece).await;
                tokio::task::yield_now().await;
            }
            assert_eq!(client.message().await.status(), status, "{pieces:?}");
        }
    }
    let site = Site::new().await;
    let port = site.serve(blue.target()).await;
    let mut client = Wire::connect(port).await;
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert_eq!(client.message().await.status(), 400);
}

/// What an app that speaks HTTP/1.1 gets.
#[tokio::test]
async fn p41_a_request_is_one_of_http_1_1_for_the_app() {
    let (_site, upstream, mut client) = served().await;
    let request = asked("POST", "/a%20b?c=d")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("te", "trailers")
        .header("x-own", "1")
        .header("x-forwarded-for", "192.0.2.1")
        .header("content-length", "4")
        .header("expect", "100-continue");
    let mut sent = client.send(request, false).await;
    sent.body.send_data(Bytes::from_static(b"body"), true).unwrap();
    let mut app = upstream.accept().await;
    let request = app.message().await;
    assert_eq!(request.first, "POST /a%20b?c=d HTTP/1.1");
    assert_eq!(request.header("host"), Some("api.example.com"));
    assert_eq!(request.header("cookie"), Some("a=1; b=2"));
    assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(
        request.names(),
        [
            "content-length",
            "cookie",
            "forwarded",
            "host",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-own",
            "x-request-id"
        ]
    );
    assert_eq!(request.body, b"body");
    app.send(
        "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nX-Own: 2\r\nSet-Cookie: a=1\r\n\
         Set-Cookie: b=2\r\nUpgrade: other\r\nContent-Length: 6\r\n\r\nanswer",
    )
    .await;
    let answer = sent.whole().await;
    assert_eq!((answer.status, answer.text()), (200, "answer"));
    assert_eq!(answer.header("x-own"), Some("2"));
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
    for name in [
        "connection",
        "x-hop",
        "keep-alive",
        "upgrade",
        "transfer-encoding",
    ] {
        assert_eq!(answer.header(name), None, "{name}");
    }
}

/// Requests on one connection do not wait for each other, and answers come as they are ready.
#[tokio::test]
async fn p41_requests_share_a_connection() {
    let (site, upstream, mut client) = served().await;
    let mut asked_for = Vec::new();
    for number in 0..10 {
        let sent = client.send(asked("GET", &format!("/{number}")), true).await;
        let mut app = upstream.accept().await;
        assert_eq!(app.head().await.first, format!("GET /{number} HTTP/1.1"));
        asked_for.push((number, sent, app));
    }
    assert_eq!(site.route().await.targets[0].in_flight, 10);
    for (left, (number, sent, mut app)) in asked_for.into_iter().enumerate().rev() {
        app.send(ok(&number.to_string())).await;
        assert_eq!(sent.whole().await.text(), number.to_string());
        until("it to be counted no more", async || {
            (site.route().await.targets[0].in_flight == left as u64).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn p41_answers_without_a_body() {
    let (_site, upstream, mut client) = served().await;
    for (method, answer, status) in [
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n", 200),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 12\r\n\r\n",
            304,
        ),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200),
        (
            "GET",
            "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            200,
        ),
    ] {
        let sent = client.send(asked(method, "/"), true).await;
        let mut app = upstream.accept().await;
        app.head().await;
        app.send(answer).await;
        let answer = sent.whole().await;
        assert_eq!((answer.status, answer.text()), (status, ""));
        if status == 304 || method == "HEAD" {
            assert_eq!(answer.header("content-length"), Some("12"));
        }
        drop(app);
    }
}

/// Bodies of any size, with a known length and without one, in both directions at once.
#[tokio::test]
async fn p41_bodies_pass_both_ways_unbuffered() {
    let (_site, upstream, mut client) = served().await;
    let bytes = noise(3_000_000);
    for method in ["POST", "GET"] {
        let mut sent = client.send(asked(method, "/"), false).await;
        let mut app = upstream.accept().await;
        let request = app.head().await;
        assert_eq!(request.header("transfer-encoding"), Some("chunked"));
        app.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        // One piece goes there and back before the next one is sent.
        sent.body.send_data(Bytes::from_static(b"first"), false).unwrap();
        assert_eq!(app.through("first\r\n").await, "5\r\nfirst\r\n");
        app.send("6\r\nanswer\r\n").await;
        let (mut body, answer) = (sent.body, sent.answer);
        let answer = soon("an answer", answer).await.unwrap();
        let mut answer = Answering {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.into_body(),
        };
        assert_eq!(answer.piece().await.unwrap().unwrap(), "answer");
        // The app sends back what it gets, as it comes.
        let echoing = tokio::spawn(async move {
            loop {
                let line = app.through("\r\n").await;
                let length = usize::from_str_radix(line.trim(), 16).unwrap();
                let piece = app.take(length + 2).await;
                app.send(line).await;
                app.send(piece).await;
                if length == 0 {
                    return;
                }
            }
        });
        let all = bytes.clone();
        let sending = tokio::spawn(async move {
            for piece in all.chunks(50_000) {
                let mut piece = Bytes::copy_from_slice(piece);
                while !piece.is_empty() {
                    body.reserve_capacity(piece.len());
                    let room = std::future::poll_fn(|cx| body.poll_capacity(cx)).await;
                    let room = room.unwrap().unwrap().min(piece.len());
                    body.send_data(piece.split_to(room), false).unwrap();
                }
            }
            body.send_data(Bytes::new(), true).unwrap();
        });
        let answer = answer.whole().await.unwrap();
        assert!(answer.body == bytes, "{} bytes", answer.body.len());
        soon("both ends", async { tokio::join!(sending, echoing) })
            .await
            .0
            .unwrap();
    }
}

/// A client that sends more than the app takes is told to wait.
#[tokio::test]
async fn p41_a_body_that_the_app_does_not_take_waits_at_the_client() {
    let (_site, upstream, mut client) = served().await;
    let mut sent = client.send(asked("POST", "/"), false).await;
    let mut app = upstream.accept().await;
    app.head().await;
    // Far more than windows and the kernel's buffers hold.
    let total = 64_000_000;
    let mut given = 0;
    sent.body.reserve_capacity(total);
    while given < total {
        let room = std::future::poll_fn(|cx| sent.body.poll_capacity(cx));
        let Ok(room) = tokio::time::timeout(Duration::from_millis(500), room).await else {
            break;
        };
        let room = room.unwrap().unwrap();
        sent.body.send_data(Bytes::from(vec![b'x'; room]), false).unwrap();
        given += room;
    }
    assert!(given < total / 2, "{given} bytes were taken");
    // Another request on the same connection is answered meanwhile.
    let other = client.send(asked("GET", "/other"), true).await;
    let mut second = upstream.accept().await;
    second.head().await;
    second.send(ok("other")).await;
    assert_eq!(other.whole().await.text(), "other");
    // Once the app takes it, the rest comes.
    let reading = tokio::spawn(async move { app.rest().await.len() });
    while given < total {
        let room = soon("room", std::future::poll_fn(|cx| sent.body.poll_capacity(cx))).await;
        let room = room.unwrap().unwrap();
        sent.body.send_data(Bytes::from(vec![b'x'; room]), false).unwrap();
        given += room;
    }
    drop((sent, client));
    assert!(soon("all of it", reading).await.unwrap() > total / 2);
}

/// Trailers reach the client, and those that are announced reach the app: HTTP/1.1 can carry no others.
#[tokio::test]
async fn p41_trailers_pass_both_ways() {
    let (_site, upstream, mut client) = served().await;
    let request = asked("POST", "/").header("trailer", "x-sum, x-forwarded-for");
    let mut sent = client.send(request, false).await;
    sent.body.send_data(Bytes::from_static(b"body"), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("1"));
    trailers.insert("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
    sent.body.send_trailers(trailers).unwrap();
    let mut app = upstream.accept().await;
    let request = app.message().await;
    assert_eq!(request.text(), "body");
    assert_eq!(request.trailers, [("X-Sum".to_owned(), "1".to_owned())]);
    app.send("HTTP/1.1 200 OK\r\ntrailer: x-status\r\ntransfer-encoding: chunked\r\n\r\n4\r\nback\r\n0\r\nx-status: fine\r\n\r\n")
        .await;
    let answer = sent.whole().await;
    assert_eq!(answer.text(), "back");
    assert_eq!(answer.trailers.unwrap()["x-status"], "fine");
}

/// A request that is taken back ends at the app, too, and nothing else on the connection notices.
#[tokio::test]
async fn p41_a_reset_ends_the_request_at_the_app() {
    let (site, upstream, mut client) = served().await;
    let kept = client.send(asked("GET", "/kept"), true).await;
    let mut kept_app = upstream.accept().await;
    kept_app.head().await;
    // Before its answer, within it, and within its own body.
    let mut waiting = client.send(asked("GET", "/waiting"), true).await;
    let mut app = upstream.accept().await;
    app.head().await;
    waiting.body.send_reset(Reason::CANCEL);
    assert_eq!(app.rest().await, b"");
    let mut answering = client.send(asked("GET", "/answering"), true).await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome")
        .await;
    let mut answer = soon("an answer", &mut answering.answer).await.unwrap();
    assert_eq!(
        soon("a piece", answer.body_mut().data()).await.unwrap().unwrap(),
        "some"
    );
    answering.body.send_reset(Reason::CANCEL);
    assert_eq!(app.rest().await, b"");
    let mut sending = client.send(asked("POST", "/sending"), false).await;
    let mut app = upstream.accept().await;
    app.head().await;
    sending.body.send_reset(Reason::CANCEL);
    assert_eq!(app.rest().await, b"");
    until("only one to be counted", async || {
        (site.route().await.targets[0].in_flight == 1).then_some(())
    })
    .await;
    kept_app.send(ok("kept")).await;
    assert_eq!(kept.whole().await.text(), "kept");
}

/// An answer that breaks off at the app is one that is broken off for the client.
#[tokio::test]
async fn p41_an_answer_that_breaks_off_is_reset() {
    let (_site, upstream, mut client) = served().await;
    let sent = client.send(asked("GET", "/"), true).await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome")
        .await;
    let mut answer = sent.head().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.piece().await.unwrap().unwrap(), "some");
    drop(app);
    let error = answer.whole().await.expect_err("it is not whole");
    assert!(error.is_reset() && error.is_remote(), "{error:?}");
    // The next one is answered.
    next_is_answered(&upstream, &mut client).await;
}

/// An app that answers before it has all of a request: the client is told to send no more of it, and its connection goes on.
#[tokio::test]
async fn p41_an_early_answer_ends_its_request_alone() {
    let (_site, upstream, mut client) = served().await;
    let mut sent = client.send(asked("POST", "/"), false).await;
    sent.body.send_data(Bytes::from_static(b"some"), false).unwrap();
    let mut app = upstream.accept().await;
    app.through("some\r\n").await;
    app.send("HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno")
        .await;
    drop(app);
    let answer = soon("an answer", sent.answer).await.unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(reset_of(&mut sent.body).await, Reason::NO_ERROR);
    assert!(client.lives());
    next_is_answered(&upstream, &mut client).await;
}

/// What is not a request for an app of this server.
#[tokio::test]
async fn p41_what_is_refused() {
    let site = site().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let mut client = Http2::connect(port).await;
    for (request, status) in [
        (asked("CONNECT", "").uri("api.example.com:443"), 405),
        (asked("GET", "/").header("host", "shop.example.com"), 400),
        (asked("GET", "/").uri("http://user@api.example.com/"), 400),
    ] {
        let sent = client.try_send_as(request.body(()).unwrap(), true).await.unwrap();
        let answer = sent.whole().await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("x-gokku-error"), Some("bad-request"));
    }
    assert_eq!(blue.asked().len(), 0);
    assert_eq!(client.get("/").await.text(), "blue");
    // By a name that is nobody's.
    site.set_domains("api", &["api.example.com"])
        .await
        .expect("domains");
    let mut client = Http2::connect(site.http()).await;
    let request = asked("GET", "/").uri("http://shop.example.com/");
    let answer = client.send(request, true).await.whole().await;
    assert_eq!(
        (answer.status, answer.header("x-gokku-error")),
        (404, Some("unknown-domain"))
    );
    assert_eq!(client.get("/").await.text(), "blue", "the connection goes on");
}

/// Other people's program.
#[tokio::test]
async fn p41_curl() {
    let mut site = site().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    site.set_domains("api", &["api.example.com"])
        .await
        .expect("domains");
    let authority = Authority::new();
    site.add_certificate(&authority.issue(&["api.example.com"])).await;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.pem");
    std::fs::write(&root, text(authority.own().0)).unwrap();
    let body = folder.path().join("body");
    std::fs::write(&body, noise(300_000)).unwrap();
    let (https, resolve) = (
        site.https(),
        format!("api.example.com:{}:127.0.0.1", site.https()),
    );
    let curl = async |more: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--write-out",
            " %{http_version} %{http_code}",
        ])
        .args(["--max-time", &PATIENCE.as_secs().to_string()])
        .args(["--cacert", root.to_str().unwrap(), "--resolve", &resolve])
        .args(more)
        .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || curl.output())
            .await
            .unwrap()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let plain = format!("http://127.0.0.1:{port}/");
    let secure = format!("https://api.example.com:{https}/");
    let upload = format!("@{}", body.display());
    assert_eq!(curl(&["--http2-prior-knowledge", &plain]).await, "blue 2 200");
    assert_eq!(curl(&["--http1.1", &plain]).await, "blue 1.1 200");
    assert_eq!(curl(&[&secure]).await, "blue 2 200");
    assert_eq!(curl(&["--http1.1", &secure]).await, "blue 1.1 200");
    assert_eq!(curl(&["--data-binary", &upload, &secure]).await, "blue 2 200");
    assert_eq!(curl(&[&secure, &secure, &secure]).await, "blue 2 200".repeat(3));
    let asked = blue.asked();
    assert!(asked.iter().any(|request| request.body == noise(300_000)));
    site.kill().await;
}
