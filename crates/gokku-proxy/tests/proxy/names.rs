//! Header names keep their case, both ways: old clients and programs compare them byte for byte. What the switch adds
//! itself is written as is customary.

use crate::support::{Site, Upstream, Wire, get, ok};

/// Lines of a head as one side writes them, and as the other one gets them.
const LINES: &[(&[&str], &[&str])] = &[
    (&["Content-Type: text/plain"], &["Content-Type: text/plain"]),
    (&["content-type: text/plain"], &["content-type: text/plain"]),
    (&["CONTENT-TYPE: text/plain"], &["CONTENT-TYPE: text/plain"]),
    (&["cOnTeNt-tYpE: text/plain"], &["cOnTeNt-tYpE: text/plain"]),
    (&["SOAPAction: \"x\""], &["SOAPAction: \"x\""]),
    (&["ETag: \"x\""], &["ETag: \"x\""]),
    (&["WWW-Authenticate: Basic"], &["WWW-Authenticate: Basic"]),
    (&["DNT: 1"], &["DNT: 1"]),
    (&["X-CSRF_Token: 1"], &["X-CSRF_Token: 1"]),
    (&["x!#$%&'*+.^_`|~: 1"], &["x!#$%&'*+.^_`|~: 1"]),
    // One of a name, in another case than the other.
    (
        &["X-Same: 1", "x-same: 2", "X-SAME: 3", "X-Same: 4"],
        &["X-Same: 1", "x-same: 2", "X-SAME: 3", "X-Same: 4"],
    ),
    (
        &["Set-Cookie: a=1", "X-Between: 1", "set-cookie: b=2"],
        &["Set-Cookie: a=1", "set-cookie: b=2", "X-Between: 1"],
    ),
    // What stays here is known in every case.
    (&["CONNECTION: X-One", "x-ONE: 1", "X-Two: 2"], &["X-Two: 2"]),
    (&["Keep-ALIVE: 1", "PROXY-connection: close", "Te: trailers"], &[]),
];

/// A head's lines that this test said, without the first and what the switch adds.
fn ours(head: &str) -> Vec<&str> {
    const ADDED: [&str; 7] = [
        "Forwarded: ",
        "X-Request-Id: ",
        "Host: ",
        "X-Forwarded-",
        "Date: ",
        "Content-Length: ",
        "Connection: ",
    ];
    let lines = head.trim_end().split("\r\n").skip(1);
    lines
        .filter(|line| !ADDED.iter().any(|added| line.starts_with(added)))
        .collect()
}

#[tokio::test]
async fn names_keep_their_case_both_ways() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    let mut app = None;
    for (written, gets) in LINES {
        let lines = [written.join("\r\n"), "\r\n".to_owned()].concat();
        client
            .send(format!("GET / HTTP/1.1\r\nHost: api\r\n{lines}\r\n"))
            .await;
        // The same connection to the app, all the time.
        let app = match &mut app {
            Some(app) => app,
            app => app.insert(upstream.accept().await),
        };
        let request = app.through("\r\n\r\n").await;
        assert_eq!(ours(&request), *gets, "{request}");
        app.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{lines}\r\n"))
            .await;
        let answer = client.through("\r\n\r\n").await;
        assert_eq!(ours(&answer), *gets, "{answer}");
    }
}

