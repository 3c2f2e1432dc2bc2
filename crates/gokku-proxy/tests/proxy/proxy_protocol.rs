//! P44: the PROXY protocol of a load balancer in front: the client's address is what it says, and nobody else can say it.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{Authority, Site, Upstream, Wire, ok, soon};

const HEADER: &str = "PROXY TCP4 198.51.100.7 192.0.2.1 1234 443\r\n";
const FORGED: &str = "x-forwarded-for: 10.9.8.7\r\n";

async fn site(trusted: &str) -> (Site, Upstream, u16) {
    let mut site = Site::stopped();
    site.trusted = vec![trusted.parse().expect("a network")];
    site.proxy_protocol = true;
    site.start().await.expect("the switch starts");
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    (site, upstream, port)
}

#[tokio::test]
async fn p44_the_client_is_who_the_load_balancer_says() {
    let (_site, upstream, port) = site("127.0.0.1").await;
    for (header, expected) in [
        (HEADER, "198.51.100.7"),
        ("PROXY TCP6 2001:db8::7 2001:db8::1 1234 443\r\n", "2001:db8::7"),
    ] {
        let mut client = Wire::connect(port).await;
        // Also where it comes in pieces, and with what the client says behind it.
        let (first, rest) = header.split_at(20);
        client.send(first).await;
        client
            .send(format!("{rest}GET / HTTP/1.1\r\nhost: api\r\n{FORGED}\r\n"))
            .await;
        let mut app = upstream.accept().await;
        let request = soon("the request", app.head()).await;
        // The client is no proxy that is trusted: its own word for where it comes from does not count.
        assert_eq!(request.header("x-forwarded-for"), Some(expected));
        app.send(ok("seen")).await;
        assert_eq!(client.message().await.text(), "seen");
        // It is said once for a connection.
        client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
        let request = soon("the request", app.head()).await;
        assert_eq!(request.header("x-forwarded-for"), Some(expected));
        app.send(ok("again")).await;
        assert_eq!(client.message().await.text(), "again");
    }
    // The load balancer's own.
    let mut client = Wire::connect(port).await;
    client
        .send("PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nhost: api\r\n\r\n")
        .await;
    let request = soon("the request", upstream.accept().await.head()).await;
    assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
}

#[tokio::test]
async fn p44_nobody_else_can_say_who_the_client_is() {
    // Of a load balancer, a connection without the header is not served.
    let (_site, _upstream, port) = site("127.0.0.0/8").await;
    let mut client = Wire::connect(port).await;
    client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    assert_eq!(soon("the end", client.rest()).await, b"");
    // From elsewhere it is no request.
    let (_site, _upstream, port) = site("192.0.2.0/24").await;
    let mut client = Wire::connect(port).await;
    client
        .send(format!("{HEADER}GET / HTTP/1.1\r\nhost: api\r\n\r\n"))
        .await;
    assert_eq!(client.message().await.status(), 400);
}

#[tokio::test]
async fn p44_it_stands_before_tls() {
    let (site, upstream, _) = site("127.0.0.1").await;
    site.set_domains("api", &["example.com"]).await.expect("domains");
    let authority = Authority::new();
    site.add_certificate(&authority.issue(&["example.com"])).await;
    let mut stream = TcpStream::connect(("127.0.0.1", site.https()))
        .await
        .expect("connected");
    stream.write_all(HEADER.as_bytes()).await.expect("written");
    let connector = TlsConnector::from(Arc::new(authority.client().0));
    let name = "example.com".try_into().expect("a name");
    let mut wire = Wire::new(
        soon("a handshake", connector.connect(name, stream))
            .await
            .expect("TLS"),
    );
    wire.send("GET / HTTP/1.1\r\nhost: example.com\r\n\r\n").await;
    let request = soon("the request", upstream.accept().await.head()).await;
    assert_eq!(request.header("x-forwarded-for"), Some("198.51.100.7"));
    assert_eq!(request.header("x-forwarded-proto"), Some("https"));
}
