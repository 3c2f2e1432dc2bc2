//! One port for the domains of all apps: which app a request goes to, and what it gets of it.

use std::net::{Ipv4Addr, TcpListener};

use gokku_core::ContainerId;
use gokku_core::domains::domain::Domain;
use gokku_proxy::Limits;
use gokku_proxy::control::api::{Hold, PutDomains, Refused, SwitchTo};

use crate::support::{Message, Named, Site, Upstream, Wire, app, domain, ok, refused, until};

/// Asks for a path of a host, on a connection of its own.
async fn ask(port: u16, host: &str, path: &str) -> Message {
    let mut client = Wire::connect(port).await;
    ask_on(&mut client, host, path).await
}

async fn ask_on(client: &mut Wire, host: &str, path: &str) -> Message {
    client
        .send(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n"))
        .await;
    client.message().await
}

/// Two apps with domains.
async fn two_apps() -> (Site, Named, Named) {
    let site = Site::new().await;
    let (blue, other) = (Named::new("api").await, Named::new("web").await);
    site.serve(blue.target()).await;
    site.open_other("web", other.target()).await;
    site.set_domains("api", &["api.example.com", "example.com/v1"])
        .await
        .expect("domains");
    site.set_domains("web", &["example.com", "*.example.com"])
        .await
        .expect("domains");
    (site, blue, other)
}

#[tokio::test]
async fn a_host_and_a_path_lead_to_their_app() {
    let (site, _blue, _other) = two_apps().await;
    for (host, path, expected) in [
        ("api.example.com", "/", "api"),
        ("API.EXAMPLE.COM:80", "/x?y=/v1", "api"),
        ("api.example.com.", "/v1", "api"),
        ("example.com", "/v1", "api"),
        ("example.com", "/v1/users", "api"),
        ("example.com", "/v10", "web"),
        ("example.com", "/", "web"),
        ("www.example.com", "/v1", "web"),
    ] {
        let answer = ask(site.http(), host, path).await;
        assert_eq!((answer.status(), answer.text()), (200, expected), "{host} {path}");
    }
    // RFC 9112 section 3.2.2: the host in the target counts, and not the header.
    let mut client = Wire::connect(site.http()).await;
    client
        .send("GET http://example.com/v1 HTTP/1.1\r\nhost: nobody.example\r\n\r\n")
        .await;
    assert_eq!(client.message().await.text(), "api");
}

#[tokio::test]
async fn an_unknown_host_gets_nothing_of_an_app() {
    let (site, blue, other) = two_apps().await;
    let mut client = Wire::connect(site.http()).await;
    for host in [
        "example.org",
        "a.b.example.com",
        "127.0.0.1",
        "[::1]:80",
        "api",
        "xn--bcher-kva.example",
        "",
    ] {
        // On one connection: there is nothing wrong with it.
        let answer = ask_on(&mut client, host, "/").await;
        assert_eq!(answer.status(), 404, "{host}");
        assert_eq!(answer.header("x-gokku-error"), Some("unknown-domain"), "{host}");
        assert_eq!(answer.text(), "no app on this server has this domain and path\n");
    }
    assert_eq!(ask_on(&mut client, "example.com", "/").await.text(), "web");
    client.send("GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(client.message().await.status(), 400);
    assert_eq!((blue.asked().len(), other.asked().len()), (0, 1));
}

#[tokio::test]
async fn one_connection_asks_for_several_apps() {
    let (site, _blue, _other) = two_apps().await;
    let mut client = Wire::connect(site.http()).await;
    for (host, expected) in [
        ("api.example.com", "api"),
        ("example.com", "web"),
        ("api.example.com", "api"),
    ] {
        assert_eq!(ask_on(&mut client, host, "/").await.text(), expected);
    }
    // Also when a domain goes to another app meanwhile.
    site.set_domains("api", &[]).await.expect("no domains");
    assert_eq!(ask_on(&mut client, "api.example.com", "/").await.text(), "web");
    site.set_domains("api", &["api.example.com"])
        .await
        .expect("domains");
    assert_eq!(ask_on(&mut client, "api.example.com", "/").await.text(), "api");
}

#[tokio::test]
async fn the_port_is_open_while_there_are_domains() {
    let site = Site::new().await;
    let blue = Named::new("api").await;
    site.serve(blue.target()).await;
    assert!(Wire::try_connect(site.http()).await.is_err());
    assert_eq!(site.client.status().await.unwrap().domain_port, None);
    site.set_domains("api", &["example.com"]).await.expect("domains");
    assert_eq!(ask(site.http(), "example.com", "/").await.text(), "api");
    let status = site.client.status().await.unwrap();
    let port = status.domain_port.expect("a port");
    assert_eq!((port.http, port.trouble), (site.http(), None));
    assert_eq!(status.routes[0].domains, [domain("example.com")]);
    site.client.delete(&app("api")).await.expect("deleted");
    assert!(Wire::try_connect(site.http()).await.is_err());
}

/// Whoever has the port is named, all else is served, and it is opened once it is free.
#[tokio::test]
async fn a_port_that_somebody_else_has_is_opened_later() {
    let site = Site::new().await;
    let blue = Named::new("api").await;
    let own = site.serve(blue.target()).await;
    let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, site.http())).expect("the port");
    site.set_domains("api", &["example.com"]).await.expect("domains");
    let status = site.client.status().await.unwrap();
    let trouble = status
        .domain_port
        .expect("a port")
        .trouble
        .expect("why it is not open");
    assert!(
        trouble.contains(&format!("port {} is taken", site.http())),
        "{trouble}"
    );
    assert_eq!(ask(own, "any", "/").await.text(), "api");
    drop(holder);
    until("the port", || async {
        let status = site.client.status().await.unwrap();
        status.domain_port.filter(|port| port.trouble.is_none())
    })
    .await;
    assert_eq!(ask(site.http(), "example.com", "/").await.text(), "api");
}

