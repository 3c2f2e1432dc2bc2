//! Requests that two programs might read in two ways: they are refused, or reach the app in one form that cannot be
//! misread. What the app gets is compared byte for byte.

use crate::support::{Site, Upstream, Wire, ok, soon};

/// Sent on one connection, with what it comes to.
enum Comes {
    /// An answer of the switch, which closes the connection; the app hears nothing.
    Refused(u16),
    /// The app gets exactly this, and nothing behind it.
    To(&'static str),
}
use Comes::{Refused, To};

/// What every request to an app has in the end.
const TAIL: &str = "Forwarded: for=127.0.0.1;host=\"api\";proto=http\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: api\r\nX-Forwarded-Proto: http\r\n\r\n";

const CASES: &[(&str, &str, Comes)] = &[
    (
        "a plain one",
        "GET /a HTTP/1.1\r\nhost: api\r\n\r\n",
        To("GET /a HTTP/1.1\r\nhost: api\r\n"),
    ),
    (
        "length beside chunked: chunked counts, and the connection ends",
        "POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: api\r\n\r\n",
        To("POST / HTTP/1.1\r\nhost: api\r\ntransfer-encoding: chunked\r\n"),
    ),
    (
        "lengths that differ",
        "POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nbody",
        Refused(400),
    ),
    (
        "a length that is a list",
        "POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 4, 5\r\n\r\nbody",
        Refused(400),
    ),
    (
        "a length with a sign",
        "POST / HTTP/1.1\r\nhost: api\r\ncontent-length: +4\r\n\r\nbody",
        Refused(400),
    ),
    (
        "a length below zero",
        "POST / HTTP/1.1\r\nhost: api\r\ncontent-length: -1\r\n\r\n",
        Refused(400),
    ),
    (
        "a length in hexadecimal",
        "POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 0x4\r\n\r\nbody",
        Refused(400),
    ),
    (
        "a length beyond all numbers",
        "POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        Refused(400),
    ),
    (
        "a length beyond a reader's numbers",
        "POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 9223372036854775808\r\n\r\n",
        Refused(400),
    ),
    (
        "the longest of a reader's numbers but two",
        "POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 18446744073709551613\r\n\r\n",
        Refused(400),
    ),
    (
        "the longest of a reader's numbers",
        "POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 18446744073709551615\r\n\r\n",
        Refused(400),
    ),
    (
        "chunked twice",
        "POST / HTTP/1.1\r\nhost: api\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "another coding before chunked",
        "POST / HTTP/1.1\r\nhost: api\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "a coding that is not chunked",
        "POST / HTTP/1.1\r\nhost: api\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "chunked in quotes",
        "POST / HTTP/1.1\r\nhost: api\r\ntransfer-encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "chunked in HTTP/1.0",
        "POST / HTTP/1.0\r\nhost: api\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "a space before the colon",
        "POST / HTTP/1.1\r\nhost: api\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "a folded line",
        "GET / HTTP/1.1\r\nhost: api\r\nx-one: 1\r\n two\r\n\r\n",
        Refused(400),
    ),
    (
        "a folded first line",
        "GET / HTTP/1.1\r\n host: api\r\n\r\n",
        Refused(400),
    ),
    (
        "NUL in a value",
        "GET / HTTP/1.1\r\nhost: api\r\nx-one: a\0b\r\n\r\n",
        Refused(400),
    ),
    (
        "CR in a value",
        "GET / HTTP/1.1\r\nhost: api\r\nx-one: a\rx-two: b\r\n\r\n",
        Refused(400),
    ),
    (
        "NUL in a name",
        "GET / HTTP/1.1\r\nhost: api\r\nx\0one: a\r\n\r\n",
        Refused(400),
    ),
    (
        "a control byte in the target",
        "GET /a\x01b HTTP/1.1\r\nhost: api\r\n\r\n",
        Refused(400),
    ),
    (
        "a space in the target",
        "GET /a b HTTP/1.1\r\nhost: api\r\n\r\n",
        Refused(400),
    ),
    (
        "lines that end in LF leave with CRLF",
        "GET /lf HTTP/1.1\nhost: api\nx-one: 1\n\n",
        To("GET /lf HTTP/1.1\r\nhost: api\r\nx-one: 1\r\n"),
    ),
    ("no host", "GET / HTTP/1.1\r\nx-one: 1\r\n\r\n", Refused(400)),
    (
        "two hosts",
        "GET / HTTP/1.1\r\nhost: api\r\nhost: other\r\n\r\n",
        Refused(400),
    ),
    (
        "the same host twice",
        "GET / HTTP/1.1\r\nhost: api\r\nhost: api\r\n\r\n",
        Refused(400),
    ),
    (
        "a host that is none",
        "GET / HTTP/1.1\r\nhost: user@api\r\n\r\n",
        Refused(400),
    ),
    (
        "an address whose host is another than the header's",
        "GET http://api/abs HTTP/1.1\r\nhost: other\r\n\r\n",
        To("GET /abs HTTP/1.1\r\nhost: api\r\n"),
    ),
    (
        "a scheme that is none of ours",
        "GET ftp://api/ HTTP/1.1\r\nhost: api\r\n\r\n",
        Refused(400),
    ),
    (
        "a chunk size beyond all numbers",
        "POST / HTTP/1.1\r\nhost: api\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        Refused(400),
    ),
    (
        "a chunk size that is none",
        "POST / HTTP/1.1\r\nhost: api\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        Refused(400),
    ),
    ("no HTTP", "hello, is there anybody\r\n\r\n", Refused(400)),
    ("TLS", "\x16\x03\x01\x02\0\x01\0\x01\u{7f}\x03\x03", Refused(400)),
];

#[tokio::test]
async fn one_reading_or_none() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    for (what, sent, comes) in CASES {
        let mut client = Wire::connect(port).await;
        client.send(sent).await;
        match comes {
            Refused(status) => {
                // A body that turns out to be none may have been begun with: then the app's connection is broken off.
                let answer = soon(what, client.message()).await;
                assert_eq!(answer.status(), *status, "{what}");
                assert_eq!(
                    soon(what, client.rest()).await,
                    b"",
                    "{what}: the connection ends"
                );
            }
            To(head) => {
                let mut app = soon(what, upstream.accept()).await;
                let got = app.through("\r\n\r\n").await;
                assert_eq!(sorted(&got), sorted(&format!("{head}{TAIL}")), "{what}");
                if sent.contains("chunked") {
                    assert_eq!(app.through("0\r\n\r\n").await, "0\r\n\r\n", "{what}");
                }
                app.send(ok("answer")).await;
                assert_eq!(soon(what, client.message()).await.text(), "answer", "{what}");
                if sent.contains("/smuggled") {
                    // What stood behind it is no request.
                    assert_eq!(soon(what, client.rest()).await, b"", "{what}");
                }
                drop(client);
            }
        }
    }
}

