//! Certificates whose order ends in the middle: by a killed daemon, a full disk, an authority that refuses for now. P39.

use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use gokku_tests::{AcmeFront, FrontAct, Output, PATIENCE, PebbleOptions, Server};
use tokio::runtime::Runtime;

use crate::acme::{Scene, deployed};

/// The requests of an order, in their order; the first of all makes the account.
const STEPS: [&str; 9] = [
    "/sign-me-up",
    "/dir",
    "/nonce-plz",
    "/order-plz",
    "/authZ/",
    "/chalZ/",
    "/my-order/",
    "/finalize-order/",
    "/certZ/",
];

/// What becomes of the next request of a step, once.
type Armed = Arc<Mutex<Option<(&'static str, FrontAct)>>>;

/// What stands before the authority, and stops at a request for which something was said.
struct Trap {
    armed: Armed,
    came: Receiver<()>,
    go: Sender<()>,
    front: AcmeFront,
    _runtime: Runtime,
}

impl Trap {
    fn before(scene: &Scene) -> Self {
        let armed = Armed::default();
        let ((tell, came), (go, told)) = (channel(), channel());
        let (waiting, told) = (Arc::clone(&armed), Mutex::new(told));
        let act = move |_, path: &str| {
            let mut waiting = waiting.lock().unwrap();
            let meant = waiting.take_if(|(step, _)| path.starts_with(*step));
            drop(waiting);
            let Some((_, act)) = meant else {
                return FrontAct::Pass;
            };
            tell.send(()).unwrap();
            // Whoever does not say it has failed.
            let _ = told.lock().unwrap().recv_timeout(PATIENCE);
            act
        };
        let runtime = Runtime::new().unwrap();
        Self {
            front: runtime.block_on(AcmeFront::start(&scene.pebble, act)),
            _runtime: runtime,
            armed,
            came,
            go,
        }
    }

    /// Has the next request of a step wait, and then be answered so.
    fn arm(&self, step: &'static str, act: FrontAct) {
        *self.armed.lock().unwrap() = Some((step, act));
    }

    /// Waits for it, does something meanwhile, and lets it go on.
    #[track_caller]
    fn meanwhile<T>(&self, step: &str, act: impl FnOnce() -> T) -> T {
        let came = self.came.recv_timeout(PATIENCE);
        came.unwrap_or_else(|_| panic!("{step} was not asked for"));
        let done = act();
        self.go.send(()).unwrap();
        done
    }
}

/// P39: wherever an order is cut off by the daemon's death, the next daemon brings it to its end, and nothing that works is lost.
#[test]
fn p39_an_order_that_is_cut_off_at_any_step_is_finished() {
    let scene = Scene::new(PebbleOptions::default());
    let trap = Trap::before(&scene);
    scene.agree_to(&trap.front.directory());
    let names: Vec<String> = (0..STEPS.len())
        .map(|at| format!("cut{at}.example.com"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    scene.resolve(&names);
    let mut daemon = scene.start();
    let api = deployed(&scene.server, "v1");
    for (at, step) in STEPS.into_iter().enumerate() {
        trap.arm(step, FrontAct::Hang);
        api.gokku(["domains", "add", names[at]]).ok();
        trap.meanwhile(step, || scene.server.kill_daemon());
        drop(daemon);
        daemon = scene.start();
        scene.await_https(names[at], "v1");
        if at > 0 {
            assert_eq!(scene.curl(names[at - 1]).as_deref(), Ok("v1"), "after {step}");
        }
    }
    for name in names {
        assert_eq!(scene.listed(name)["certificate"]["valid"], true, "{name}");
    }
}

/// P39: a limit of the authority's, and a disk without room, are said, cost nothing that works, and are waited for.
#[test]
fn p39_what_ends_an_order_is_said_and_costs_nothing_that_works() {
    let scene = Scene::of(Server::on_disk_of(64 << 20), PebbleOptions::default());
    let trap = Trap::before(&scene);
    scene.agree_to(&trap.front.directory());
    scene.resolve(&[
        "good.example.com",
        "limited.example.com",
        "full.example.com",
        "other.example.com",
    ]);
    let daemon = scene.start();
    let api = deployed(&scene.server, "v1");
    api.gokku(["domains", "add", "good.example.com"]).ok();
    scene.await_https("good.example.com", "v1");

    // Pebble has no limits: what stands before it says so in the words of RFC 8555 section 6.6.
    let limited = br#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many certificates already issued","status":429}"#;
    let limited = FrontAct::Answer(429, Some("7200"), "application/problem+json", limited.to_vec());
    trap.arm("/order-plz", limited);
    api.gokku(["domains", "add", "limited.example.com"]).ok();
    trap.meanwhile("/order-plz", || {});
    scene.await_problem("limited.example.com", "rate-limited");
    api.gokku(["domains", "list"])
        .ok()
        .says("the certificate authority's rate limit is reached");
    let mut soon = Command::new("date");
    let soon = Output::of(soon.args(["--utc", "--date", "115 minutes", "+%FT%TZ"])).ok();
    let again = scene.listed("limited.example.com")["order"]["next_attempt"].clone();
    assert!(again.as_str().is_some_and(|again| again > soon.line()), "{again}");

    // What was issued is kept in memory, and written as soon as there is room.
    trap.arm("/certZ/", FrontAct::Pass);
    api.gokku(["domains", "add", "full.example.com"]).ok();
    let disk = scene.server.disk().unwrap();
    let filler = trap.meanwhile("/certZ/", || disk.fill(0));
    assert_eq!(scene.curl("good.example.com").as_deref(), Ok("v1"));
    daemon.wait_for("the certificate could not be kept");
    drop(filler);
    api.gokku(["domains", "add", "other.example.com"]).ok();
    scene.await_https("full.example.com", "v1");
    assert_eq!(scene.curl("good.example.com").as_deref(), Ok("v1"));
}