/// Also those that the HTTP library has an opinion of.
#[tokio::test]
async fn framing_keeps_its_case() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    for (framing, body) in [
        ("Content-Length: 2", "hi"),
        ("content-length: 2", "hi"),
        ("CONTENT-Length: 2", "hi"),
        ("Transfer-Encoding: chunked", "2\r\nhi\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked", "2\r\nhi\r\n0\r\n\r\n"),
        ("TRANSFER-Encoding: chunked", "2\r\nhi\r\n0\r\n\r\n"),
    ] {
        let mut client = Wire::connect(port).await;
        client
            .send(format!("POST / HTTP/1.1\r\nhOST: api\r\n{framing}\r\n\r\n{body}"))
            .await;
        let mut app = upstream.accept().await;
        let request = app.through("\r\n\r\n").await;
        let lines = request.trim_end().split("\r\n").skip(1);
        let mut lines: Vec<&str> = lines.filter(|line| !line.starts_with("X-Request-Id: ")).collect();
        lines.sort_unstable();
        let mut expected = vec![
            framing,
            "hOST: api",
            "Forwarded: for=127.0.0.1;host=\"api\";proto=http",
            "X-Forwarded-For: 127.0.0.1",
            "X-Forwarded-Host: api",
            "X-Forwarded-Proto: http",
        ];
        expected.sort_unstable();
        assert_eq!(lines, expected);
        // An answer before the end of the request would be the last one on the client's connection.
        app.through(body).await;
        app.send(format!(
            "HTTP/1.1 200 OK\r\nDATE: today\r\nconnection: close\r\n{framing}\r\n\r\n{body}"
        ))
        .await;
        let answer = client.through("\r\n\r\n").await;
        let mut lines: Vec<&str> = answer.trim_end().split("\r\n").skip(1).collect();
        lines.sort_unstable();
        let mut expected = vec![framing, "DATE: today"];
        expected.sort_unstable();
        assert_eq!(lines, expected);
    }
}

/// A request that is sent again is the same one.
#[tokio::test]
async fn names_keep_their_case_when_it_is_tried_again() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    let request = "GET / HTTP/1.1\r\nHost: api\r\nX-ONE: 1\r\nx-One: 2\r\nX-Request-ID: one\r\n\r\n";
    client.send(request).await;
    let mut app = upstream.accept().await;
    let first = app.through("\r\n\r\n").await;
    app.send(ok("first")).await;
    assert_eq!(client.message().await.text(), "first");
    client.send(request).await;
    app.through("\r\n\r\n").await;
    // The connection is lost; nothing was answered on it.
    drop(app);
    let mut app = upstream.accept().await;
    assert_eq!(app.through("\r\n\r\n").await, first);
    assert_eq!(ours(&first), ["X-ONE: 1", "x-One: 2", "X-Request-ID: one"]);
}

#[tokio::test]
async fn names_keep_their_case_in_an_upgrade() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client
        .send(
            "GET / HTTP/1.1\r\nHost: api\r\nUPGRADE: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
        )
        .await;
    let mut app = upstream.accept().await;
    let request = app.through("\r\n\r\n").await;
    assert_eq!(
        ours(&request),
        ["Sec-WebSocket-Key: x", "UPGRADE: websocket"],
        "{request}"
    );
    assert!(request.contains("\r\nConnection: upgrade\r\n"), "{request}");
    app.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: y\r\n\r\n")
        .await;
    let answer = client.through("\r\n\r\n").await;
    assert_eq!(
        ours(&answer),
        ["Sec-WebSocket-Accept: y", "Upgrade: websocket"],
        "{answer}"
    );
}

/// A client's word for what the switch says itself is not passed on, in whatever case.
#[tokio::test]
async fn what_the_switch_says_itself_is_said_once() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client
        .send("GET / HTTP/1.1\r\nHost: api\r\nX-FORWARDED-FOR: 10.0.0.1\r\nx-forwarded-for: 10.0.0.2\r\nX_Forwarded_FOR: 10.0.0.3\r\n\r\n")
        .await;
    let mut app = upstream.accept().await;
    let request = app.through("\r\n\r\n").await.to_lowercase();
    assert_eq!(
        request.matches("x-forwarded-for: 127.0.0.1\r\n").count(),
        1,
        "{request}"
    );
    assert_eq!(request.matches("10.0.0").count(), 0, "{request}");
}

#[tokio::test]
async fn the_switchs_own_answers_are_written_as_is_customary() {
    let site = Site::new().await;
    let port = site.open().await;
    let mut client = Wire::connect(port).await;
    client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let answer = client.through("\r\n\r\n").await;
    for name in [
        "Server: gokku",
        "X-Gokku-Error: no-target",
        "Retry-After: ",
        "Content-Type: ",
    ] {
        assert!(answer.contains(&format!("\r\n{name}")), "{answer}");
    }
    assert_eq!(get(port, "/").await.header("x-gokku-error"), Some("no-target"));
}
