//! Certificates of one's own: P36, P40, and P46 by TLS.

use std::net::{Ipv4Addr, SocketAddr};

use gokku_tests::{
    App, Authority, CertificateFiles, Connection, Load, LoadPlan, PATIENCE, Server, Timeline, free_port, send,
};

use crate::afar::{Scene, release};

/// A server whose domains are served on these ports, by HTTP and by HTTPS.
fn with_ports(server: &Server) -> (SocketAddr, SocketAddr) {
    let (http, https) = (free_port(), free_port());
    let config = server.read("config.toml");
    let ports = format!("[proxy]\nhttp = {http}\nhttps = {https}\n");
    server.write("config.toml", config.replace("[proxy]\n", &ports));
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    (at(http), at(https))
}

fn words(files: &CertificateFiles) -> [&str; 4] {
    [
        "--chain",
        files.chain.to_str().unwrap(),
        "--key",
        files.key.to_str().unwrap(),
    ]
}

fn add(server: &Server, files: &CertificateFiles) -> gokku_tests::Output {
    server.gokku([&["certs", "add"][..], &words(files)].concat())
}

/// What `curl` gets by https of this host, or says.
fn curl(at: SocketAddr, authority: &Authority, host: &str, path: &str) -> String {
    let got = gokku_tests::curl(&authority.root_file(), at, host, path);
    got.unwrap_or_else(|why| why)
}

/// P40: added, shown, given out, replaced, removed; what does not fit is refused with a reason.
#[test]
fn p40_certificates_of_ones_own() {
    let server = Server::new();
    let (http, https) = with_ports(&server);
    let authority = Authority::new();
    let api = server.create("api");
    server
        .gokku(["certs", "list"])
        .ok()
        .complains("There are no certificates yet");
    let files = authority.issue_files(
        &["api.example.com", "*.example.org", "bücher.example"].map(ascii),
        2100,
    );
    // Before the first deploy, and before the domain.
    add(&server, &files)
        .ok()
        .says("The certificate of api.example.com, *.example.org, bücher.example is added, valid until 2100-01-01T00:00:00Z")
        .complains("No domain of an app has one of these names yet")
        .complains("It is served as soon as the traffic switch runs");
    assert_eq!(server.mode("proxy/certs/own/api.example.com.pem"), 0o600);
    assert_eq!(server.mode("proxy/certs/own"), 0o700);
    api.working_copy().release("v1").ok();
    api.gokku([
        "domains",
        "add",
        "api.example.com",
        "www.example.org",
        "other.example",
    ])
    .ok()
    .complains(&format!(
        "https://api.example.com:{}/ leads to {}",
        https.port(),
        api.name()
    ))
    .complains(&format!(
        "http://other.example:{}/ leads to {}",
        http.port(),
        api.name()
    ));
    for host in ["api.example.com", "www.example.org"] {
        assert_eq!(curl(https, &authority, host, "/version"), "v1", "{host}");
        // Who asks by http is sent there.
        let answer = send(http, "GET", "/a?b", &[("Host", host)], b"").unwrap();
        let address = format!("https://{host}:{}/a?b", https.port());
        assert_eq!(
            (answer.status, answer.header("location")),
            (308, Some(address.as_str()))
        );
    }
    // P36: what no certificate is for gets none.
    let refused = curl(https, &authority, "other.example", "/version");
    assert!(refused.contains("alert"), "{refused}");
    assert_eq!(
        send(http, "GET", "/version", &[("Host", "other.example")], b"")
            .unwrap()
            .text(),
        "v1"
    );

    // Unless it is to be answered; clients of https are told to stay there.
    let kept = [
        "domains",
        "add",
        "api.example.com",
        "--http",
        "keep",
        "--hsts",
        "600",
    ];
    api.gokku(kept).ok();
    let answer = send(http, "GET", "/version", &[("Host", "api.example.com")], b"").unwrap();
    assert_eq!(
        (answer.text().as_str(), answer.header("strict-transport-security")),
        ("v1", None)
    );
    let mut by_tls = Connection::open_tls(https, PATIENCE, &authority.trusted(), "api.example.com").unwrap();
    let answer = by_tls
        .request("GET", "/version", &[("Host", "api.example.com")], b"")
        .unwrap();
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=600"));
    let stored = format!("apps/{}/domains.toml", api.name());
    assert!(server.read(&stored).starts_with("version = 2\n"));
    api.gokku(["domains", "add", "api.example.com"]).ok();
    assert!(server.read(&stored).starts_with("version = 1\n"));

    let listed = server.gokku(["certs", "list", "--json"]).ok().json();
    let first = &listed[0];
    assert_eq!(first["names"].as_array().unwrap().len(), 3);
    assert_eq!((&first["source"], &first["valid"]), (&"own".into(), &true.into()));
    assert_eq!(first["domains"][0], format!("api.example.com ({})", api.name()));
    api.gokku(["domains", "list"])
        .ok()
        .says("own, until 2100-01-01T00:00:00Z")
        .says("none");
    let exported = server.gokku(["certs", "export", "api.example.com"]).ok();
    let exported = exported.stdout;
    assert_eq!(exported, server.read("proxy/certs/own/api.example.com.pem"));

    // What does not fit changes nothing.
    let (past, fewer, foreign) = (
        authority.issue_files(&["api.example.com"], 2001),
        authority.issue_files(&["api.example.com"], 2100),
        authority.issue_files(&["foreign.example"], 2100),
    );
    add(&server, &past)
        .exits(2)
        .complains("has expired, on 2001-01-01T00:00:00Z");
    add(&server, &fewer)
        .exits(2)
        .complains("is for *.example.org, too");
    let mixed = CertificateFiles {
        chain: files.chain.clone(),
        key: foreign.key.clone(),
    };
    add(&server, &mixed)
        .exits(2)
        .complains("the key is not that of the certificate");
    let nowhere = CertificateFiles {
        chain: files.chain.with_file_name("nowhere.pem"),
        key: files.key.clone(),
    };
    add(&server, &nowhere)
        .exits(2)
        .complains("nowhere.pem: there is no such file");
    assert_eq!(exported, server.read("proxy/certs/own/api.example.com.pem"));
    assert_eq!(curl(https, &authority, "api.example.com", "/version"), "v1");

    server
        .gokku(["certs", "remove", "www.example.org"])
        .exits(3)
        .complains("is called api.example.com");
    server.gokku(["certs", "remove", "api.example.com"]).ok();
    let gone = curl(https, &authority, "api.example.com", "/version");
    assert!(gone.contains("connect"), "{gone}");
    // And http is as before.
    assert_eq!(
        send(http, "GET", "/version", &[("Host", "api.example.com")], b"")
            .unwrap()
            .text(),
        "v1"
    );
    server
        .gokku(["events"])
        .ok()
        .says("the certificate of api.example.com, *.example.org, bücher.example was added, valid until 2100-01-01T00:00:00Z")
        .says("the certificate of api.example.com, *.example.org, bücher.example was removed");
}

