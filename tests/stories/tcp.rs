//! P43: an app with TCP ports, from `gokku.yml` to its clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gokku_tests::{App, PATIENCE, Server, WorkingCopy, free_port, get, wait_until};

/// How long a connection of the load goes on that is no short one: several steps of a deploy.
const LONG: Duration = Duration::from_secs(2);

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A connection on which lines are said.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&at(port), PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Says a line, and returns which version has answered it.
    fn say(&mut self, line: &str) -> std::io::Result<String> {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes())?;
        let mut answer = String::new();
        self.0.read_line(&mut answer)?;
        let version = answer.strip_suffix(&format!(" {line}\n"));
        let version = version.ok_or_else(|| std::io::Error::other(format!("{line}: {answer:?}")))?;
        Ok(version.to_owned())
    }
}

/// The version that a new connection gets.
#[track_caller]
fn version(port: u16) -> String {
    let asked = Client::connect(port).and_then(|mut client| client.say("version"));
    asked.unwrap_or_else(|error| panic!("port {port}: {error}"))
}

/// Whether somebody listens there.
fn is_open(port: u16) -> bool {
    TcpStream::connect_timeout(&at(port), PATIENCE).is_ok()
}

/// Clients that connect without end: most for a line, some for longer.
struct Load {
    done: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: u32,
    lines: u32,
    /// The versions of one connection after the other, each as long as no other one answered.
    versions: Vec<String>,
    failures: Vec<String>,
}

impl Load {
    fn start(port: u16) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let client = |long: bool| {
            let done = Arc::clone(&done);
            thread::spawn(move || {
                let mut counts = Counts::default();
                while !done.load(Ordering::SeqCst) {
                    if let Err(error) = counts.connect(port, long, &done) {
                        counts.failures.push(error.to_string());
                    }
                }
                counts
            })
        };
        let clients = [false, false, true, true].map(client).into();
        Self { done, clients }
    }

    /// Ends it: nobody was refused, cut or left without an answer.
    fn stop(self) -> Vec<Counts> {
        self.done.store(true, Ordering::SeqCst);
        let all: Vec<Counts> = self
            .clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect();
        for counts in &all {
            assert_eq!(counts.failures, [""; 0], "{counts:?}");
            assert!(
                counts.connections > 1 && counts.lines >= counts.connections,
                "{counts:?}"
            );
        }
        all
    }
}

impl Counts {
    /// A connection has one container, from its first line to its last.
    fn connect(&mut self, port: u16, long: bool, done: &AtomicBool) -> std::io::Result<()> {
        let mut client = Client::connect(port)?;
        self.connections += 1;
        let began = Instant::now();
        let version = client.say("first")?;
        self.lines += 1;
        while long && began.elapsed() < LONG && !done.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(10));
            let now = client.say("more")?;
            self.lines += 1;
            if now != version {
                return Err(std::io::Error::other(format!("from {version} to {now}")));
            }
        }
        thread::sleep(Duration::from_millis(2));
        if self.versions.last() != Some(&version) {
            self.versions.push(version);
        }
        Ok(())
    }
}

/// An app with TCP ports alone.
fn tcp_app<'a>(server: &'a Server, ports: &str) -> (App<'a>, WorkingCopy<'a>) {
    let db = server.create("db");
    let dev = db.working_copy();
    write_yml(&db, &dev, ports, "");
    db.gokku(["config", "set", "ZERO_DOWNTIME=true", "UPGRADE_DRAIN_TIMEOUT=60"])
        .ok();
    (db, dev)
}

fn write_yml(app: &App<'_>, dev: &WorkingCopy<'_>, ports: &str, more: &str) {
    let yml = format!("apps:\n  {}:\n    ports: [{ports}]\n{more}", app.name());
    dev.write("gokku.yml", yml);
}

const LINES: [&str; 2] = ["no-http", "tcp=7000"];

