//! Certificates that come and stay by themselves, from a real authority: P37, P38, P39.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use gokku_tests::{
    App, Connection, Load, LoadPlan, PATIENCE, Pebble, PebbleOptions, Running, Server, Timeline, curl, send,
    wait_until,
};

/// A server, and an authority that asks it for proofs.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) pebble: Pebble,
    /// What the server's machine knows of names, beside the DNS.
    hosts: PathBuf,
}

impl Scene {
    pub(crate) fn new(options: PebbleOptions) -> Self {
        Self::of(Server::new(), options)
    }

    pub(crate) fn of(server: Server, options: PebbleOptions) -> Self {
        let pebble = Pebble::start(options);
        let config = server.read("config.toml");
        let ports = format!("[proxy]\nhttp = {}\nhttps = {}\n", pebble.http, pebble.tls);
        server.write("config.toml", config.replace("[proxy]\n", &ports));
        let hosts = server.home().join("hosts");
        std::fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
        Self {
            server,
            pebble,
            hosts,
        }
    }

    /// Starts the daemon where the hosts file is this one's own.
    pub(crate) fn start(&self) -> Running {
        let mut command = self.server.command("unshare");
        command.args(["--mount", "--", "sh", "-c"]);
        command.arg("mount --bind \"$1\" /etc/hosts && exec gokku proxy run");
        command.arg("sh").arg(&self.hosts);
        let daemon = Running::start(&mut command);
        wait_until("the daemon", PATIENCE, || {
            let status = self.server.gokku(["proxy", "status"]);
            (status.code == Some(0)).then_some(())
        });
        daemon
    }

    /// Has names lead here.
    pub(crate) fn resolve(&self, names: &[&str]) {
        let mut text = "127.0.0.1 localhost\n".to_owned();
        for name in names {
            let _ = writeln!(text, "127.0.0.1 {name}");
        }
        // In place: the file is bound where the daemon sees it.
        std::fs::write(&self.hosts, text).unwrap();
    }

    /// Agrees to the authority's terms.
    fn agree(&self) {
        self.agree_to(&self.pebble.directory());
    }

    /// The same, and has it be asked at this directory.
    pub(crate) fn agree_to(&self, directory: &str) {
        let config = self.server.read("config.toml");
        let acme = format!(
            "\n[acme]\nemail = \"admin@example.com\"\ndirectory = \"{directory}\"\nroot = \"{}\"\n",
            self.pebble.root().display()
        );
        self.server.write("config.toml", config + &acme);
    }

    fn http(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.pebble.http))
    }

    fn https(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.pebble.tls))
    }

    /// What a client gets by https that accepts what the authority issues.
    pub(crate) fn curl(&self, host: &str) -> Result<String, String> {
        curl(&self.pebble.trusted(), self.https(), host, "/version")
    }

    pub(crate) fn await_https(&self, host: &str, expected: &str) {
        wait_until(&format!("https of {host}"), PATIENCE, || {
            (self.curl(host).as_deref() == Ok(expected)).then_some(())
        });
    }

    /// What is said of a domain.
    pub(crate) fn listed(&self, domain: &str) -> serde_json::Value {
        let listed = self.server.gokku(["domains", "list", "--json"]).ok().json();
        let all = listed.as_array().unwrap();
        all.iter().find(|one| one["domain"] == domain).unwrap().clone()
    }

    pub(crate) fn await_problem(&self, domain: &str, kind: &str) {
        wait_until(&format!("{kind} of {domain}"), PATIENCE, || {
            let listed = self.listed(domain);
            (listed["order"]["problem"]["kind"] == kind).then_some(())
        });
    }
}

pub(crate) fn deployed<'server>(server: &'server Server, version: &str) -> App<'server> {
    let api = server.create("api");
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    api.working_copy().release(version).ok();
    api
}

