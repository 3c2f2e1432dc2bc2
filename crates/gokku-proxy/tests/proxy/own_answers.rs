//! The switch's own answers: each has its header, its words and its line in the log, and the reason is the true one.

use std::net::SocketAddr;
use std::time::Duration;

use gokku_proxy::Limits;
use gokku_proxy::control::api::{Clear, Hold, Target};

use crate::support::{Message, Named, Site, Upstream, Wire, app, free_ports, log, ok, soon, target};

const SHORT: Duration = Duration::from_millis(300);
const GET: &str = "GET / HTTP/1.1\r\nhost: api\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 10\r\n\r\nhello";

/// An answer's status, its `x-gokku-error`, and its words without the line's end.
type Told = (u16, &'static str, &'static str);

fn is_told(what: &str, answer: &Message, (status, error, words): Told) {
    let (head, _) = answer.text().split_at(answer.text().len().saturating_sub(1));
    assert_eq!(
        (answer.status(), answer.header("x-gokku-error"), head),
        (status, Some(error), words),
        "{what}"
    );
    assert_eq!(answer.header("server"), Some("gokku"), "{what}");
}

/// The log has it, of this app, once.
fn is_logged(what: &str, name: &str, words: &str, level: &str) {
    let lines = log::told_of(name);
    let of_it: Vec<_> = lines.iter().filter(|line| line.contains(words)).collect();
    assert_eq!(of_it.len(), 1, "{what}: {lines:?}");
    assert!(of_it[0].starts_with(level), "{what}: {lines:?}");
}

async fn short() -> Site {
    log::listen();
    Site::limited(Limits {
        head_timeout: SHORT,
        upload_timeout: SHORT,
        answer_timeout: Some(SHORT),
        max_head_bytes: 131_072,
        ..Limits::default()
    })
    .await
}

/// What a client does wrong, before an app hears of it.
#[tokio::test]
async fn what_a_client_did() {
    let site = short().await;
    let blue = Named::new("blue").await;
    let large = format!(
        "GET / HTTP/1.1\r\nhost: api\r\nx-large: {}\r\n\r\n",
        "x".repeat(200_000)
    );
    let long = format!("GET /{} HTTP/1.1\r\nhost: api\r\n\r\n", "x".repeat(70_000));
    let chunked = "POST / HTTP/1.1\r\nhost: api\r\ntransfer-encoding: chunked\r\n\r\n";
    for (name, request, ends, told) in [
        (
            "connect",
            "CONNECT api:443 HTTP/1.1\r\nhost: api:443\r\n\r\n",
            false,
            (405, "bad-request", "this is no proxy to other places"),
        ),
        (
            "no-host",
            "GET / HTTP/1.1\r\n\r\n",
            false,
            (400, "bad-request", "the request has no host"),
        ),
        (
            "no-http",
            "hello\r\n\r\n",
            false,
            (400, "bad-request", "the request is not valid HTTP"),
        ),
        (
            "first-line",
            "GET /a b HTTP/1.1\r\nhost: api\r\n\r\n",
            false,
            (
                400,
                "bad-request",
                "the request's first line is not `METHOD TARGET HTTP/1.1`; a space in TARGET is written %20",
            ),
        ),
        (
            "many-headers",
            &format!(
                "GET / HTTP/1.1\r\nhost: api\r\n{}\r\n",
                "x-one: 1\r\n".repeat(150)
            ),
            false,
            (431, "too-large", "the request has too many headers (max_headers)"),
        ),
        (
            "bad-length",
            "POST / HTTP/1.1\r\nhost: api\r\ncontent-length: x\r\n\r\n",
            false,
            (400, "bad-request", "the request is not valid HTTP"),
        ),
        (
            "large-head",
            &large,
            false,
            (
                431,
                "too-large",
                "the request's headers are too large (max_head_bytes)",
            ),
        ),
        (
            "long-target",
            &long,
            false,
            (414, "too-large", "the request's address is too long"),
        ),
        (
            "slow-head",
            "GET / HTTP/1.1\r\nhost:",
            false,
            (408, "slow-client", "the request took too long to come"),
        ),
        (
            "slow-body",
            POST,
            false,
            (408, "slow-client", "the rest of the request did not come"),
        ),
        (
            "bad-body",
            &format!("{chunked}zz\r\n"),
            false,
            (400, "bad-request", "the request's body is not valid"),
        ),
        (
            "broken-body",
            POST,
            true,
            (400, "bad-request", "the request's body broke off"),
        ),
        (
            "broken-chunk",
            &format!("{chunked}5\r\nhe"),
            true,
            (400, "bad-request", "the request's body broke off"),
        ),
    ] {
        let port = site.open_other(name, blue.target_of(name)).await;
        let mut client = Wire::connect(port).await;
        let _ = client.try_send(request).await;
        if ends {
            client.end().await;
        }
        let answer = soon(name, client.message()).await;
        is_told(name, &answer, told);
        assert_eq!(answer.header("connection"), Some("close"), "{name}");
        assert_eq!(soon(name, client.rest()).await, b"", "{name}");
        is_logged(name, name, told.2, "INFO");
    }
}

