//! TLS on the port of the domains: who gets which certificate, how a connection is made, and what an app is told of it.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gokku_core::domains::domain::Domain;
use gokku_proxy::Limits;
use gokku_proxy::control::api::{Hold, PutChallenge, PutDomains};
use rcgen::{CustomExtension, KeyPair, date_time_ymd};
use rustls::{HandshakeKind, ProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::support::{
    Authority, Issued, Message, Named, Site, TlsClient, Upstream, Wire, app, certificate, domain, noise, ok,
    params, until,
};

const HANDSHAKE: Duration = Duration::from_secs(1);

/// A switch with an app that has domains, and a certificate for them.
async fn secured(domains: &[&str]) -> (Site, Named, Authority) {
    secured_within(Limits::default(), domains).await
}

/// The same with other limits.
async fn secured_within(limits: Limits, domains: &[&str]) -> (Site, Named, Authority) {
    let site = Site::limited(limits).await;
    let blue = Named::new("api").await;
    site.serve(blue.target()).await;
    site.set_domains("api", domains).await.expect("domains");
    let authority = Authority::new();
    site.add_certificate(&authority.issue(domains)).await;
    (site, blue, authority)
}

async fn ask(client: &TlsClient, port: u16, host: &str) -> Message {
    let mut wire = client.wire(port, host).await;
    ask_on(&mut wire, host, "/").await
}

async fn ask_on(wire: &mut Wire, host: &str, path: &str) -> Message {
    wire.send(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n"))
        .await;
    wire.message().await
}

fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

fn tells_alert(result: std::io::Result<TlsStream<TcpStream>>, alert: &str) {
    let error = result.map(drop).expect_err(alert).to_string();
    assert!(error.contains(alert), "{error}");
}

#[tokio::test]
async fn p36_the_name_decides_which_certificate_is_shown() {
    let authority = Authority::new();
    let site = Site::new().await;
    let blue = Named::new("api").await;
    site.serve(blue.target()).await;
    let domains = [
        "api.example.com",
        "*.example.com",
        "example.org",
        "bücher.example",
    ];
    site.set_domains("api", &domains).await.expect("domains");
    let (exact, wildcard, several) = (
        authority.issue(&["api.example.com"]),
        authority.issue(&["*.example.com"]),
        authority.issue(&["example.org", "xn--bcher-kva.example"]),
    );
    for issued in [&exact, &wildcard, &several] {
        site.add_certificate(issued).await;
    }
    let client = authority.client();
    for (name, expected) in [
        ("api.example.com", &exact),
        ("API.Example.COM", &exact),
        ("www.example.com", &wildcard),
        ("example.org", &several),
        ("xn--bcher-kva.example", &several),
    ] {
        let stream = client.connect(site.https(), name).await;
        assert_eq!(shown(&stream), expected.leaf.to_vec(), "{name}");
        let mut wire = Wire::new(stream);
        assert_eq!(ask_on(&mut wire, name, "/").await.text(), "api", "{name}");
    }
    // What no certificate is for gets none, and an alert.
    for name in ["example.com", "a.b.example.com", "other.example", "com"] {
        tells_alert(client.try_connect(site.https(), name).await, "AccessDenied");
    }
    let nameless = client.without_name();
    tells_alert(
        nameless.try_connect(site.https(), "api.example.com").await,
        "AccessDenied",
    );
    assert_eq!(blue.asked().len(), 5);
    // On the connection of one name another one is still only its own app's.
    let mut wire = client.wire(site.https(), "example.org").await;
    let unknown = ask_on(&mut wire, "nobody.example", "/").await;
    assert_eq!(
        (unknown.status(), unknown.header("x-gokku-error")),
        (404, Some("unknown-domain"))
    );
}

/// One that is valid now before one that is not, the exact name before a wildcard, then the one that is valid longest.
#[tokio::test]
async fn the_best_of_several_certificates_is_shown() {
    let (site, _blue, authority) = secured(&["api.example.com", "www.example.com"]).await;
    let until_year = |names: &[&str], year: i32| {
        let mut params = params(names);
        params.not_after = date_time_ymd(year, 1, 1);
        authority.issue_as(&params, KeyPair::generate().unwrap())
    };
    let client = authority.client();
    let shows = async |name: &str, expected: &Issued| {
        let stream = client.connect(site.https(), name).await;
        assert_eq!(shown(&stream), expected.leaf.to_vec(), "{name}");
    };
    let longer = until_year(&["b.example.com", "www.example.com"], 2101);
    site.add_certificate(&longer).await;
    shows("www.example.com", &longer).await;
    let wildcard = until_year(&["*.example.com"], 2102);
    site.add_certificate(&wildcard).await;
    shows("www.example.com", &longer).await;
    shows("x.example.com", &wildcard).await;
    // They are at their end: the wildcard is better than those.
    for names in [
        &["api.example.com", "www.example.com"][..],
        &["b.example.com", "www.example.com"],
    ] {
        site.add_certificate(&until_year(names, 2001)).await;
    }
    shows("www.example.com", &wildcard).await;
}

#[tokio::test]
async fn the_versions_are_1_2_and_1_3() {
    let (site, _blue, authority) = secured(&["example.com"]).await;
    for (version, expected) in [
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let client = authority.client_of(&[version]);
        let stream = client.connect(site.https(), "example.com").await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(expected));
        assert_eq!(
            ask_on(&mut Wire::new(stream), "example.com", "/").await.text(),
            "api"
        );
    }
    // By another implementation, too, which can speak older ones.
    for (arguments, line) in [
        (&["-tls1_3"][..], "New, TLSv1.3"),
        (&["-tls1_2"], "New, TLSv1.2"),
        (&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "SSL alert number"),
        (&["-tls1", "-cipher", "ALL:@SECLEVEL=0"], "SSL alert number"),
        // No key exchange without forward secrecy, no cipher without authentication.
        (
            &["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
            "alert handshake failure",
        ),
        (
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"],
            "alert handshake failure",
        ),
        (&["-alpn", "http/1.1"], "ALPN protocol: http/1.1"),
        (&["-alpn", "h3,http/1.1"], "ALPN protocol: http/1.1"),
        (&["-alpn", "gopher"], "alert no application protocol"),
    ] {
        let said = s_client(site.https(), arguments).await;
        assert!(said.contains(line), "{arguments:?}: {said}");
    }
}

/// What `openssl s_client` says of a connection on which nothing is sent.
async fn s_client(port: u16, arguments: &[&str]) -> String {
    let output = tokio::process::Command::new("openssl")
        .args(["s_client", "-servername", "example.com", "-connect"])
        .arg(format!("127.0.0.1:{port}"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("openssl runs");
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    said
}

#[tokio::test]
async fn the_key_exchange_withstands_a_quantum_computer() {
    let (site, _blue, authority) = secured(&["example.com"]).await;
    let stream = authority.client().connect(site.https(), "example.com").await;
    let group = stream
        .get_ref()
        .1
        .negotiated_key_exchange_group()
        .expect("a group");
    assert_eq!(group.name(), rustls::NamedGroup::X25519MLKEM768);
}

/// Whoever comes back is known by its ticket, in both versions, but not to the certificate of another name.
#[tokio::test]
async fn a_client_that_comes_back_is_known() {
    let (site, _blue, authority) = secured(&["example.com"]).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client = authority.client_of(&[version]);
        let mut kinds = Vec::new();
        for _ in 0..3 {
            let stream = client.connect(site.https(), "example.com").await;
            kinds.push(stream.get_ref().1.handshake_kind());
            // A ticket of TLS 1.3 comes after the handshake.
            let mut wire = Wire::new(stream);
            assert_eq!(ask_on(&mut wire, "example.com", "/").await.text(), "api");
        }
        let resumed = Some(HandshakeKind::Resumed);
        assert_eq!(
            kinds,
            [Some(HandshakeKind::Full), resumed, resumed],
            "{version:?}"
        );
    }
    let client = authority.client();
    ask(&client, site.https(), "example.com").await;
    site.set_domains("api", &["other.example"])
        .await
        .expect("domains");
    site.add_certificate(&authority.issue(&["other.example"])).await;
    std::fs::remove_file(site.certificates().join("own/example.com.pem")).unwrap();
    site.client.reload_certificates().await.expect("read");
    tells_alert(
        client.try_connect(site.https(), "example.com").await,
        "AccessDenied",
    );
}

#[tokio::test]
async fn an_app_is_told_of_https_and_only_by_whom_it_may() {
    let mut site = Site::stopped();
    let upstream = Upstream::new().await;
    for (trusted, expected) in [(vec![], "https"), (vec!["127.0.0.1".parse().unwrap()], "http")] {
        site.trusted = trusted;
        site.start().await.expect("the switch starts");
        site.serve(upstream.target("blue")).await;
        let domains = vec![Domain {
            strip_path: true,
            ..domain("example.com/v1")
        }];
        let put = PutDomains { domains };
        site.client.put_domains(&app("api"), &put).await.expect("domains");
        let authority = Authority::new();
        site.add_certificate(&authority.issue(&["example.com"])).await;
        let mut wire = authority.client().wire(site.https(), "example.com").await;
        wire.send("GET /v1/x?y HTTP/1.1\r\nhost: example.com\r\nx-forwarded-proto: http\r\n\r\n")
            .await;
        let mut at_app = upstream.accept().await;
        let request = at_app.message().await;
        assert_eq!(request.first, "GET /x?y HTTP/1.1");
        assert_eq!(request.header("x-forwarded-proto"), Some(expected));
        assert_eq!(request.header("x-forwarded-prefix"), Some("/v1"));
        assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
        at_app.send(ok("fine")).await;
        assert_eq!(wire.message().await.text(), "fine");
        site.kill().await;
    }
}

#[tokio::test]
async fn the_port_is_open_while_a_domain_has_a_certificate() {
    let site = Site::new().await;
    let blue = Named::new("api").await;
    site.serve(blue.target()).await;
    let authority = Authority::new();
    let open = async || {
        let open = Wire::try_connect(site.https()).await.is_ok();
        let status = site.client.status().await.unwrap();
        assert_eq!(status.https_port.is_some(), open);
        open
    };
    site.add_certificate(&authority.issue(&["a.example.com"])).await;
    assert!(!open().await);
    for (name, expected) in [
        ("example.com", false),
        ("b.example.com", false),
        ("*.example.com", true),
        ("a.example.com", true),
    ] {
        site.set_domains("api", &[name]).await.expect("domains");
        assert_eq!(open().await, expected, "{name}");
    }
    std::fs::remove_file(site.certificates().join("own/a.example.com.pem")).unwrap();
    assert_eq!(site.client.reload_certificates().await.expect("read").served, 0);
    assert!(!open().await);
    site.add_certificate(&authority.issue(&["*.example.com"])).await;
    assert!(open().await);
    site.client.delete(&app("api")).await.expect("deleted");
    assert!(!open().await);
}

/// Whoever has the port is named, all else is served, and it is opened once it is free.
#[tokio::test]
async fn a_port_that_somebody_else_has_is_opened_later() {
    let site = Site::new().await;
    let blue = Named::new("api").await;
    let own = site.serve(blue.target()).await;
    site.set_domains("api", &["example.com"]).await.expect("domains");
    let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, site.https())).expect("the port");
    let authority = Authority::new();
    site.add_certificate(&authority.issue(&["example.com"])).await;
    let status = site.client.status().await.unwrap();
    let trouble = status
        .https_port
        .and_then(|port| port.trouble)
        .expect("why it is not open");
    let taken = format!("port {} is taken", site.https());
    assert!(
        trouble.contains(&taken) && trouble.contains("[proxy] https"),
        "{trouble}"
    );
    assert_eq!(Wire::connect(own).await.get("/").await.text(), "api");
    drop(holder);
    until("the port", || async {
        let status = site.client.status().await.unwrap();
        status.https_port.filter(|port| port.trouble.is_none())
    })
    .await;
    assert_eq!(
        ask(&authority.client(), site.https(), "example.com").await.text(),
        "api"
    );
}

/// What is damaged on the disk takes no certificate away, neither another one nor one that is served already.
#[tokio::test]
async fn a_damaged_file_is_told_and_costs_nothing_else() {
    let (mut site, _blue, authority) = secured(&["example.com"]).await;
    let client = authority.client();
    let (file, other) = (
        site.certificates().join("own/example.com.pem"),
        site.certificates().join("own/another.example.pem"),
    );
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, &good[..good.len() / 2]).unwrap();
    std::fs::write(&other, "").unwrap();
    let troubles = site.client.reload_certificates().await.expect("read").troubles;
    assert_eq!(troubles.len(), 2, "{troubles:?}");
    assert!(
        troubles
            .iter()
            .any(|told| told.contains("example.com.pem cannot be used") && told.contains("before is served"))
    );
    assert!(
        troubles
            .iter()
            .any(|told| told.contains("another.example.pem cannot be used")
                && told.contains("it is not served"))
    );
    assert_eq!(
        site.client.status().await.unwrap().certificates.troubles,
        troubles
    );
    assert_eq!(ask(&client, site.https(), "example.com").await.text(), "api");
    // The next one serves what can be read.
    std::fs::write(&file, &good).unwrap();
    site.restart().await;
    assert_eq!(ask(&client, site.https(), "example.com").await.text(), "api");
    let status = site.client.status().await.unwrap().certificates;
    assert_eq!((status.served, status.troubles.len()), (1, 1));
}