/// P37, P39: what leads here has a certificate soon after it was added, and what does not is said with its reason, and has one
/// soon after it does.
#[test]
fn p37_https_comes_by_itself() {
    let scene = Scene::new(PebbleOptions::default());
    let server = &scene.server;
    scene.resolve(&["shop.example.com", "www.shop.example.com"]);
    let _daemon = scene.start();
    let api = deployed(server, "v1");
    // Nothing is ordered before somebody has agreed to the authority's terms.
    api.gokku(["domains", "add", "shop.example.com", "www.shop.example.com"])
        .ok()
        .complains("No certificate is ordered for shop.example.com")
        .complains("set [acme] email in config.toml");
    let http = |path: &str| send(scene.http(), "GET", path, &[("Host", "shop.example.com")], b"").unwrap();
    assert_eq!(http("/version").text(), "v1");
    scene.agree();
    for host in ["shop.example.com", "www.shop.example.com"] {
        scene.await_https(host, "v1");
    }
    wait_until("http redirects", PATIENCE, || {
        (http("/version?a").status == 308).then_some(())
    });
    let address = format!("https://shop.example.com:{}/version?a", scene.https().port());
    assert_eq!(http("/version?a").header("location"), Some(address.as_str()));
    let listed = scene.listed("shop.example.com");
    assert_eq!(listed["certificate"]["source"], "acme", "{listed}");
    assert!(listed["order"].is_null(), "{listed}");
    server
        .gokku(["events"])
        .ok()
        .says("a certificate was issued for ")
        .says("www.shop.example.com");
    server.gokku(["certs", "list"]).ok().says("acme");
    for file in ["account.json", "acme/shop.example.com.pem"] {
        assert_eq!(server.mode(format!("proxy/certs/{file}")), 0o600, "{file}");
    }

    // One that the DNS does not have yet, and one that leads to somebody else.
    scene.resolve(&["shop.example.com", "www.shop.example.com"]);
    // Whether it was looked at already or not.
    let added = api.gokku(["domains", "add", "later.example.com"]).ok().stderr;
    let said = [
        "A certificate is being ordered for later.example.com",
        "No certificate for later.example.com yet",
    ];
    assert!(said.iter().any(|said| added.contains(said)), "{added}");
    scene.await_problem("later.example.com", "unresolved");
    let reason = "the DNS has no address for this name";
    api.gokku(["domains", "list"])
        .ok()
        .says(reason)
        .says("tried again at");
    api.gokku(["status"]).ok().says(reason);
    server
        .gokku(["doctor"])
        .exits(1)
        .says(&format!("later.example.com: {reason}"));
    server
        .gokku(["events"])
        .ok()
        .says(&format!("no certificate for later.example.com: {reason}"));
    assert_eq!(scene.curl("shop.example.com").as_deref(), Ok("v1"));
    scene.resolve(&["later.example.com"]);
    scene.await_https("later.example.com", "v1");
    let status = api.gokku(["status"]).ok().stdout;
    assert!(!status.contains(reason), "{status}");
    let doctor = server.gokku(["doctor"]).stdout;
    assert!(doctor.contains("none of them failing"), "{doctor}");
}

/// P38: renewed before their end, however short that is; nobody notices, whatever kind of client, and deploys go on meanwhile.
#[test]
fn p38_nobody_notices_renewals() {
    let scene = Scene::new(PebbleOptions {
        lifetime: Some(24),
        ..PebbleOptions::default()
    });
    let server = &scene.server;
    scene.agree();
    let _daemon = scene.start();
    let api = server.create("api");
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    let dev = api.working_copy();
    dev.release("v0").ok();
    api.gokku(["domains", "add", "localhost"]).ok();
    scene.await_https("localhost", "v0");
    let first = server.read("proxy/certs/acme/localhost.pem");
    let mut timeline = Timeline::new("v0");
    let load = Load::start(LoadPlan {
        tls: Some((gokku_tests::trusting(&scene.pebble.trusted()), "localhost")),
        ..LoadPlan::small(scene.https())
    });
    dev.write_app("v1", &[]);
    dev.commit("v1");
    timeline.change("v1", || dev.push().ok());
    let second = renewed(server, &first);
    server.gokku(["proxy", "restart"]).ok();
    renewed(server, &second);
    load.stop().assert_clean(&timeline);
}

/// Waits for another certificate than this one, and returns it.
fn renewed(server: &Server, before: &str) -> String {
    wait_until("the certificate is renewed", PATIENCE, || {
        let now = server.read("proxy/certs/acme/localhost.pem");
        (now != before).then_some(now)
    })
}

/// P39: neither an authority that is away nor the loss of what the daemon knew costs a certificate that works.
#[test]
fn p39_a_working_certificate_is_never_lost() {
    let mut scene = Scene::new(PebbleOptions::default());
    scene.resolve(&["a.example.com", "b.example.com"]);
    scene.agree();
    let daemon = scene.start();
    let api = deployed(&scene.server, "v1");
    api.gokku(["domains", "add", "a.example.com"]).ok();
    scene.await_https("a.example.com", "v1");
    let trusted = scene.pebble.trusted();
    let works = |scene: &Scene| {
        let client = gokku_tests::trusting(&trusted);
        let mut connection = Connection::open_tls(scene.https(), PATIENCE, &client, "a.example.com").unwrap();
        let answer = connection.request("GET", "/version", &[("Host", "a.example.com")], b"");
        assert_eq!(answer.unwrap().text(), "v1");
    };
    scene.pebble.end();
    api.gokku(["domains", "add", "b.example.com"]).ok();
    scene.await_problem("b.example.com", "authority-away");
    api.gokku(["domains", "list"])
        .ok()
        .says("the certificate authority could not be reached");
    let doctor = scene.server.gokku(["doctor"]).exits(1);
    let _ = doctor.says("the certificate authority could not be reached");
    works(&scene);
    // The daemon dies, and what it knew of orders is lost.
    scene.server.kill_daemon();
    drop(daemon);
    std::fs::write(scene.server.path("proxy/certs/orders.toml"), "torn").unwrap();
    let _daemon = scene.start();
    works(&scene);
    scene.await_problem("b.example.com", "authority-away");
    let listed = scene.listed("a.example.com");
    assert_eq!(listed["certificate"]["valid"], true, "{listed}");
}