fn ascii(name: &str) -> &str {
    if name == "bücher.example" {
        "xn--bcher-kva.example"
    } else {
        name
    }
}

/// P40: the files are those of the laptop, and no key is in any process's arguments there or here.
#[test]
fn p40_a_certificate_is_added_from_a_laptop() {
    let scene = Scene::new();
    let (_, https) = with_ports(&scene.server);
    let authority = Authority::new();
    let dev = scene.remote();
    let remote = scene.name();
    release(&dev, &remote, "v1").ok();
    dev.gokku(["domains", "add", "api.example.com", "-a", &remote])
        .ok();
    let files = authority.issue_files(&["api.example.com"], 2100);
    dev.gokku([&["certs", "add", "-a", &remote][..], &words(&files)].concat())
        .ok()
        .says("The certificate of api.example.com is added");
    assert_eq!(curl(https, &authority, "api.example.com", "/version"), "v1");
    dev.gokku(["certs", "list", "-a", &remote])
        .ok()
        .says("api.example.com");
}

/// P46: nobody notices deploys, a rollback, certificates that are replaced and another switch; each kind of client asks by TLS.
#[test]
fn p46_nobody_notices_changes_by_tls() {
    let server = Server::new();
    let (_, at) = with_ports(&server);
    let authority = Authority::new();
    let api = server.create("api");
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    let dev = api.working_copy();
    dev.release("v0").ok();
    api.gokku(["domains", "add", "localhost"]).ok();
    add(&server, &authority.issue_files(&["localhost"], 2100)).ok();
    let mut timeline = Timeline::new("v0");
    let load = Load::start(LoadPlan {
        tls: Some((authority.trusted(), "localhost")),
        ..LoadPlan::small(at)
    });
    for version in ["v1", "v2"] {
        dev.write_app(version, &[]);
        dev.commit(version);
        timeline.change(version, || dev.push().ok());
        add(&server, &authority.issue_files(&["localhost"], 2100)).ok();
        other_names_come_and_go(&server, &api, &authority, at);
    }
    server.gokku(["proxy", "restart"]).ok();
    timeline.change("v1", || api.gokku(["rollback"]).ok());
    load.stop().assert_clean(&timeline);
}

fn other_names_come_and_go(server: &Server, api: &App<'_>, authority: &Authority, at: SocketAddr) {
    api.gokku(["domains", "add", "more.example"]).ok();
    add(server, &authority.issue_files(&["more.example"], 2100)).ok();
    let mut connection = Connection::open_tls(at, PATIENCE, &authority.trusted(), "more.example").unwrap();
    let answer = connection
        .request("GET", "/version", &[("Host", "more.example")], b"")
        .unwrap();
    assert_eq!(answer.status, 200);
    server.gokku(["certs", "remove", "more.example"]).ok();
    api.gokku(["domains", "remove", "more.example"]).ok();
}