/// A client that does not get on with its handshake is cut; others do not notice.
#[tokio::test]
async fn a_slow_handshake_is_cut() {
    let limits = Limits {
        handshake_timeout: HANDSHAKE,
        ..Limits::default()
    };
    let (site, _blue, authority) = secured_within(limits, &["example.com"]).await;
    let client = authority.client();
    // Nothing, the first byte of TLS, and a record that never ends.
    let mut slow = Vec::new();
    for bytes in [&b""[..], b"\x16", b"\x16\x03\x01\x10\x00half"] {
        let mut wire = Wire::connect(site.https()).await;
        wire.send(bytes).await;
        slow.push(wire);
    }
    let began = Instant::now();
    assert_eq!(ask(&client, site.https(), "example.com").await.text(), "api");
    assert!(began.elapsed() < HANDSHAKE * 30);
    for mut wire in slow {
        assert_eq!(wire.rest().await, b"");
    }
    assert!(began.elapsed() >= HANDSHAKE * 9 / 10, "{:?}", began.elapsed());
}

/// A connection counts from the moment it is there, and one whose handshake is not done makes room.
#[tokio::test]
async fn handshakes_make_room_for_others() {
    let limits = Limits {
        max_connections: Some(4),
        // Only what makes room ends one.
        handshake_timeout: Duration::from_secs(3600),
        ..Limits::default()
    };
    let (site, _blue, authority) = secured_within(limits, &["example.com"]).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(Wire::connect(site.https()).await);
    }
    assert_eq!(
        ask(&authority.client(), site.https(), "example.com").await.text(),
        "api"
    );
    let mut oldest = silent.remove(0);
    assert_eq!(oldest.rest().await, b"");
}