#[tokio::test]
async fn a_domain_belongs_to_one_app() {
    let (site, _blue, _other) = two_apps().await;
    let refusal = refused(site.set_domains("web", &["web.example", "example.com/v1"]).await);
    assert_eq!(
        refusal,
        Refused::DomainTaken {
            domain: domain("example.com/v1"),
            app: Some(app("api"))
        }
    );
    // Nothing of it was taken.
    assert_eq!(ask(site.http(), "web.example", "/").await.status(), 404);
    assert_eq!(ask(site.http(), "example.com", "/").await.text(), "web");
    let of_release = SwitchTo {
        keep: vec![ContainerId::new("web")],
        domains: Some(vec![domain("api.example.com")]),
        ..SwitchTo::default()
    };
    let refusal = refused(site.client.switch(&app("web"), &of_release).await);
    assert!(matches!(refusal, Refused::DomainTaken { .. }), "{refusal:?}");
}

/// A domain can send its requests to another name: with 308 whatever the method, and with the path and the query.
#[tokio::test]
async fn a_domain_can_redirect() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    site.serve(blue.target()).await;
    let to = |from: &str, target: &str| Domain {
        redirect_to: Some(Box::new(target.parse().expect("a target"))),
        ..domain(from)
    };
    let domains = vec![
        domain("example.com"),
        to("www.example.com", "example.com"),
        to("*.example.net", "https://example.com/docs"),
        to("example.com/old", "new"),
    ];
    let put = PutDomains { domains };
    site.client.put_domains(&app("api"), &put).await.expect("domains");
    let mut client = Wire::connect(site.http()).await;
    for (asked, host, expected) in [
        ("GET /a?b=%20c", "www.example.com", "http://example.com/a?b=%20c"),
        ("HEAD /", "WWW.example.com", "http://example.com/"),
        (
            "DELETE //evil.example",
            "www.example.com:8080",
            "http://example.com:8080//evil.example",
        ),
        ("OPTIONS *", "www.example.com", "http://example.com/"),
        ("GET /a", "api.example.net:8080", "https://example.com/docs/a"),
        ("GET /old/a", "example.com", "http://new/old/a"),
    ] {
        client
            .send(format!("{asked} HTTP/1.1\r\nhost: {host}\r\n\r\n"))
            .await;
        let answer = if asked.starts_with("HEAD") {
            client.head().await
        } else {
            client.message().await
        };
        assert_eq!(answer.status(), 308, "{asked}");
        assert_eq!(answer.header("location"), Some(expected), "{asked}");
    }
    // With a body, which nobody reads.
    let mut client = Wire::connect(site.http()).await;
    client
        .send("POST /form HTTP/1.1\r\nhost: www.example.com\r\ncontent-length: 3\r\n\r\na=b")
        .await;
    let answer = client.message().await;
    assert_eq!(answer.header("location"), Some("http://example.com/form"));
    assert_eq!(ask(site.http(), "example.com", "/a").await.text(), "blue");
    assert!(blue.asked().iter().all(|asked| !asked.first.contains("form")));
    // A table without them is one that earlier programs read.
    let version = || {
        let table = std::fs::read(site.table()).expect("a table");
        let table: serde_json::Value = serde_json::from_slice(&table).expect("JSON");
        table["version"].as_u64()
    };
    assert_eq!(version(), Some(3));
    site.set_domains("api", &["example.com"]).await.expect("domains");
    assert_eq!(version(), Some(2));
}

