//! The Docker Engine is restarted, or dies; the machine loses its power: P30, P31. Each story has an engine of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gokku_tests::{App, Engine, Output, PATIENCE, Running, Server, WorkingCopy, get, wait_until};

/// Deploys an app that answers with its own name, on a network that it shares with the others: what is one's address now may be
/// another one's next.
fn deploy<'a>(server: &'a Server, base: &str, policy: &str) -> (App<'a>, WorkingCopy<'a>) {
    server.write("config.toml", "[networks]\nshared = [\"together\"]\n");
    let app = server.create(base);
    let dev = app.working_copy_with(&format!(
        "    network: together\n    deployment:\n      restart_policy: {policy}\n"
    ));
    dev.release(app.name()).ok();
    (app, dev)
}

/// It is down, and its clients are told so; nobody else answers them.
#[track_caller]
fn is_down(app: &App<'_>) {
    assert_eq!(app.containers()[0].state, "exited", "{}", app.name());
    let answer = app.get("/version").unwrap();
    assert_eq!(answer.version(), None, "{}", app.name());
    assert!(answer.status == 502 || answer.status == 503, "{answer:?}");
}

fn address(app: &App<'_>) -> String {
    app.containers()[0].address.clone()
}

/// Clients that ask some apps all along. What fails is not counted: an engine that is down may be noticed.
struct Clients {
    done: Arc<AtomicBool>,
    clients: Vec<Client>,
}

struct Client {
    app: String,
    /// Who has answered, and how often.
    seen: Arc<Mutex<BTreeMap<String, u32>>>,
    thread: JoinHandle<()>,
}

impl Clients {
    /// Four for each app; each has had its first answer.
    #[track_caller]
    fn start(apps: &[&App<'_>]) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let four_each = apps.iter().flat_map(|app| [app; 4]);
        let clients = four_each.map(|app| Client::start(app, &done)).collect();
        let clients = Self { done, clients };
        wait_until("the clients' first answers", PATIENCE, || {
            let mut all = clients.clients.iter();
            all.all(|client| !client.seen.lock().unwrap().is_empty())
                .then_some(())
        });
        clients
    }

    /// Each must have had answers from its own app only.
    #[track_caller]
    fn stop(mut self) {
        self.done.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.thread.join().unwrap();
            let (app, seen) = (&client.app, client.seen.lock().unwrap());
            assert!(seen.keys().eq([app]), "who answered a client of {app}: {seen:?}");
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

impl Client {
    fn start(app: &App<'_>, done: &Arc<AtomicBool>) -> Self {
        let (address, done) = (app.address(), Arc::clone(done));
        let seen = Arc::new(Mutex::new(BTreeMap::new()));
        let noted = Arc::clone(&seen);
        let thread = thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let answer = get(address, "/version").ok();
                if let Some(version) = answer.as_ref().and_then(|answer| answer.version()) {
                    *noted.lock().unwrap().entry(version.to_owned()).or_default() += 1;
                }
                // Who is refused at once would ask without pause.
                thread::sleep(Duration::from_millis(5));
            }
        });
        Self {
            app: app.name().to_owned(),
            seen,
            thread,
        }
    }
}