/// A refusal of the HTTP library's comes after answers of an app's, which are left as they are.
#[tokio::test]
async fn an_app_may_answer_as_the_library_does() {
    let site = short().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client.send(GET).await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        .await;
    let answer = client.message().await;
    assert_eq!((answer.status(), answer.header("x-gokku-error")), (400, None));
    client.send("nonsense\r\n\r\n").await;
    let answer = client.message().await;
    assert_eq!(
        (answer.status(), answer.header("x-gokku-error")),
        (400, Some("bad-request"))
    );
}

/// What an app did, when it had the request.
#[tokio::test]
async fn what_an_app_did() {
    let site = short().await;
    let large = format!("HTTP/1.1 200 OK\r\nx-large: {}\r\n\r\n", "x".repeat(300_000));
    let upstream = |words| (502, "upstream", words);
    for (name, request, said, told) in [
        ("none", GET, "", upstream("the app did not answer this request")),
        (
            "half",
            GET,
            "HTTP/1.1 200 OK\r\ncontent-le",
            upstream("the app's answer broke off in its head"),
        ),
        (
            "early-hint",
            GET,
            "HTTP/1.1 103 Early Hints\r\n\r\n",
            upstream("the app's answer broke off in its head"),
        ),
        (
            "garbage",
            GET,
            "garbage\r\n\r\n",
            upstream("the app's answer is not valid HTTP"),
        ),
        (
            "bad-header",
            GET,
            "HTTP/1.1 200 OK\r\nx-one: a\0b\r\n\r\n",
            upstream("the app's answer is not valid HTTP"),
        ),
        (
            "two-lengths",
            GET,
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
            upstream("the app's answer is not valid HTTP"),
        ),
        (
            "large-answer",
            GET,
            &large,
            upstream(
                "the app's answer has more or larger headers than the switch takes (max_answer_headers, max_answer_head_bytes)",
            ),
        ),
        (
            "coded",
            GET,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            upstream("the app's answer is in a form that cannot be passed on"),
        ),
        (
            "lengths",
            "HEAD / HTTP/1.1\r\nhost: api\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            upstream(""),
        ),
        (
            "protocol",
            GET,
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: odd\r\n\r\n",
            upstream("the app changed the protocol without being asked"),
        ),
    ] {
        let upstream = Upstream::new().await;
        let port = site.open_other(name, upstream.target(name)).await;
        let mut client = Wire::connect(port).await;
        client.send(request).await;
        let mut app = upstream.accept().await;
        app.head().await;
        let _ = app.try_send(said).await;
        if name != "large-answer" {
            app.end().await;
        }
        if request.starts_with("HEAD") {
            assert_eq!(client.head().await.header("x-gokku-error"), Some("upstream"));
            is_logged(name, name, "the app's answer has several lengths", "WARN");
            continue;
        }
        let answer = soon(name, client.message()).await;
        is_told(name, &answer, told);
        is_logged(name, name, told.2, "WARN");
        // It is no reason to close the client's connection.
        assert_eq!(answer.header("connection"), None, "{name}");
    }
}

/// A reset is told as what it is, whether or not something of an answer has come before it.
#[tokio::test]
async fn a_reset_before_and_in_an_answer() {
    let site = short().await;
    for (name, said, words) in [
        ("reset", "", "the app did not answer this request"),
        (
            "reset-midway",
            "HTTP/1.1 200",
            "the app's answer broke off in its head",
        ),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = site
            .open_other(name, target(name, listener.local_addr().unwrap()))
            .await;
        let mut client = Wire::connect(port).await;
        client.send(GET).await;
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.readable().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, said.as_bytes())
            .await
            .unwrap();
        // With a request that is not read it is a reset.
        drop(stream);
        is_told(
            name,
            &soon(name, client.message()).await,
            (502, "upstream", words),
        );
        is_logged(name, name, words, "WARN");
    }
}