#[tokio::test]
async fn http_on_the_port_of_https_is_told_so() {
    let (site, blue, _authority) = secured(&["example.com"]).await;
    for request in [
        "GET / HTTP/1.1\r\nhost: example.com\r\n\r\n".to_owned(),
        format!(
            "POST / HTTP/1.1\r\nhost: example.com\r\ncontent-length: 100000\r\n\r\n{}",
            "x".repeat(100_000)
        ),
    ] {
        let mut wire = Wire::connect(site.https()).await;
        wire.send(request).await;
        let answer = wire.message().await;
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.header("x-gokku-error"), Some("bad-request"));
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(
            answer.text().contains("this port is for https"),
            "{}",
            answer.text()
        );
        assert_eq!(wire.rest().await, b"");
    }
    // What is neither gets an alert of TLS.
    let mut wire = Wire::connect(site.https()).await;
    wire.send(b"\x00\x01\x02\x03\x04\x05\x06\x07").await;
    assert_eq!(wire.rest().await.first(), Some(&21));
    assert!(blue.asked().is_empty());
}

#[tokio::test]
async fn a_websocket_passes_by_tls() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    site.serve(upstream.target("blue")).await;
    site.set_domains("api", &["example.com"]).await.expect("domains");
    let authority = Authority::new();
    site.add_certificate(&authority.issue(&["example.com"])).await;
    let mut client = authority.client().wire(site.https(), "example.com").await;
    client
        .send("GET /ws HTTP/1.1\r\nhost: example.com\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        .await;
    let mut at_app = upstream.accept().await;
    at_app.head().await;
    at_app
        .send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        .await;
    assert_eq!(client.head().await.status(), 101);
    for number in 0..10 {
        let (there, back) = (format!("ping {number}"), noise(100_000 + number));
        client.send(&there).await;
        assert_eq!(at_app.take(there.len()).await, there.as_bytes());
        at_app.send(&back).await;
        assert_eq!(client.take(back.len()).await, back);
    }
    // Its end is told.
    drop(at_app);
    let ended = client.try_message().await;
    assert!(matches!(ended, Ok(None)), "{ended:?}");
}