/// What the app gets, where it is not to see the path that leads to it.
#[tokio::test]
async fn a_path_can_be_stripped() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    site.serve(upstream.target("blue")).await;
    let domains = vec![Domain {
        strip_path: true,
        ..domain("example.com/v1")
    }];
    site.client
        .put_domains(&app("api"), &PutDomains { domains })
        .await
        .expect("domains");
    let mut client = Wire::connect(site.http()).await;
    let mut at_app = None;
    for (path, line) in [
        ("/v1", "GET / HTTP/1.1"),
        ("/v1/", "GET / HTTP/1.1"),
        ("/v1?a=/b", "GET /?a=/b HTTP/1.1"),
        ("/v1/users/1?a=b", "GET /users/1?a=b HTTP/1.1"),
        ("/v1//x", "GET //x HTTP/1.1"),
        ("/%761/%7Ex", "GET /%7Ex HTTP/1.1"),
    ] {
        client
            .send(format!(
                "GET {path} HTTP/1.1\r\nhost: example.com\r\nx-forwarded-prefix: /forged\r\n\r\n"
            ))
            .await;
        if at_app.is_none() {
            at_app = Some(upstream.accept().await);
        }
        let app = at_app.as_mut().expect("a connection");
        let request = app.message().await;
        assert_eq!(request.first, line, "{path}");
        assert_eq!(request.header("x-forwarded-prefix"), Some("/v1"));
        assert_eq!(request.header("host"), Some("example.com"));
        app.send(ok("fine")).await;
        assert_eq!(client.message().await.text(), "fine");
    }
}

/// A release's own domains come and go with its traffic; those of the app stay.
#[tokio::test]
async fn domains_of_a_release_move_with_the_switch() {
    let site = Site::new().await;
    let (blue, green) = (Named::new("blue").await, Named::new("green").await);
    site.open().await;
    site.set_domains("api", &["example.com"]).await.expect("domains");
    let to = async |named: &Named, domains: Option<&[&str]>| {
        let to = SwitchTo {
            targets: vec![named.target()],
            domains: domains.map(|all| all.iter().map(|text| domain(text)).collect()),
            ..SwitchTo::default()
        };
        site.client.switch(&app("api"), &to).await.expect("a switch");
    };
    let answers = async || {
        let mut all = Vec::new();
        for host in ["example.com", "old.example", "new.example"] {
            let answer = ask(site.http(), host, "/").await;
            all.push(if answer.status() == 200 {
                answer.text().to_owned()
            } else {
                "-".to_owned()
            });
        }
        all
    };
    to(&blue, Some(&["old.example"])).await;
    assert_eq!(answers().await, ["blue", "blue", "-"]);
    to(&green, Some(&["new.example", "example.com"])).await;
    assert_eq!(answers().await, ["green", "-", "green"]);
    // Who says nothing of domains changes none.
    to(&blue, None).await;
    assert_eq!(answers().await, ["blue", "-", "blue"]);
    to(&green, Some(&[])).await;
    assert_eq!(answers().await, ["green", "-", "-"]);
}