/// Deploys, a rollback and new switches under load: nobody is lost. Health is that the port accepts, and what is told has no port that
/// is not there.
#[test]
fn p43_an_app_with_tcp_ports_is_deployed_under_load() {
    let server = Server::new();
    let port = free_port();
    let (db, dev) = tcp_app(&server, &format!("\"{port}:7000/tcp\""));
    let push = dev.release_with("v1", &LINES).ok();
    let push = push.says(&format!("Done: tcp localhost:{port}"));
    assert!(!push.output.contains("http://"), "{push}");
    assert_eq!(version(port), "v1");
    let status = db.gokku(["status"]).ok();
    for told in ["routed", "healthy", &format!("localhost:{port}")] {
        assert!(status.stdout.contains(told), "{told}\n{status}");
    }
    let facts = db.gokku(["status", "--json"]).ok().stdout;
    for told in ["\"port\":null", "\"url\":null", &format!("\"tcp\":[{port}]")] {
        let squeezed: String = facts.chars().filter(|c| !c.is_whitespace()).collect();
        assert!(squeezed.contains(told), "{told}\n{facts}");
    }
    let table = server.gokku(["proxy", "status"]).ok().stdout;
    assert!(table.contains(&format!("{port}/tcp")), "{table}");

    db.gokku(["ps", "scale", "web=2"]).ok();
    let load = Load::start(port);
    dev.release_with("v2", &LINES).ok();
    dev.release_with("v3", &LINES).ok();
    db.gokku(["rollback"]).ok();
    for _ in 0..2 {
        server.gokku(["proxy", "restart"]).ok();
    }
    assert_eq!(version(port), "v2");
    for counts in load.stop() {
        let expected = ["v1", "v2", "v3", "v2"];
        let mut order = expected.iter();
        // One that stays long may miss a release that did not.
        let in_order = counts
            .versions
            .iter()
            .all(|version| order.any(|next| next == version));
        assert!(in_order, "{counts:?}");
        assert_eq!(
            counts.versions.last().map(String::as_str),
            Some("v2"),
            "{counts:?}"
        );
    }

    db.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=2"]).ok();
    dev.release_with("v4", &["no-http", "tcp=7000", "listen=127.0.0.1"])
        .rejected()
        .says("TCP port 7000 did not accept a connection within 2 s")
        .says("127.0.0.1:7000 only");
    dev.release_with("v5", &["no-http", "tcp=7001"])
        .rejected()
        .says("it listens on port 7001, not on 7000");
    dev.release_with("v6", &["exit-at-start=3"])
        .rejected()
        .says("exited with code 3");
    assert_eq!(version(port), "v2");
    let refused = db.gokku(["domains", "add", "db.example.com"]);
    refused
        .exits(2)
        .complains("all `ports` in its gokku.yml are for TCP");
    let refused = server.gokku(["maintenance", "on", "-a", db.name()]);
    refused.exits(2).complains("shows nobody a page");
}

/// While nothing runs, who connects waits, and gets the new release.
#[test]
fn p43_connections_wait_while_one_release_replaces_the_other() {
    let server = Server::new();
    let port = free_port();
    let (db, dev) = tcp_app(&server, &format!("\"{port}:7000/tcp\""));
    dev.release_with("v1", &LINES).ok();
    db.gokku(["config", "set", "ZERO_DOWNTIME=false"]).ok();
    let done = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&done);
    let client = thread::spawn(move || {
        let mut versions: Vec<String> = Vec::new();
        while !ends.load(Ordering::SeqCst) {
            versions.push(version(port));
            versions.dedup();
        }
        versions
    });
    dev.release_with("v2", &LINES).ok();
    done.store(true, Ordering::SeqCst);
    assert_eq!(client.join().unwrap(), ["v1", "v2"]);
}