#[tokio::test]
async fn large_bodies_pass_both_ways() {
    let (site, authority, upstream) = {
        let site = Site::new().await;
        let upstream = Upstream::new().await;
        site.serve(upstream.target("blue")).await;
        site.set_domains("api", &["example.com"]).await.expect("domains");
        let authority = Authority::new();
        site.add_certificate(&authority.issue(&["example.com"])).await;
        (site, authority, upstream)
    };
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client = authority.client_of(&[version]);
        let bytes = Arc::new(noise(8_000_000));
        let mut wire = client.wire(site.https(), "example.com").await;
        let sent = Arc::clone(&bytes);
        let asking = tokio::spawn(async move {
            let head = format!(
                "POST /up HTTP/1.1\r\nhost: example.com\r\ncontent-length: {}\r\n\r\n",
                sent.len()
            );
            wire.send(head).await;
            wire.send(&*sent).await;
            let answer = wire.message().await;
            assert!(answer.body == *sent, "the answer is another one");
        });
        let mut at_app = upstream.accept().await;
        let request = at_app.message().await;
        assert!(request.body == *bytes, "the request is another one");
        at_app
            .send(format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                bytes.len()
            ))
            .await;
        at_app.send(&*bytes).await;
        asking.await.unwrap();
    }
}

/// A client can tell the end of an answer from a cut.
#[tokio::test]
async fn the_end_of_a_connection_is_told() {
    let (site, _blue, authority) = secured(&["example.com"]).await;
    let mut wire = authority.client().wire(site.https(), "example.com").await;
    wire.send("GET / HTTP/1.1\r\nhost: example.com\r\nconnection: close\r\n\r\n")
        .await;
    assert_eq!(wire.message().await.text(), "api");
    // Without `close_notify` this would be an error.
    assert!(matches!(wire.try_message().await, Ok(None)));
    // So it is where a request does not come in time.
    let mut limited = Site::stopped();
    limited.limits = Limits {
        head_timeout: Duration::from_secs(1),
        ..Limits::default()
    };
    limited.start().await.expect("the switch starts");
    let blue = Named::new("api").await;
    limited.serve(blue.target()).await;
    limited
        .set_domains("api", &["example.com"])
        .await
        .expect("domains");
    limited.add_certificate(&authority.issue(&["example.com"])).await;
    let mut wire = authority.client().wire(limited.https(), "example.com").await;
    wire.send("GET / HTTP/1.1\r\n").await;
    assert_eq!(wire.message().await.status(), 408);
    assert!(matches!(wire.try_message().await, Ok(None)));
}

