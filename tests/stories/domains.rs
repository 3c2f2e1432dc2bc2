//! Domains: P35, P36, and P46 for those of an app, which come and go while it is deployed.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use gokku_tests::{App, Load, LoadPlan, PATIENCE, Server, Timeline, free_port, send, wait_until};

/// A server whose domains are served on this port.
pub(crate) fn server() -> (Server, SocketAddr) {
    let server = Server::new();
    let port = free_port();
    let config = server.read("config.toml");
    server.write(
        "config.toml",
        config.replace("[proxy]\n", &format!("[proxy]\nhttp = {port}\n")),
    );
    (server, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// What is answered to a request for this host and path: the version, or the status.
pub(crate) fn asked(at: SocketAddr, host: &str, path: &str) -> String {
    match send(at, "GET", path, &[("Host", host)], b"") {
        Ok(answer) if answer.status == 200 => answer.text(),
        Ok(answer) => answer.status.to_string(),
        Err(failure) => format!("{failure:?}"),
    }
}

/// P35: a host and a path lead to their app, from before its first deploy to its end.
#[test]
fn p35_domains_lead_to_their_apps() {
    let (server, at) = server();
    let (api, web) = (server.create("api"), server.create("web"));
    api.gokku(["domains", "add", "API.example.com", "bücher.example"])
        .ok()
        .complains("are served as soon as it does");
    let refused = api.gokku(["domains", "add", "https://example.com"]);
    refused
        .exits(2)
        .complains("write the domain alone, \"example.com\"");
    api.working_copy().release("v1").ok();
    web.working_copy().release("w1").ok();
    for host in ["api.example.com", "xn--bcher-kva.example"] {
        assert_eq!(asked(at, host, "/version"), "v1", "{host}");
    }
    web.gokku(["domains", "add", "example.com", "*.example.com"])
        .ok()
        .complains(&format!(
            "http://example.com:{}/ leads to {}",
            at.port(),
            web.name()
        ));
    api.gokku(["domains", "add", "example.com", "--path", "/v1", "--strip-path"])
        .ok();
    for (host, path, expected) in [
        ("example.com", "/version", "w1"),
        ("www.example.com", "/version", "w1"),
        ("api.example.com", "/version", "v1"),
        ("example.com", "/v1/version", "v1"),
        // P36: an unknown host is nobody's.
        ("example.org", "/version", "404"),
        ("127.0.0.1", "/version", "404"),
    ] {
        assert_eq!(asked(at, host, path), expected, "{host} {path}");
    }
    // A second claim names the first.
    web.gokku(["domains", "add", "web.example", "example.com", "--path", "/v1/"])
        .exits(2)
        .complains(&format!("example.com/v1 is the domain of {} already", api.name()));
    assert_eq!(asked(at, "web.example", "/v1/version"), "404");

    let listed = server.gokku(["domains", "list", "--json"]).ok().json();
    let listed: Vec<(&str, &str)> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["domain"].as_str().unwrap(), one["app"].as_str().unwrap()))
        .collect();
    let expected = [
        ("api.example.com", api.name()),
        ("bücher.example", api.name()),
        ("example.com/v1", api.name()),
        ("example.com", web.name()),
        ("*.example.com", web.name()),
    ];
    assert_eq!(listed, expected);
    server
        .gokku(["events"])
        .ok()
        .says("domains: api.example.com, bücher.example added");

    // The next daemon serves the same, also what was changed while none ran.
    server.kill_daemon();
    api.gokku(["domains", "remove", "api.example.com"]).ok();
    web.gokku(["domains", "remove", "*.example.com"]).ok();
    api.gokku(["restart"]).ok();
    for (host, expected) in [
        ("example.com", "w1"),
        ("bücher.example", "400"),
        ("xn--bcher-kva.example", "v1"),
        ("api.example.com", "404"),
    ] {
        assert_eq!(asked(at, host, "/version"), expected, "{host}");
    }
    api.gokku(["domains", "remove", "api.example.com"])
        .exits(3)
        .complains("is none of");
    server.gokku(["apps", "destroy", web.name(), "--yes"]).ok();
    assert_eq!(asked(at, "example.com", "/version"), "404");
    api.gokku(["domains", "add", "example.com"]).ok();
    assert_eq!(asked(at, "example.com", "/version"), "v1");
}

/// P46: nobody notices deploys, domains that come and go, and another switch.
#[test]
fn p46_domains_come_and_go_under_load() {
    let (server, at) = server();
    let (api, other) = (server.create("api"), server.create("other"));
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    let dev = api.working_copy();
    dev.release("v0").ok();
    other.working_copy().release("w0").ok();
    // What the load asks for.
    api.gokku(["domains", "add", "localhost"]).ok();
    let mut timeline = Timeline::new("v0");
    let load = Load::start(LoadPlan::small(at));
    for number in 1..=3 {
        let version = format!("v{number}");
        dev.write_app(&version, &[]);
        dev.commit(&version);
        timeline.change(&version, || dev.push().ok());
        let more = format!("n{number}.example");
        change(&api, "add", &more);
        change(&other, "add", &format!("other-{more}"));
        assert_eq!(asked(at, &more, "/version"), version);
        change(&api, "remove", &more);
        assert_eq!(asked(at, &more, "/version"), "404");
    }
    server.gokku(["proxy", "restart"]).ok();
    timeline.change("v2", || api.gokku(["rollback"]).ok());
    load.stop().assert_clean(&timeline);
}

