//! What slow, greedy and silent clients are answered, and that others do not notice.

use std::path::Path;
use std::time::{Duration, Instant};

use gokku_proxy::Limits;
use gokku_proxy::config::limits::LIMITS;

use crate::support::{Named, PATIENCE, Site, Upstream, Wire, get, ok, soon};

const SHORT: Duration = Duration::from_millis(300);

/// Limits that a test can wait for.
fn short() -> Limits {
    Limits {
        idle_timeout: SHORT,
        head_timeout: SHORT,
        upload_timeout: SHORT,
        download_timeout: Duration::from_secs(1),
        answer_timeout: Some(SHORT),
        ..Limits::default()
    }
}

/// A switch with one app, and the place where its requests arrive.
async fn served() -> (Site, Upstream, u16) {
    let site = Site::limited(short()).await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    (site, upstream, port)
}

/// What is left of a connection: the switch has ended it.
async fn ended(client: &mut Wire) -> Vec<u8> {
    soon("the connection's end", client.rest()).await
}

#[tokio::test]
async fn a_head_that_drips_does_not_renew_its_time() {
    let (_site, _upstream, port) = served().await;
    let mut client = Wire::connect(port).await;
    let began = Instant::now();
    for byte in "GET / HTTP/1.1\r\nhost: api\r\nx-padding: "
        .bytes()
        .chain([b'x'; 10_000])
    {
        if client.try_send([byte]).await.is_err() || began.elapsed() > SHORT * 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let answer = client.message().await;
    assert_eq!(
        (answer.status(), answer.header("x-gokku-error")),
        (408, Some("slow-client"))
    );
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(
        began.elapsed() >= SHORT && began.elapsed() < PATIENCE,
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn large_and_many_headers_are_refused() {
    let site = Site::limited(Limits {
        max_head_bytes: 16_384,
        max_headers: 50,
        ..Limits::default()
    })
    .await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let different: Vec<String> = (0..100).map(|number| format!("X-{number}: 1\r\n")).collect();
    let head = |rest: &str| format!("GET / HTTP/1.1\r\nhost: api\r\n{rest}\r\n");
    let large = |bytes: usize| head(&format!("x-large: {}\r\n", "x".repeat(bytes)));
    let many = |headers: usize| head(&"x-one: 1\r\n".repeat(headers));
    for (request, status) in [
        (large(15_000), 200),
        (large(17_000), 431),
        (large(3_000_000), 431),
        (many(49), 200),
        (many(50), 431),
        (many(100_000), 431),
        (head(&different.concat()), 431),
        // Cut in the middle of a name.
        (head(&format!("{}: 1\r\n", "x".repeat(17_000))), 431),
        (
            format!(
                "POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 3\r\n{}\r\nabc",
                "x: 1\r\n".repeat(60)
            ),
            431,
        ),
        (
            format!("GET /{} HTTP/1.1\r\nhost: api\r\n\r\n", "x".repeat(3_000_000)),
            414,
        ),
        // It is longer on its way.
        (
            format!("GET /?{} HTTP/1.1\r\nhost: api\r\n\r\n", "<".repeat(5400)),
            200,
        ),
        (
            format!("GET /?{} HTTP/1.1\r\nhost: api\r\n\r\n", "<".repeat(5600)),
            414,
        ),
        (
            format!("{} / HTTP/1.1\r\nhost: api\r\n\r\n", "G".repeat(17_000)),
            431,
        ),
    ] {
        // Behind a plain one, so that its answer is not lost.
        let mut client = Wire::connect(port).await;
        // It may be answered before it has sent all.
        let _ = client
            .try_send(format!("GET /before HTTP/1.1\r\nhost: api\r\n\r\n{request}"))
            .await;
        assert_eq!(soon("an answer", client.message()).await.text(), "blue");
        let answer = soon("an answer", client.message()).await;
        let shown = request.get(..60).unwrap_or(&request);
        let error = (status != 200).then_some("too-large");
        assert_eq!(
            (answer.status(), answer.header("x-gokku-error")),
            (status, error),
            "{} bytes: {shown:?}",
            request.len()
        );
        if status != 200 {
            assert_eq!(answer.header("connection"), Some("close"), "{shown:?}");
            assert_eq!(soon("the end", client.rest()).await, b"", "{shown:?}");
            assert!(
                blue.asked()
                    .iter()
                    .all(|request| request.header("content-length").is_none())
            );
        }
    }
}

/// What an app may send, and a client, by default. An app's headers are more than the HTTP library has room for.
#[tokio::test]
async fn many_headers_pass_both_ways() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    let lines = |count: usize| {
        let lines =
            (0..count).map(|number| format!("X-Number-{number}: {number}\r\nSet-Cookie: c{number}=1\r\n"));
        lines.collect::<Vec<_>>().concat()
    };
    client
        .send(format!("GET / HTTP/1.1\r\nhost: api\r\n{}\r\n", lines(49)))
        .await;
    let mut app = upstream.accept().await;
    let request = app.head().await;
    assert_eq!(request.all("set-cookie").len(), 49);
    assert_eq!(request.header("x-number-48"), Some("48"));
    app.send(format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{}\r\n",
        lines(249)
    ))
    .await;
    let answer = client.message().await;
    assert_eq!((answer.status(), answer.all("set-cookie").len()), (200, 249));
    assert_eq!(answer.header("x-number-248"), Some("248"));
}

/// An app's answer that has too much of them is a 502 that says so, and is not asked for again.
#[tokio::test]
async fn answers_with_too_many_headers_are_told_as_such() {
    let site = Site::limited(Limits {
        max_answer_headers: 200,
        max_answer_head_bytes: 65_536,
        ..Limits::default()
    })
    .await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    for (headers, status) in [
        ("x: 1\r\n".repeat(198), 200),
        ("x: 1\r\n".repeat(199), 502),
        (format!("x: {}\r\n", "x".repeat(65_000)), 200),
        (format!("x: {}\r\n", "x".repeat(140_000)), 502),
        ("x: 1\r\n".repeat(100_000), 502),
    ] {
        // A connection on which an answer has come: a request that is lost on it would be sent again.
        client.send("GET /first HTTP/1.1\r\nhost: api\r\n\r\n").await;
        let mut app = upstream.accept().await;
        app.head().await;
        app.send(ok("first")).await;
        assert_eq!(client.message().await.text(), "first");
        client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
        app.head().await;
        let _ = app
            .try_send(format!(
                "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n{headers}\r\nbody"
            ))
            .await;
        let answer = soon("an answer", client.message()).await;
        assert_eq!(answer.status(), status, "{} bytes", headers.len());
        if status == 502 {
            assert_eq!(answer.header("x-gokku-error"), Some("upstream"));
            assert!(answer.text().contains("headers"), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_quiet_stream_is_not() {
    let (_site, upstream, port) = served().await;
    let mut idle = Wire::connect(port).await;
    let mut stream = Wire::connect(port).await;
    stream.send("GET /events HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        .await;
    stream.through("one\r\n").await;
    assert_eq!(ended(&mut idle).await, b"");
    tokio::time::sleep(SHORT * 3).await;
    app.send("3\r\ntwo\r\n0\r\n\r\n").await;
    stream.through("two\r\n").await;
}

#[tokio::test]
async fn an_upload_may_be_long_and_may_not_stand_still() {
    let (site, upstream, port) = served().await;
    let mut steady = Wire::connect(port).await;
    steady
        .send("POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 20\r\n\r\n")
        .await;
    let mut app = upstream.accept().await;
    app.head().await;
    let began = Instant::now();
    for _ in 0..20 {
        steady.send("x").await;
        assert_eq!(app.take(1).await, b"x");
        tokio::time::sleep(SHORT / 6).await;
    }
    assert!(began.elapsed() > SHORT * 2);
    app.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\nall")
        .await;
    assert_eq!(steady.message().await.text(), "all");

    let mut still = Wire::connect(port).await;
    still
        .send("POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 20\r\n\r\nhalf")
        .await;
    let mut app = upstream.accept().await;
    app.head().await;
    let answer = soon("an answer", still.message()).await;
    assert_eq!(
        (answer.status(), answer.header("x-gokku-error")),
        (408, Some("slow-client"))
    );
    assert_eq!(ended(&mut still).await, b"");
    // It holds up no drain.
    let drained = site.drain("blue", PATIENCE, PATIENCE).await.unwrap();
    assert_eq!(drained.left, 0);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut() {
    let (site, upstream, port) = served().await;
    let mut greedy = Wire::connect(port).await;
    greedy.send("GET /large HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        .await;
    let piece = vec![b'x'; 1 << 20];
    let began = Instant::now();
    // The app is told, by a connection that takes no more, that nobody wants it.
    let cut = soon("the end of it", async {
        let mut sent = 0;
        while app.try_send(&piece).await.is_ok() {
            sent += piece.len();
        }
        sent
    })
    .await;
    assert!(
        cut < 200 << 20,
        "{cut} bytes were kept for a client that takes none"
    );
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    let drained = site.drain("blue", PATIENCE, PATIENCE).await.unwrap();
    assert_eq!(drained.left, 0);
}

#[tokio::test]
async fn an_app_that_never_answers_is_given_up() {
    let (_site, upstream, port) = served().await;
    let mut client = Wire::connect(port).await;
    client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let mut app = upstream.accept().await;
    app.head().await;
    let answer = soon("an answer", client.message()).await;
    assert_eq!(
        (answer.status(), answer.header("x-gokku-error")),
        (504, Some("upstream-timeout"))
    );
    // The answer that comes all the same is nobody's.
    let _ = app.try_send(ok("late")).await;
    upstream.serves_next(port).await;
}

/// Half-closed sockets: whoever closes its side is taken for gone, because nothing tells it from one who is. The app
/// hears of it, and nothing stays in flight.
#[tokio::test]
async fn a_client_that_closes_its_side_is_gone() {
    let (site, upstream, port) = served().await;
    let mut client = Wire::connect(port).await;
    client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let mut app = upstream.accept().await;
    app.head().await;
    client.end().await;
    assert_eq!(soon("the app to hear of it", app.rest()).await, b"");
    assert_eq!(ended(&mut client).await, b"");
    let drained = site.drain("blue", PATIENCE, PATIENCE).await.unwrap();
    assert_eq!(drained.left, 0);
}

/// Hundreds of slow clients of each kind; another app's are answered at once, and a drain ends in its time.
#[tokio::test]
async fn slow_clients_disturb_nobody() {
    let site = Site::limited(Limits::default()).await;
    let upstream = Upstream::new().await;
    let slow = site.serve(upstream.target("slow")).await;
    let other = Named::new("other").await;
    let port = site.open_other("other", other.target()).await;
    let mut clients = Vec::new();
    for number in 0..300 {
        let mut client = Wire::connect(slow).await;
        client
            .send(match number % 3 {
                0 => "",
                1 => "GET / HTTP/1.1\r\nhost: a",
                _ => "POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 20\r\n\r\nhalf",
            })
            .await;
        clients.push(client);
    }
    for _ in 0..100 {
        assert_eq!(soon("an answer", get(port, "/")).await.text(), "other");
    }
    let began = Instant::now();
    let limit = Duration::from_millis(500);
    let drained = site.drain("slow", limit, limit).await.unwrap();
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    assert!(drained.left > 0, "those that send a body have not ended");
}

/// P45: each limit has a name, a default, and a test that sets it to go beyond it.
#[test]
fn p45_every_limit_is_gone_beyond() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proxy");
    let files = std::fs::read_dir(tests)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let all: String = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for limit in LIMITS {
        let set = [format!(" {}: ", limit.name), format!(" {},", limit.name)];
        assert!(
            set.iter().any(|set| all.contains(set)),
            "no test sets {}",
            limit.name
        );
        assert!(!limit.default.is_empty(), "{} has no default", limit.name);
    }
}