/// P30: each app comes back as itself, although it gets another one's address; the one that is to stay down does.
fn each_comes_back_as_itself(engine: &mut Engine, outage: impl FnOnce(&mut Engine, &[&App<'_>])) {
    let server = Server::on(engine);
    // The first to be deployed has the first address. It does not come back by itself, so another one gets it.
    let (down, _dev) = deploy(&server, "down", "no");
    let (api, _dev) = deploy(&server, "api", "always");
    let (web, _dev) = deploy(&server, "web", "always");
    let first = address(&down);
    let ids = || {
        server
            .containers()
            .into_iter()
            .map(|container| container.id)
            .collect::<Vec<_>>()
    };
    let (daemon, before) = (server.daemon(), ids());
    let clients = Clients::start(&[&down, &api, &web]);

    outage(engine, &[&down, &api, &web]);
    engine.start();
    api.await_version(api.name());
    web.await_version(web.name());
    assert_eq!(server.daemon(), daemon, "the daemon stays");
    assert_eq!(ids(), before, "the same containers");
    assert!(
        [address(&api), address(&web)].contains(&first),
        "{:?}",
        server.containers()
    );
    is_down(&down);

    down.gokku(["restart"]).ok();
    for app in [&down, &api, &web] {
        app.await_version(app.name());
    }
    clients.stop();
}

#[test]
fn p30_after_a_restart_of_the_engine_each_app_comes_back_as_itself() {
    let mut engine = Engine::start_new();
    each_comes_back_as_itself(&mut engine, |engine, _| engine.stop());
}

/// Its containers go on without it, and so does their traffic.
#[test]
fn p30_after_a_crash_of_the_engine_each_app_comes_back_as_itself() {
    let mut engine = Engine::start_new();
    each_comes_back_as_itself(&mut engine, |engine, apps| {
        engine.kill();
        for app in apps {
            assert_eq!(app.version(), app.name());
        }
    });
}

/// P30: somebody starts an app as soon as the engine is back, and it gets the address of one that is still down.
#[test]
fn p30_after_a_restart_of_the_engine_whoever_is_first_gets_its_own_traffic_only() {
    let mut engine = Engine::start_new();
    let server = Server::on(&engine);
    let (api, _dev) = deploy(&server, "api", "always");
    let (first, _dev) = deploy(&server, "first", "no");
    let clients = Clients::start(&[&api]);
    engine.stop();
    // It takes some seconds to be told so: the daemon is used to the engine's absence by then.
    for app in [&api, &first] {
        assert_eq!(app.get("/version").unwrap().version(), None);
    }
    engine.start();
    first.gokku(["restart"]).ok();
    first.await_version(first.name());
    api.await_version(api.name());
    clients.stop();
}

/// P30: an app is down, and another one has its address, when the engine dies: who cannot ask keeps what it knows.
#[test]
fn p30_a_crash_of_the_engine_brings_no_app_another_ones_traffic() {
    let mut engine = Engine::start_new();
    let server = Server::on(&engine);
    let (down, _dev) = deploy(&server, "down", "no");
    let (web, _dev) = deploy(&server, "web", "always");
    let was_at = address(&down);
    let clients = Clients::start(&[&down, &web]);
    let _ = down.get("/exit?code=1");
    wait_until("its end", PATIENCE, || {
        (down.containers()[0].state == "exited").then_some(())
    });
    let (api, _dev) = deploy(&server, "api", "always");
    assert_eq!(address(&api), was_at);
    engine.kill();
    assert_eq!(api.version(), api.name());
    assert_eq!(down.get("/version").unwrap().version(), None);
    // A daemon that is new knows the addresses only: what is at one of them is believed, unless two claim it.
    server.kill_daemon();
    let _daemon = start_daemon(&server);
    web.await_version(web.name());
    assert_eq!(down.get("/version").unwrap().version(), None);
    engine.start();
    web.await_version(web.name());
    api.await_version(api.name());
    is_down(&down);
    clients.stop();
}

/// P30: what had traffic comes back as its policy says, whoever is there first; and the next deploy works.
fn comes_back_after_a_power_cut(bring_back: impl FnOnce(&mut Engine, &Server) -> Running) {
    let mut engine = Engine::start_new();
    let server = Server::on(&engine);
    let (down, _dev) = deploy(&server, "down", "no");
    let (stopped, _dev) = deploy(&server, "stopped", "always");
    let (mended, _dev) = deploy(&server, "mended", "on-failure");
    let (api, dev) = deploy(&server, "api", "always");
    stopped.gokku(["stop"]).ok();
    let clients = Clients::start(&[&down, &mended, &api]);

    engine.cut_power(&server);
    assert!(api.get("/version").is_err());
    let _daemon = bring_back(&mut engine, &server);
    api.await_version(api.name());
    mended.await_version(mended.name());
    is_down(&down);
    is_down(&stopped);
    clients.stop();

    dev.release("v2").ok();
    assert_eq!(api.version(), "v2");
    assert_eq!(api.container_names(), [api.blue()]);
    stopped.gokku(["start"]).ok();
    stopped.await_version(stopped.name());
}

#[test]
fn p30_after_a_power_cut_the_engine_may_be_first() {
    comes_back_after_a_power_cut(|engine, server| {
        engine.start();
        start_daemon(server)
    });
}

#[test]
fn p30_after_a_power_cut_the_daemon_may_be_first() {
    comes_back_after_a_power_cut(|engine, server| {
        let daemon = start_daemon(server);
        engine.start();
        daemon
    });
}

fn start_daemon(server: &Server) -> Running {
    let daemon = server.start_gokku(["proxy", "run"]);
    wait_until("the traffic switch", PATIENCE, || {
        (server.gokku(["proxy", "status"]).code == Some(0)).then_some(())
    });
    daemon
}

/// P30: an engine that goes in the middle of a deploy decides it, one way or the other; nothing is left half done.
fn a_deploy_is_decided(zero_downtime: &str, outage: impl FnOnce(&mut Engine, Running) -> Output) {
    let mut engine = Engine::start_new();
    let server = Server::on(&engine);
    let api = server.create("api");
    api.gokku(["config", "set", &format!("ZERO_DOWNTIME={zero_downtime}")])
        .ok();
    let dev = api.working_copy();
    dev.release("v1").ok();
    dev.write_app("v2", &["slow-start-ms=3000"]);
    dev.commit("v2");
    let push = dev.start_push();
    push.wait_for("-----> Waiting until");
    let push = outage(&mut engine, push);
    wait_until("the deploy's end", PATIENCE, || {
        (server.workers().is_empty() && !api.path("journal.toml").exists()).then_some(())
    });
    let releases = api.gokku(["releases", "--json"]).ok().json();
    let wins = match releases[0]["state"].as_str() {
        Some("active") => "v2",
        Some("failed") => "v1",
        _ => panic!("{releases}\n{push}"),
    };
    assert!(!push.stderr.contains("removed by somebody else"), "{push}");
    api.await_version(wins);
    assert_eq!(api.container_names(), [api.blue()]);
    dev.release("v3").ok();
    assert_eq!(api.version(), "v3");
    assert_eq!(api.container_names(), [api.blue()]);
}

fn restart(engine: &mut Engine, push: Running) -> Output {
    engine.stop();
    engine.start();
    push.wait()
}

#[test]
fn p30_a_deploy_meets_a_restart_of_the_engine() {
    a_deploy_is_decided("true", restart);
}

#[test]
fn p30_a_stop_first_deploy_meets_a_restart_of_the_engine() {
    a_deploy_is_decided("false", restart);
}

#[test]
fn p30_a_deploy_meets_a_crash_of_the_engine() {
    a_deploy_is_decided("true", |engine, push| {
        engine.kill();
        engine.start();
        push.wait()
    });
}

/// Its process gives up waiting; the daemon ends what it has left.
#[test]
fn p30_a_deploy_meets_an_engine_that_stays_away() {
    a_deploy_is_decided("true", |engine, push| {
        engine.stop();
        let push = push.wait();
        engine.start();
        push
    });
}