fn change(app: &App<'_>, how: &str, domain: &str) {
    app.gokku(["domains", how, domain]).ok();
}

/// Whoever adds and removes at once, and a daemon that starts meanwhile: what is served is what is on the disk.
#[test]
fn what_is_served_is_what_was_written_last() {
    let (server, at) = server();
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    let leading = || {
        let status = server.gokku(["proxy", "status", "--json"]).ok().json();
        let domains = status["routes"][0]["domains"].as_array().cloned();
        let names = domains.unwrap_or_default();
        let names = names.iter().map(|one| one["name"].as_str().unwrap().to_owned());
        names.collect::<BTreeSet<String>>()
    };
    let everywhere = |round: usize, change: &str| {
        std::thread::scope(|scope| {
            for hand in 0..6 {
                let api = &api;
                scope.spawn(move || {
                    let domain = format!("r{round}-h{hand}.example");
                    api.gokku(["domains", change, &domain]).ok();
                });
            }
            if round % 3 == 2 {
                server.gokku(["proxy", "restart"]).ok();
            }
        });
    };
    let mut expected = BTreeSet::new();
    for round in 0..6 {
        everywhere(round, "add");
        expected.extend((0..6).map(|hand| format!("r{round}-h{hand}.example")));
        if round % 2 == 1 {
            everywhere(round, "remove");
            expected.retain(|domain| !domain.starts_with(&format!("r{round}-")));
        }
        assert_eq!(leading(), expected, "after round {round}");
    }
    assert_eq!(asked(at, "r4-h0.example", "/version"), "v1");
}

/// Who has the port is named; all else goes on, and the domains are served once it is free.
#[test]
fn a_port_that_another_program_has_is_told_and_waited_for() {
    let (server, at) = server();
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    let taken = TcpListener::bind(at).unwrap();
    api.gokku(["domains", "add", "example.com"])
        .ok()
        .complains(&format!("port {} is taken", at.port()))
        .complains(&format!("process {}", std::process::id()));
    assert_eq!(api.version(), "v1");
    drop(taken);
    wait_until("the port of the domains", PATIENCE, || {
        (asked(at, "example.com", "/version") == "v1").then_some(())
    });
    let listed = server.gokku(["domains", "list"]).ok();
    listed.says(&format!("http://example.com:{}/", at.port()));
}

/// What sends its requests elsewhere, and what would send them around in a circle.
#[test]
fn a_domain_can_redirect_to_another() {
    let (server, at) = server();
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    let location = |host: &str, path: &str| {
        let answer = send(at, "GET", path, &[("Host", host)], b"").expect("an answer");
        assert_eq!(answer.status, 308, "{host}");
        answer.header("location").map(str::to_owned).unwrap()
    };
    api.gokku(["domains", "add", "example.com", "--www"])
        .ok()
        .complains("redirects to example.com");
    assert_eq!(location("www.example.com", "/a?b"), "http://example.com/a?b");
    assert_eq!(asked(at, "example.com", "/version"), "v1");
    let old = [
        "domains",
        "add",
        "old.example",
        "--redirect-to",
        "https://example.com/docs",
    ];
    api.gokku(old).ok();
    assert_eq!(location("old.example", "/a"), "https://example.com/docs/a");
    for (words, why) in [
        (
            &["example.com", "--redirect-to", "old.example"][..],
            "in a circle",
        ),
        (
            &["*.example.org", "--redirect-to", "a.example.org"],
            "in a circle",
        ),
        (&["*.example.org", "--www"], "is a wildcard"),
        (
            &["example.org", "--redirect-to", "*.example.com"],
            "a redirect leads to one name",
        ),
        (
            &["example.org", "--redirect-to", "ftp://example.com"],
            "neither http:// nor https://",
        ),
        (
            &["example.org", "--redirect-to", "a.example", "--www"],
            "cannot be used with",
        ),
    ] {
        let words = [&["domains", "add"], words].concat();
        api.gokku(words).exits(2).complains(why);
    }
    assert_eq!(asked(at, "example.com", "/version"), "v1");
    assert_eq!(asked(at, "example.org", "/"), "404");
    let listed = server.gokku(["domains", "list", "--json"]).ok().json();
    assert_eq!(listed[1]["redirect_to"], "example.com");
    server
        .gokku(["domains", "list"])
        .ok()
        .says("redirects to https://example.com/docs");
    // The health check asks by the name of the app, also for the next release, and the next daemon redirects as this one.
    server.kill_daemon();
    api.gokku(["restart"]).ok();
    assert_eq!(location("www.example.com", "/"), "http://example.com/");
}
