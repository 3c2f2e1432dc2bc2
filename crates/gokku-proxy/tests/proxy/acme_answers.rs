//! What a certificate authority is answered that asks by http, and what is told to whoever orders certificates.

use std::time::Duration;

use tokio::time::timeout;

use crate::support::{Authority, Message, Named, Site, Wire, app};

const TOKEN: &str = "/.well-known/acme-challenge/token-1_x";

async fn ask(site: &Site, method: &str, host: &str, path: &str) -> Message {
    let mut wire = Wire::connect(site.http()).await;
    wire.send(format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n\r\n"))
        .await;
    wire.message().await
}

/// RFC 8555 section 8.3: this token of this host, until it is removed; all else is the app's.
#[tokio::test]
async fn a_token_is_answered_for_its_host() {
    let site = Site::new().await;
    let blue = Named::new("api").await;
    site.serve(blue.target()).await;
    site.set_domains("api", &["example.com", "other.example"])
        .await
        .expect("domains");
    // Also where there is a certificate, so that who asks by http is sent to https.
    site.add_certificate(&Authority::new().issue(&["example.com", "other.example"]))
        .await;
    assert_eq!(ask(&site, "GET", "example.com", TOKEN).await.text(), "api");
    let host = "example.com".parse().expect("a name");
    site.proxy()
        .put_http_challenge(&host, "token-1_x", "token-1_x.thumb");
    for (method, host, path, expected) in [
        ("GET", "example.com", TOKEN, "token-1_x.thumb"),
        ("GET", "EXAMPLE.com.:80", TOKEN, "token-1_x.thumb"),
        (
            "GET",
            "example.com",
            "/.well-known/acme-challenge/token-1_x?a",
            "token-1_x.thumb",
        ),
        (
            "GET",
            "example.com",
            "http://example.com/.well-known/acme-challenge/token-1_x",
            "token-1_x.thumb",
        ),
        ("POST", "example.com", TOKEN, "api"),
        ("GET", "other.example", TOKEN, "api"),
        (
            "GET",
            "example.com",
            "/.well-known/acme-challenge/token-1_",
            "api",
        ),
        ("GET", "example.com", "/.well-known/acme-challenge/", "api"),
        (
            "GET",
            "example.com",
            "/.well-known/acme-challenge/token-1_x/",
            "api",
        ),
        (
            "GET",
            "example.com",
            "/.well-known//acme-challenge/token-1_x",
            "308",
        ),
    ] {
        let answer = ask(&site, method, host, path).await;
        let got = if answer.status() == 200 {
            answer.text().to_owned()
        } else {
            answer.status().to_string()
        };
        assert_eq!(got, expected, "{method} {host} {path}");
    }
    let answer = ask(&site, "GET", "example.com", TOKEN).await;
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    site.proxy().remove_http_challenge("token-1_x");
    assert_eq!(ask(&site, "GET", "example.com", TOKEN).await.text(), "api");
}

/// Whoever orders certificates hears of each change, and has the names that are served, each with its app.
#[tokio::test]
async fn a_change_of_domains_is_told() {
    let site = Site::new().await;
    let blue = Named::new("api").await;
    site.serve(blue.target()).await;
    let changed = || timeout(Duration::from_secs(20), site.proxy().changed().notified());
    site.set_domains("api", &["example.com", "example.com/v1", "*.example.org"])
        .await
        .expect("domains");
    changed().await.expect("domains");
    let names = site.proxy().domain_names();
    let names: Vec<_> = names
        .iter()
        .map(|(name, owner)| (name.as_str(), *owner == app("api")))
        .collect();
    assert_eq!(names, [("*.example.org", true), ("example.com", true)]);
    site.add_certificate(&Authority::new().issue(&["example.com"]))
        .await;
    changed().await.expect("a certificate");
    site.client.delete(&app("api")).await.expect("deleted");
    changed().await.expect("the app has gone");
    assert!(site.proxy().domain_names().is_empty());
}