#[tokio::test]
async fn requests_by_tls_are_held_and_sent_again() {
    let (site, blue, authority) = secured(&["example.com"]).await;
    let client = authority.client();
    site.client
        .hold(&app("api"), Hold { limit_ms: 20_000 })
        .await
        .expect("held");
    let (port, asking) = (site.https(), client.clone());
    let waiting = tokio::spawn(async move { ask(&asking, port, "example.com").await.text().to_owned() });
    site.waiting(1).await;
    site.client.release(&app("api")).await.expect("released");
    assert_eq!(waiting.await.unwrap(), "api");
    // The app closes its kept connection; the request is sent again on another one.
    let mut wire = client.wire(site.https(), "example.com").await;
    assert_eq!(ask_on(&mut wire, "example.com", "/").await.text(), "api");
    let port = blue.address().port();
    blue.close().await;
    let _again = Named::at(port, "again").await;
    assert_eq!(ask_on(&mut wire, "example.com", "/").await.text(), "again");
}

/// RFC 8737: the certificate authority, and nobody else, is shown the challenge; also before there is any certificate.
#[tokio::test]
async fn a_certificate_authority_is_shown_a_challenge() {
    let site = Site::new().await;
    let blue = Named::new("api").await;
    site.serve(blue.target()).await;
    site.set_domains("api", &["example.com"]).await.expect("domains");
    let authority = Authority::new();
    let asking = authority.client().offering(&[b"acme-tls/1"]);
    let challenge = |digest: u8| {
        let mut params = params(&["example.com"]);
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(&[digest; 32])];
        authority.issue_as(&params, KeyPair::generate().unwrap())
    };
    let name = "example.com".parse().unwrap();
    // By the control API, and in the process.
    let first = challenge(1);
    let put = PutChallenge {
        pem: format!("{}{}", first.chain, first.key()),
    };
    assert!(!format!("{put:?}").contains("BEGIN"));
    site.client.put_challenge(&name, &put).await.expect("put");
    assert_eq!(is_shown(site.https(), "example.com").await, first.leaf.to_vec());
    let second = challenge(2);
    site.proxy().put_challenge(&name, certificate(&second)).await;
    assert_eq!(is_shown(site.https(), "example.com").await, second.leaf.to_vec());
    // A browser gets none of it, and another name neither.
    let client = authority.client();
    tells_alert(
        client.try_connect(site.https(), "example.com").await,
        "AccessDenied",
    );
    tells_alert(
        asking.try_connect(site.https(), "other.example").await,
        "AccessDenied",
    );
    site.client.remove_challenge(&name).await.expect("removed");
    assert!(Wire::try_connect(site.https()).await.is_err());
    // Beside a certificate the same, and a client that can do both asks for the site.
    let served = authority.issue(&["example.com"]);
    site.add_certificate(&served).await;
    site.proxy().put_challenge(&name, certificate(&first)).await;
    assert_eq!(is_shown(site.https(), "example.com").await, first.leaf.to_vec());
    let both = client.offering(&[b"http/1.1", b"acme-tls/1"]);
    let stream = both.connect(site.https(), "example.com").await;
    assert_eq!(shown(&stream), served.leaf.to_vec());
    site.proxy().remove_challenge(&name).await;
    tells_alert(
        asking.try_connect(site.https(), "example.com").await,
        "AccessDenied",
    );
}

/// The certificate that a certificate authority is shown: it trusts none, and looks at this one only.
async fn is_shown(port: u16, name: &str) -> Vec<u8> {
    let name = name.to_owned();
    let shown = tokio::task::spawn_blocking(move || {
        let mut asking = Command::new("openssl")
            .args([
                "s_client",
                "-alpn",
                "acme-tls/1",
                "-servername",
                &name,
                "-connect",
            ])
            .arg(format!("127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl runs");
        let mut said = String::new();
        asking.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        asking.wait().unwrap();
        said
    });
    let shown = shown.await.unwrap();
    assert!(shown.contains("ALPN protocol: acme-tls/1"), "{shown}");
    let blocks = gokku_proxy::tls::pem::parse(shown.as_bytes()).unwrap();
    blocks[0].bytes.clone()
}
