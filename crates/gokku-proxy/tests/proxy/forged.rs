//! Where a request came from is the switch's to say, or a trusted proxy's; and what stays between two hosts stays there.

use gokku_proxy::Network;

use crate::support::{Message, Site, Upstream, Wire, ok, soon};

/// What an app gets of a request with these headers.
async fn passed(trusted: &[&str], headers: &str) -> Message {
    let mut site = Site::stopped();
    site.trusted = trusted
        .iter()
        .map(|one| one.parse::<Network>().unwrap())
        .collect();
    site.start().await.unwrap();
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client
        .send(format!("GET / HTTP/1.1\r\nhost: api\r\n{headers}\r\n"))
        .await;
    let mut app = upstream.accept().await;
    let request = soon("the request", app.head()).await;
    app.send(ok("seen")).await;
    assert_eq!(client.message().await.text(), "seen");
    request
}

const FORGED: &str = "x-forwarded-for: 10.9.8.7\r\nx-forwarded-host: evil\r\nx-forwarded-proto: https\r\nx-forwarded-port: 443\r\n\
                      x-real-ip: 10.9.8.7\r\nforwarded: for=10.9.8.7;proto=https\r\nX_Forwarded_For: 10.9.8.7\r\n";

/// P44.
#[tokio::test]
async fn a_client_cannot_say_where_it_comes_from() {
    for trusted in [&[][..], &["10.0.0.0/8"]] {
        let request = passed(trusted, FORGED).await;
        assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
        assert_eq!(request.header("x-forwarded-host"), Some("api"));
        assert_eq!(request.header("x-forwarded-proto"), Some("http"));
        assert_eq!(
            request.header("forwarded"),
            Some("for=127.0.0.1;host=\"api\";proto=http")
        );
        for gone in ["x-forwarded-port", "x-real-ip", "x_forwarded_for"] {
            assert_eq!(request.header(gone), None, "{gone}");
        }
    }
}

#[tokio::test]
async fn a_trusted_proxy_can() {
    let several = format!("{FORGED}x-forwarded-for: 198.51.100.7, 192.0.2.1\r\n");
    let request = passed(&["192.0.2.1", "127.0.0.0/8"], &several).await;
    assert_eq!(
        request.header("x-forwarded-for"),
        Some("10.9.8.7, 198.51.100.7, 192.0.2.1, 127.0.0.1")
    );
    assert_eq!(request.header("x-forwarded-host"), Some("evil"));
    assert_eq!(request.header("x-forwarded-proto"), Some("https"));
    assert_eq!(request.header("x-real-ip"), Some("10.9.8.7"));
    assert_eq!(
        request.header("forwarded"),
        Some("for=10.9.8.7;proto=https, for=127.0.0.1;host=\"evil\";proto=https")
    );
    // Many frameworks cannot tell it from the other one.
    assert_eq!(request.header("x_forwarded_for"), None);
}

/// P44: frameworks that look at `Forwarded` learn the same as those that look at the others.
#[tokio::test]
async fn a_trusted_proxy_that_knows_no_rfc_7239_is_heard_in_its_words() {
    for (headers, expected) in [
        ("", "for=127.0.0.1;host=\"api\";proto=http"),
        (
            "x-forwarded-for: 203.0.113.9\r\nx-forwarded-proto: https\r\n",
            "for=203.0.113.9, for=127.0.0.1;host=\"api\";proto=https",
        ),
        (
            "x-forwarded-for: 2001:db8::9, 203.0.113.9:4711\r\nx-forwarded-for: [2001:db8::7], who\r\nx-forwarded-host: shop\r\n",
            "for=\"[2001:db8::9]\", for=\"203.0.113.9:4711\", for=\"[2001:db8::7]\", for=unknown, \
             for=127.0.0.1;host=\"shop\";proto=http",
        ),
        (
            "x-forwarded-proto: WSS\r\n",
            "for=127.0.0.1;host=\"api\";proto=https",
        ),
        (
            "x-forwarded-proto: ws\r\n",
            "for=127.0.0.1;host=\"api\";proto=http",
        ),
        (
            "x-forwarded-proto: gopher\r\n",
            "for=127.0.0.1;host=\"api\";proto=http",
        ),
    ] {
        let request = passed(&["127.0.0.1"], headers).await;
        assert_eq!(request.header("forwarded"), Some(expected), "{headers}");
    }
}

/// RFC 9110 section 7.6.1; and that the list of what stays cannot be used to take away what is needed.
#[tokio::test]
async fn what_is_between_two_hosts_stays_there() {
    let request = passed(
        &[],
        "connection: x-private, keep-alive, host, X-Forwarded-For, content-length\r\nx-private: 1\r\nkeep-alive: timeout=5\r\n\
         proxy-connection: keep-alive\r\nte: trailers\r\nproxy-authorization: Basic abc\r\nupgrade: h2c\r\n\
         http2-settings: AAMAAABkAAQAAP__\r\nproxy: http://evil\r\nx-kept: 1\r\n",
    )
    .await;
    for gone in [
        "connection",
        "x-private",
        "keep-alive",
        "proxy-connection",
        "te",
        "proxy-authorization",
        "upgrade",
        "http2-settings",
        "proxy",
    ] {
        assert_eq!(request.header(gone), None, "{gone}");
    }
    assert_eq!(request.header("host"), Some("api"));
    assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.header("x-kept"), Some("1"));
}

#[tokio::test]
async fn the_way_back_is_stripped_too() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send(
        "HTTP/1.1 200 OK\r\nconnection: x-private\r\nx-private: 1\r\nkeep-alive: timeout=5\r\nproxy-authenticate: Basic\r\n\
         x-kept: 1\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    let answer = client.message().await;
    assert_eq!((answer.text(), answer.header("x-kept")), ("ok", Some("1")));
    for gone in ["x-private", "keep-alive", "proxy-authenticate"] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
}