/// An answer that breaks off in its body cannot be taken back: the log says so.
#[tokio::test]
async fn a_broken_answer_is_in_the_log() {
    let site = short().await;
    for (name, said) in [
        ("cut-length", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"),
        (
            "cut-chunk",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhalf",
        ),
        (
            "bad-chunk",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        ),
    ] {
        let upstream = Upstream::new().await;
        let port = site.open_other(name, upstream.target(name)).await;
        let mut client = Wire::connect(port).await;
        client.send(GET).await;
        let mut app = upstream.accept().await;
        app.head().await;
        app.send(said).await;
        app.end().await;
        let came = soon(name, client.rest()).await;
        assert!(!String::from_utf8_lossy(&came).contains("x-gokku-error"));
        is_logged(name, name, "the app's answer broke off: ", "WARN");
    }
}

/// What took too long: the app to answer, or to take.
#[tokio::test]
async fn what_took_too_long() {
    let site = short().await;
    let slow = Upstream::new().await;
    let port = site.open_other("slow", slow.target("slow")).await;
    let mut client = Wire::connect(port).await;
    client.send(GET).await;
    let answer = soon("an answer", client.message()).await;
    let words = "the app took too long to answer this request";
    is_told("slow", &answer, (504, "upstream-timeout", words));
    is_logged("slow", "slow", words, "WARN");

    let full = Upstream::new().await;
    let port = site.open_other("full", full.target("full")).await;
    let mut client = Wire::connect(port).await;
    let sending = client.send("POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 100000000\r\n\r\n");
    sending.await;
    let _app = full.accept().await;
    let _ = tokio::time::timeout(SHORT * 20, client.try_send(vec![0; 100_000_000])).await;
    let answer = soon("an answer", client.message()).await;
    let words = "the app took too long to take this request";
    is_told("full", &answer, (504, "upstream-timeout", words));
    is_logged("full", "full", words, "WARN");
}

/// What is not there: an app, its container, its port, room.
#[tokio::test]
async fn what_is_not_there() {
    let site = short().await;
    let blue = Named::new("blue").await;
    let later = Some("5");
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_ports()));
    let cases: [(&str, Target, Told, Option<&str>); 5] = [
        (
            "web-none",
            target("web-none", address("127.0.0.1:0")),
            (503, "no-web", "this app has no web process"),
            later,
        ),
        (
            "held",
            blue.target_of("held"),
            (
                503,
                "held-too-long",
                "the app is being replaced and took too long",
            ),
            later,
        ),
        (
            "lost",
            blue.target_of("lost"),
            (502, "upstream", "the app does not run"),
            None,
        ),
        (
            "refused",
            target("refused", nobody),
            (
                502,
                "upstream",
                "the app refuses connections: nothing listens on its port",
            ),
            None,
        ),
        (
            "unreachable",
            target("unreachable", address("255.255.255.255:80")),
            (502, "upstream", "the app could not be reached"),
            None,
        ),
    ];
    let mut asked = Vec::new();
    for (name, target, told, later) in cases {
        let container = target.container.clone();
        let port = site.open_other(name, target).await;
        match name {
            "held" => drop(site.client.hold(&app(name), Hold { limit_ms: 10 }).await.unwrap()),
            "lost" => site.switch().mark_down(&container),
            _ => {}
        }
        // Some of them are waited for.
        asked.push(tokio::spawn(async move {
            (name, told, later, crate::support::get(port, "/").await)
        }));
    }
    for one in asked {
        let (name, told, later, answer) = one.await.unwrap();
        is_told(name, &answer, told);
        assert_eq!(answer.header("retry-after"), later, "{name}");
        is_logged(name, name, told.2, "WARN");
    }
    let port = site.open_other("gone", blue.target_of("gone")).await;
    site.client.clear(&app("gone"), &Clear::default()).await.unwrap();
    let answer = crate::support::get(port, "/").await;
    let words = "no release of this app is running";
    is_told("gone", &answer, (503, "no-target", words));
    is_logged("gone", "gone", words, "WARN");
}

#[tokio::test]
async fn who_is_turned_away_has_its_answer() {
    log::listen();
    let site = Site::limited(Limits {
        max_connections: Some(1),
        ..Limits::default()
    })
    .await;
    let upstream = Upstream::new().await;
    let port = site.open_other("crowded", upstream.target("crowded")).await;
    let mut busy = Wire::connect(port).await;
    busy.send(GET).await;
    let mut app = upstream.accept().await;
    app.head().await;
    let words = "there are too many connections";
    for _ in 0..20 {
        let mut client = Wire::connect(port).await;
        let _ = client.try_send(GET).await;
        is_told(
            "crowded",
            &client.message().await,
            (503, "too-many-connections", words),
        );
    }
    // However many there are.
    is_logged("crowded", "crowded", words, "WARN");
    app.send(ok("done")).await;
    assert_eq!(busy.message().await.text(), "done");
}