/// Held, released and drained like an app's own port.
#[tokio::test]
async fn requests_by_a_domain_are_held_and_counted() {
    let (site, _blue, _other) = two_apps().await;
    site.client
        .hold(&app("api"), Hold { limit_ms: 20_000 })
        .await
        .expect("held");
    let port = site.http();
    let waiting = tokio::spawn(async move { ask(port, "api.example.com", "/").await.text().to_owned() });
    until("a waiting request", || async {
        let route = site.client.route(&app("api")).await.unwrap();
        (route.waiting == 1).then_some(())
    })
    .await;
    // The other app's do not wait.
    assert_eq!(ask(port, "example.com", "/").await.text(), "web");
    site.client.release(&app("api")).await.expect("released");
    assert_eq!(waiting.await.unwrap(), "api");
    assert_eq!(site.client.route(&app("api")).await.unwrap().requests, 1);
}

/// The same domains after a crash and by the next switch, and a connection goes on meanwhile.
#[tokio::test]
async fn domains_outlive_the_switch() {
    let (mut site, _blue, _other) = two_apps().await;
    site.restart().await;
    assert_eq!(ask(site.http(), "example.com", "/v1").await.text(), "api");
    let mut client = Wire::connect(site.http()).await;
    assert_eq!(ask_on(&mut client, "example.com", "/").await.text(), "web");
    let leaving = site.take_over().await;
    assert_eq!(ask_on(&mut client, "example.com", "/v1").await.text(), "api");
    assert_eq!(ask(site.http(), "api.example.com", "/").await.text(), "api");
    leaving.await.unwrap();
}

/// A program that knows no domains reads a table without them.
#[tokio::test]
async fn a_table_has_the_version_that_it_needs() {
    let (site, _blue, _other) = two_apps().await;
    let version = || {
        let text = std::fs::read_to_string(site.table()).expect("a table");
        let table: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        table["version"].clone()
    };
    assert_eq!(version(), 2);
    site.set_domains("api", &[]).await.expect("no domains");
    site.set_domains("web", &[]).await.expect("no domains");
    assert_eq!(version(), 1);
}

/// One app's clients cannot take what others need on the port of all.
#[tokio::test]
async fn an_app_has_its_share_of_the_port() {
    let mut site = Site::stopped();
    site.limits = Limits {
        max_connections: Some(8),
        max_app_connections: Some(2),
        ..Limits::default()
    };
    site.start().await.expect("the switch starts");
    let busy = Upstream::new().await;
    let web = Named::new("web").await;
    site.serve(busy.target("blue")).await;
    site.open_other("web", web.target()).await;
    site.set_domains("api", &["api.example"]).await.expect("domains");
    site.set_domains("web", &["web.example"]).await.expect("domains");
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = Wire::connect(site.http()).await;
        client.send("GET / HTTP/1.1\r\nhost: api.example\r\n\r\n").await;
        let at_app = busy.accept().await;
        clients.push((client, at_app));
    }
    let refused = ask(site.http(), "api.example", "/").await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.header("x-gokku-error"), Some("too-many-connections"));
    assert_eq!(ask(site.http(), "web.example", "/").await.text(), "web");
    let (client, at_app) = &mut clients[0];
    at_app.message().await;
    at_app.send(ok("late")).await;
    assert_eq!(client.message().await.text(), "late");
    // It is idle now, and makes room for another one.
    let mut next = Wire::connect(site.http()).await;
    next.send("GET / HTTP/1.1\r\nhost: api.example\r\n\r\n").await;
    let request = at_app.message().await;
    assert_eq!(request.header("host"), Some("api.example"));
}