/// Ports for HTTP and for TCP are the release's: they come with the traffic, go back with it, and are closed while there is none.
#[test]
fn p43_ports_come_and_go_with_the_release() {
    let server = Server::new();
    let (first, second) = (free_port(), free_port());
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    dev.release("v1").ok();
    // One for HTTP and two for TCP, which are told by whom they are asked.
    let http = format!("\"{}:8080\"", api.port());
    let both = format!("{http}, \"{first}:7000/tcp\", \"{second}:7000/tcp\"");
    write_yml(&api, &dev, &both, "    proxy_protocol: v1\n");
    let push = dev.release_with("v2", &["tcp=7000"]).ok();
    push.says(&format!(
        "http://localhost:{}, tcp localhost:{first}, tcp localhost:{second}",
        api.port()
    ));
    assert_eq!(api.version(), "v2");
    for port in [first, second] {
        let mut client = Client::connect(port).unwrap();
        let own = client.0.get_ref().local_addr().unwrap();
        let mut header = String::new();
        client.0.read_line(&mut header).unwrap();
        let wanted = format!("v2 PROXY TCP4 127.0.0.1 127.0.0.1 {} {port}\n", own.port());
        assert_eq!(header, wanted);
        assert_eq!(client.say("x").unwrap(), "v2");
    }
    // The release before has neither.
    api.gokku(["rollback"]).ok();
    assert_eq!(api.version(), "v1");
    assert!(!is_open(first) && !is_open(second));
    api.gokku(["rollback", &release_of(&api, "v2")]).ok();
    assert!(is_open(first) && is_open(second));
    // The same number for something else, and no port for HTTP any more.
    write_yml(&api, &dev, &format!("\"{}:7000/tcp\"", api.port()), "");
    dev.release_with("v3", &LINES).ok();
    assert_eq!(version(api.port()), "v3");
    assert!(!is_open(first));
    api.gokku(["rollback", &release_of(&api, "v2")]).ok();
    assert_eq!(api.version(), "v2");
    api.gokku(["rollback", &release_of(&api, "v3")]).ok();
    assert_eq!(version(api.port()), "v3");
    // A port that somebody else has is told before anything is built.
    let taken = std::net::TcpListener::bind(at(first)).unwrap();
    write_yml(&api, &dev, &format!("\"{first}:7000/tcp\""), "");
    let push = dev.release_with("v4", &LINES).rejected();
    let push = push
        .says(&format!("port {first} is taken by"))
        .says(&format!("process {}", std::process::id()));
    assert!(!push.output.contains("Building"), "{push}");
    drop(taken);
    // A stopped app has its port closed, and keeps it.
    api.gokku(["stop"]).ok();
    assert!(!is_open(api.port()));
    let other = server.create("other");
    let theirs = other.working_copy();
    write_yml(&other, &theirs, &format!("\"{}:7000/tcp\"", api.port()), "");
    theirs.release_with("v1", &LINES).rejected().says(&format!(
        "port {} is taken by the app {}",
        api.port(),
        api.name()
    ));
    api.gokku(["start"]).ok();
    wait_until("the port to be open", PATIENCE, || {
        is_open(api.port()).then_some(())
    });
    assert_eq!(version(api.port()), "v3");
    server.gokku(["apps", "destroy", api.name(), "--yes"]).ok();
    assert!(!is_open(api.port()));
    theirs.push().ok();
    assert_eq!(version(api.port()), "v1");
    let mut rest = Vec::new();
    let mut client = Client::connect(api.port()).unwrap();
    client.0.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    client.0.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
    assert!(get(at(api.port()), "/version").is_err());
}

/// The id of the release that was pushed as this version.
#[track_caller]
fn release_of(app: &App<'_>, version: &str) -> String {
    let commit = app
        .git(["log", "--all", "--format=%H", "--grep", &format!("^{version}$")])
        .ok();
    let commit = commit.line().to_owned();
    let releases = app.gokku(["releases", "--json"]).ok().stdout;
    let releases: serde_json::Value = serde_json::from_str(&releases).unwrap();
    let all = releases.as_array().unwrap().iter();
    let mut found = all.filter(|release| release["commit"] == commit.as_str());
    let found = found
        .next()
        .unwrap_or_else(|| panic!("{version} {commit} of {releases}"));
    found["id"].as_str().unwrap().to_owned()
}
