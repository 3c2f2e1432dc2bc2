//! Who asks by http is sent to https once there is a certificate.

use gokku_core::domains::domain::{Domain, PlainHttp};
use gokku_proxy::control::api::PutDomains;
use rcgen::{KeyPair, date_time_ymd};

use crate::support::{Authority, Message, Named, Site, Upstream, Wire, app, domain, ok, params};

async fn ask(site: &Site, host: &str, path: &str, header: &str) -> Message {
    let mut wire = Wire::connect(site.http()).await;
    wire.send(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{header}\r\n"))
        .await;
    wire.message().await
}

async fn set(site: &Site, domains: Vec<Domain>) {
    let put = PutDomains { domains };
    site.client.put_domains(&app("api"), &put).await.expect("domains");
}

/// Behind a router that has another port than this server.
#[tokio::test]
async fn clients_are_sent_to_the_port_that_they_reach() {
    let mut site = Site::stopped();
    site.public_https = Some(443);
    site.start().await.unwrap();
    let blue = Named::new("api").await;
    site.serve(blue.target()).await;
    set(&site, vec![domain("example.com")]).await;
    let authority = Authority::new();
    site.add_certificate(&authority.issue(&["example.com"])).await;
    let sent = ask(&site, "example.com:8080", "/a?b", "").await;
    assert_eq!(sent.header("location"), Some("https://example.com/a?b"));
    let port = site.client.status().await.unwrap().https_port.unwrap();
    assert_eq!(
        (port.https, port.public, port.asked()),
        (site.https(), Some(443), 443)
    );
}

#[tokio::test]
async fn who_asks_by_http_is_sent_to_the_same_by_https() {
    let site = Site::new().await;
    let blue = Named::new("api").await;
    site.serve(blue.target()).await;
    let kept = Domain {
        http: PlainHttp::Keep,
        ..domain("kept.example/both")
    };
    let domains = [
        "example.com",
        "*.example.com",
        "kept.example",
        "old.example",
        "none.example",
        "bücher.example",
    ];
    set(
        &site,
        domains.iter().map(|text| domain(text)).chain([kept]).collect(),
    )
    .await;
    let at = |host: &str, rest: &str| Some(format!("https://{host}:{}{rest}", site.https()));
    // Not before there is a certificate.
    assert_eq!(ask(&site, "example.com", "/", "").await.text(), "api");
    let authority = Authority::new();
    let mut past = params(&["old.example"]);
    past.not_after = date_time_ymd(2001, 1, 1);
    for issued in [
        authority.issue(&[
            "example.com",
            "a.example.com",
            "kept.example",
            "xn--bcher-kva.example",
        ]),
        authority.issue_as(&past, KeyPair::generate().unwrap()),
    ] {
        site.add_certificate(&issued).await;
    }
    for (host, path, expected) in [
        ("example.com", "/", at("example.com", "/")),
        (
            "example.com",
            "/a/b?c=d&e=%20",
            at("example.com", "/a/b?c=d&e=%20"),
        ),
        ("EXAMPLE.com:80", "/", at("example.com", "/")),
        ("example.com.", "/?", at("example.com", "/?")),
        ("example.com", "http://example.com/x?y", at("example.com", "/x?y")),
        (
            "example.com",
            "//other.example/",
            at("example.com", "//other.example/"),
        ),
        ("xn--bcher-kva.example", "/", at("xn--bcher-kva.example", "/")),
        ("a.example.com", "/", at("a.example.com", "/")),
        // No certificate of this name, or one that is at its end.
        ("b.example.com", "/", None),
        ("none.example", "/", None),
        ("old.example", "/", None),
        // What a certificate authority asks for.
        ("example.com", "/.well-known/acme-challenge/token", None),
        (
            "example.com",
            "/.well-known/other",
            at("example.com", "/.well-known/other"),
        ),
        ("kept.example", "/both/x", None),
        ("kept.example", "/", at("kept.example", "/")),
    ] {
        let answer = ask(&site, host, path, "").await;
        assert_eq!(answer.header("location"), expected.as_deref(), "{host} {path}");
        let status = if expected.is_some() { 308 } else { 200 };
        assert_eq!(answer.status(), status, "{host} {path}");
    }
    // A connection goes on after that, unless a body is still on its way.
    let mut wire = Wire::connect(site.http()).await;
    for _ in 0..2 {
        wire.send("GET / HTTP/1.1\r\nhost: example.com\r\n\r\n").await;
        assert_eq!(wire.message().await.status(), 308);
    }
    let body = "x".repeat(1_000_000);
    wire.send(format!(
        "POST / HTTP/1.1\r\nhost: example.com\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    let answer = wire.message().await;
    assert_eq!(
        (answer.status(), answer.header("connection")),
        (308, Some("close"))
    );
    // Without a certificate all is as before.
    for name in ["example.com", "old.example"] {
        std::fs::remove_file(site.certificates().join(format!("own/{name}.pem"))).unwrap();
    }
    site.client.reload_certificates().await.expect("read");
    assert_eq!(ask(&site, "example.com", "/", "").await.text(), "api");
}

/// Behind a proxy that has TLS itself nobody is sent round in circles; a client's own word does not count.
#[tokio::test]
async fn who_came_by_https_to_a_trusted_proxy_is_not_sent_there_again() {
    for (trusted, expected) in [
        (vec![], [308, 308, 308]),
        (vec!["127.0.0.1".parse().unwrap()], [200, 308, 308]),
    ] {
        let mut site = Site::stopped();
        site.trusted = trusted;
        site.start().await.expect("the switch starts");
        let blue = Named::new("api").await;
        site.serve(blue.target()).await;
        let hsts = Domain {
            hsts: Some(600),
            ..domain("example.com")
        };
        set(&site, vec![hsts]).await;
        site.add_certificate(&Authority::new().issue(&["example.com"]))
            .await;
        let headers = ["x-forwarded-proto: HTTPS\r\n", "x-forwarded-proto: http\r\n", ""];
        for (header, status) in headers.into_iter().zip(expected) {
            let answer = ask(&site, "example.com", "/", header).await;
            assert_eq!(answer.status(), status, "{header:?}");
            let hsts = (status == 200).then_some("max-age=600");
            assert_eq!(answer.header("strict-transport-security"), hsts, "{header:?}");
        }
    }
}

#[tokio::test]
async fn hsts_is_told_by_https_alone_and_the_apps_own_counts() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    site.serve(upstream.target("blue")).await;
    let told = Domain {
        hsts: Some(31_536_000),
        http: PlainHttp::Keep,
        ..domain("told.example")
    };
    set(&site, vec![told, domain("example.com")]).await;
    let authority = Authority::new();
    site.add_certificate(&authority.issue(&["told.example", "example.com"]))
        .await;
    let client = authority.client();
    let own =
        "HTTP/1.1 200 OK\r\nstrict-transport-security: max-age=1\r\ncontent-length: 0\r\n\r\n".to_owned();
    for (by_tls, host, answer, expected) in [
        (true, "told.example", ok("x"), Some("max-age=31536000")),
        (true, "told.example", own, Some("max-age=1")),
        (true, "example.com", ok("x"), None),
        (false, "told.example", ok("x"), None),
    ] {
        let mut wire = if by_tls {
            client.wire(site.https(), host).await
        } else {
            Wire::connect(site.http()).await
        };
        wire.send(format!(
            "GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        ))
        .await;
        let mut at_app = upstream.accept().await;
        at_app.message().await;
        at_app.send(answer).await;
        drop(at_app);
        assert_eq!(
            wire.message().await.header("strict-transport-security"),
            expected,
            "{host}"
        );
    }
}

/// A program that knows nothing of this reads a table without it.
#[tokio::test]
async fn the_table_says_its_version() {
    let site = Site::new().await;
    site.open().await;
    let kept = |http| Domain {
        http,
        ..domain("example.com")
    };
    for (domains, version) in [
        (vec![kept(PlainHttp::Redirect)], 2),
        (vec![kept(PlainHttp::Keep)], 3),
        (vec![], 1),
    ] {
        set(&site, domains).await;
        let text = std::fs::read_to_string(site.table()).expect("a table");
        let table: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(table["version"], version);
    }
}