/// The first line and the headers in the order of their names: their order is nobody's business.
fn sorted(head: &str) -> Vec<&str> {
    let lines = head.split("\r\n");
    // Each has a name of its own.
    let mut lines: Vec<&str> = lines.filter(|line| !line.starts_with("X-Request-Id: ")).collect();
    lines[1..].sort_unstable();
    lines
}

/// A body that breaks off or is malformed never ends well at the app, and the next request on the app's connection is
/// nobody's rest.
#[tokio::test]
async fn a_broken_body_reaches_the_app_as_broken() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    for rest in ["5\r\nhello\r\nzz\r\n", "5\r\nhelloX\r\n", "5;\x01ext\r\nhelloX"] {
        let mut client = Wire::connect(port).await;
        client
            .send("POST /broken HTTP/1.1\r\nhost: api\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        let mut app = upstream.accept().await;
        app.head().await;
        client.send(rest).await;
        client.end().await;
        let got = soon("the end of the app's connection", app.rest()).await;
        assert!(!got.ends_with(b"0\r\n\r\n"), "{rest:?}: {got:?}");
    }
    upstream.serves_next(port).await;
}

#[tokio::test]
async fn trailers_say_nothing_of_the_head() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client
        .send(
            "POST / HTTP/1.1\r\nhost: api\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
             2;ext=1\r\nab\r\n0\r\nx-sum: 1\r\nhost: other\r\ncontent-length: 9\r\nx-forwarded-for: 10.0.0.1\r\n\r\n",
        )
        .await;
    let mut app = upstream.accept().await;
    let request = soon("the request", app.message()).await;
    assert_eq!(request.text(), "ab");
    let names: Vec<&str> = request.trailers.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.is_empty() || names == ["X-Sum"], "{names:?}");
    assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
}

#[tokio::test]
async fn expect_continue_works_from_end_to_end() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client
        .send("POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n")
        .await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(soon("100", client.head()).await.status(), 100);
    client.send("body").await;
    assert_eq!(app.take(4).await, b"body");
    app.send(ok("all of it")).await;
    assert_eq!(soon("an answer", client.message()).await.text(), "all of it");
}
