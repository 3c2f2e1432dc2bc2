//! Connections that change their protocol: WebSockets mostly.

use std::process::{Command, Stdio};
use std::time::Duration;

use gokku_proxy::Limits;

use crate::support::{Site, Upstream, Wire, noise, until};

const ASKED: &str = "GET /ws?room=1 HTTP/1.1\r\nhost: api\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: abc\r\n\r\n";
const TAKEN: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nsec-websocket-accept: def\r\n\r\n";

/// A switch, and both ends of a connection that asked for an upgrade.
async fn asked() -> (Site, Wire, Wire) {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client.send(ASKED).await;
    let mut app = upstream.accept().await;
    let request = app.head().await;
    assert_eq!(request.first, "GET /ws?room=1 HTTP/1.1");
    assert_eq!(request.header("connection"), Some("upgrade"));
    assert_eq!(request.header("upgrade"), Some("websocket"));
    assert_eq!(request.header("sec-websocket-key"), Some("abc"));
    (site, client, app)
}

/// The same, upgraded.
async fn upgraded() -> (Site, Wire, Wire) {
    let (site, mut client, mut app) = asked().await;
    app.send(TAKEN).await;
    let answer = client.head().await;
    assert_eq!(answer.status(), 101);
    assert_eq!(answer.header("connection"), Some("upgrade"));
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert_eq!(answer.header("sec-websocket-accept"), Some("def"));
    (site, client, app)
}

#[tokio::test]
async fn bytes_pass_both_ways() {
    let (site, mut client, mut app) = upgraded().await;
    for number in 0..10 {
        let (there, back) = (format!("\0ping {number}\r\n\r\n"), format!("\u{ff}pong {number}"));
        client.send(&there).await;
        assert_eq!(app.take(there.len()).await, there.as_bytes());
        app.send(&back).await;
        assert_eq!(client.take(back.len()).await, back.as_bytes());
    }
    let route = site.route().await;
    assert_eq!((route.targets[0].in_flight, route.targets[0].upgraded), (1, 1));
}

#[tokio::test]
async fn much_passes_both_ways_at_once() {
    let (_site, mut client, mut app) = upgraded().await;
    let bytes = noise(3_000_000);
    let sent = tokio::spawn(async move {
        // Each side echoes a piece before the next: neither direction waits for the other's end.
        for piece in bytes.chunks(100_000) {
            let ((), seen) = tokio::join!(client.send(piece), app.take(piece.len()));
            assert!(seen == piece);
            let ((), seen) = tokio::join!(app.send(piece), client.take(piece.len()));
            assert!(seen == piece);
        }
    });
    sent.await.unwrap();
}

/// What one side says in the same breath as its head is not lost.
#[tokio::test]
async fn eager_bytes_are_not_lost() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client.send(format!("{ASKED}from the client")).await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send(format!("{TAKEN}from the app")).await;
    assert_eq!(app.take(15).await, b"from the client");
    client.head().await;
    assert_eq!(client.take(12).await, b"from the app");
}

/// A side that has said all may still listen.
#[tokio::test]
async fn one_side_may_end_before_the_other() {
    let (_site, mut client, mut app) = upgraded().await;
    client.send("all").await;
    client.end().await;
    assert_eq!(app.rest().await, b"all");
    app.send("still talking").await;
    assert_eq!(client.take(13).await, b"still talking");
    app.end().await;
    assert_eq!(client.rest().await, b"");

    let (_site, mut client, mut app) = upgraded().await;
    app.send("all").await;
    app.end().await;
    assert_eq!(client.rest().await, b"all");
    client.send("still talking").await;
    assert_eq!(app.take(13).await, b"still talking");
}

#[tokio::test]
async fn an_app_may_decline() {
    let (site, mut client, mut app) = asked().await;
    app.send("HTTP/1.1 426 Upgrade Required\r\nupgrade: websocket\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\nno").await;
    let answer = client.message().await;
    assert_eq!((answer.status(), answer.text()), (426, "no"));
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert_eq!(site.route().await.targets[0].upgraded, 0);
}

/// Nobody asked: the client would take the app's next words for an answer.
#[tokio::test]
async fn an_upgrade_nobody_asked_for_is_an_error() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let mut app = upstream.accept().await;
    app.message().await;
    app.send(format!("{TAKEN}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"))
        .await;
    let answer = client.message().await;
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.header("x-gokku-error"), Some("upstream"));
    assert_eq!(app.rest().await, b"", "that connection is not used again");
    let route = site.route().await;
    assert_eq!(route.targets[0].in_flight, 0);
}

/// An app that is gone takes its upgraded connections with it, and the switch counts them no more.
#[tokio::test]
async fn an_upgraded_connection_ends_with_its_app() {
    let (site, mut client, app) = upgraded().await;
    drop(app);
    assert_eq!(client.rest().await, b"");
    drop(client);
    until("it to be counted no more", async || {
        (site.route().await.targets[0].in_flight == 0).then_some(())
    })
    .await;
}

/// A client that is there no more and never said so, as when a laptop's battery is empty: its own kernel drops all that comes
/// for it (`SO_ATTACH_FILTER`, see socket(7)).
#[tokio::test]
async fn a_client_that_has_vanished_is_closed() {
    const VANISHES: &str = r#"
        use IO::Socket::INET;
        my $client = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) or die "$!";
        print $client $ARGV[1];
        sysread($client, my $answer, 4096) or die "no answer";
        my $nothing = pack("SCCL", 6, 0, 0, 0);
        setsockopt($client, 1, 26, pack("S x6 P", 1, $nothing)) or die "$!";
        sleep 600;
    "#;
    let site = Site::limited(Limits {
        keepalive_interval: Duration::from_secs(1),
        download_timeout: Duration::from_secs(2),
        ..Limits::default()
    })
    .await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut vanished = Command::new("perl")
        .args(["-e", VANISHES, &port.to_string(), ASKED])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut app = upstream.accept().await;
    app.head().await;
    app.send(TAKEN).await;
    // A quiet one that is still there stays.
    let mut client = Wire::connect(port).await;
    client.send(ASKED).await;
    let mut other = upstream.accept().await;
    other.head().await;
    other.send(TAKEN).await;
    client.head().await;
    until("the app to hear of it", async || {
        (site.route().await.targets[0].upgraded == 1).then_some(())
    })
    .await;
    assert_eq!(app.rest().await, b"");
    client.send("still here").await;
    assert_eq!(other.take(10).await, b"still here");
    vanished.kill().unwrap();
    vanished.wait().unwrap();
}
