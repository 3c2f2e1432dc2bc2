//! The traffic switch is killed, and nobody is refused: P47. What keeps it running has its listening sockets, and starts it
//! again with them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gokku_tests::{App, HeldRequest, Output, PATIENCE, Server, Systemd, own_memory, wait_until};

/// How often it is killed.
const KILLS: usize = 20;
/// How many clients ask meanwhile, without rest.
const CLIENTS: usize = 4;

/// How requests of clients that make a new connection for each have ended.
#[derive(Debug, Default)]
struct Ended {
    answered: AtomicUsize,
    broken: AtomicUsize,
    refused: AtomicUsize,
}

impl Ended {
    fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    fn broken(&self) -> usize {
        self.broken.load(Ordering::Relaxed)
    }

    fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }
}

/// A request on a connection of its own.
fn ask(to: SocketAddr, ended: &Ended) {
    let Ok(mut stream) = TcpStream::connect(to) else {
        ended.refused.fetch_add(1, Ordering::Relaxed);
        return;
    };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let asked = stream.write_all(b"GET /version HTTP/1.1\r\nhost: api\r\nconnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let read = asked.and_then(|()| stream.read_to_end(&mut answer));
    let is_whole = read.is_ok() && answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(b"v1");
    let count = if is_whole { &ended.answered } else { &ended.broken };
    count.fetch_add(1, Ordering::Relaxed);
}

/// Has clients ask without rest while something happens.
fn under_load(to: SocketAddr, what: impl FnOnce(&Ended)) -> Ended {
    let (ended, done) = (Ended::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    ask(to, &ended);
                }
            });
        }
        // Also when it panics they come to their end.
        let happened = catch_unwind(AssertUnwindSafe(|| what(&ended)));
        done.store(true, Ordering::Relaxed);
        if let Err(panic) = happened {
            resume_unwind(panic);
        }
    });
    ended
}

/// Waits for answers to requests that begin now.
#[track_caller]
fn more_answers(ended: &Ended) {
    let before = ended.answered();
    wait_until("many answers", PATIENCE, || {
        (ended.answered() > before + 50).then_some(())
    });
}

/// Waits until another switch answers than this one, on its port.
#[track_caller]
fn another(server: &Server, api: &App<'_>, than: u32) -> u32 {
    wait_until("another switch", PATIENCE, || {
        let now = server.daemon().filter(|now| *now != than)?;
        let answer = api.get("/version").ok()?;
        (answer.status == 200).then_some(now)
    })
}

/// Kills the switch, and waits for the next one: whoever asks for the status has an answer, too, because the control socket is
/// kept as the ports are.
#[track_caller]
fn kill_and_wait(server: &Server, api: &App<'_>, ended: &Ended) {
    let killed = server.kill_switch();
    server.gokku(["proxy", "status"]).ok().says(api.name());
    another(server, api, killed);
    more_answers(ended);
}

#[test]
fn p47_the_switch_is_killed_under_load_and_nobody_is_refused() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let keeper = server.keeper().expect("a keeper");
    let ended = under_load(api.address(), |ended| {
        for _ in 0..KILLS {
            let began = Instant::now();
            kill_and_wait(&server, &api, ended);
            // So that the next one is started again at once, too.
            wait_until("more than a second", PATIENCE, || {
                (began.elapsed() > Duration::from_millis(1500)).then_some(())
            });
        }
    });
    assert_eq!(ended.refused(), 0, "{ended:?}");
    // In flight when it was killed: no more than each client had.
    assert!(ended.broken() <= CLIENTS * KILLS, "{ended:?}");
    assert_eq!(server.keeper(), Some(keeper));
    assert!(own_memory(keeper) < 4_000, "{} kB", own_memory(keeper));
    // What became of the one before is told to whoever reads the log.
    assert!(server.read("run/proxy.log").contains("signal: 9 (SIGKILL)"));
    // And deploys go on as ever.
    dev.release("v2").ok();
    assert_eq!(api.version(), "v2");
}

/// Whatever it is that cannot start is tried again ever more slowly; meanwhile nobody is refused, and what was wrong is all
/// that has to be mended.
#[test]
fn p47_one_that_cannot_start_is_tried_again_ever_more_slowly() {
    let server = Server::new();
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    let config = server.read("config.toml");
    server.write("config.toml", "no settings");
    let killed = server.kill_switch();
    let waiting = thread::scope(|scope| {
        let waiting = scope.spawn(|| api.get("/version").unwrap().status);
        let started = || server.read("run/proxy.log").matches("config.toml").count();
        wait_until("it to be tried again", PATIENCE, || {
            (started() >= 4).then_some(())
        });
        let (began, before) = (Instant::now(), started());
        wait_until("three more attempts", PATIENCE, || {
            (started() >= before + 3).then_some(())
        });
        // The pauses are twice as long each time, from 20 ms on.
        assert!(
            began.elapsed() > Duration::from_millis(300),
            "{:?}",
            began.elapsed()
        );
        server.write("config.toml", &config);
        waiting.join().unwrap()
    });
    assert_eq!(waiting, 200);
    another(&server, &api, killed);
}

/// It ends with the switch: when that is told to stop, whichever of them is told, and when a new one takes its place, which
/// has a keeper of its own.
#[test]
fn p47_the_keeper_goes_with_its_switch() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let gone = || {
        wait_until("the end of both", PATIENCE, || {
            server.processes().is_empty().then_some(())
        });
        assert!(api.get("/version").is_err(), "the port is closed");
    };
    let signal = |name: &str, process: u32| {
        let mut kill = Command::new("kill");
        Output::of(kill.args(["-s", name, &process.to_string()])).ok();
    };
    // The requests in flight are answered.
    let held = HeldRequest::begin(&api, "/version");
    signal("TERM", server.daemon().unwrap());
    assert_eq!(held.finish().unwrap().status, 200);
    gone();
    dev.release("v2").ok();
    signal("TERM", server.keeper().unwrap());
    gone();
    dev.release("v3").ok();

    // Replaced: both are others, and the new one is kept, too.
    let both = || (server.keeper().unwrap(), server.daemon().unwrap());
    let before = both();
    server.gokku(["proxy", "restart"]).ok();
    wait_until("the end of the former ones", PATIENCE, || {
        (server.processes().len() == 2).then_some(())
    });
    let after = both();
    assert_ne!(before.0, after.0);
    assert_ne!(before.1, after.1);
    let killed = server.kill_switch();
    another(&server, &api, killed);
    assert_eq!(api.version(), "v3");

    // The keeper alone: the switch goes on, and a new one takes its place, which is kept.
    let (keeper, switch) = both();
    signal("KILL", keeper);
    wait_until("another keeper, and another switch alone", PATIENCE, || {
        assert_eq!(api.version(), "v3");
        let is_new = server.keeper()? != keeper && server.daemon()? != switch;
        (is_new && server.processes().len() == 2).then_some(())
    });
    let killed = server.kill_switch();
    another(&server, &api, killed);

    // A port that an app gives back is closed, although it was kept.
    let at = api.address();
    server.gokku(["apps", "destroy", api.name(), "--yes"]).ok();
    assert!(TcpStream::connect(at).is_err());
}

/// systemd's side of it, and not only what the switch tells it: by the unit of the guide.
#[test]
fn p47_a_service_that_is_killed_refuses_nobody() {
    const KILLS: usize = 5;
    let server = Server::new();
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    // The one that the deploy has started is not the service.
    server.kill_daemon();
    let systemd = Systemd::start(&server);
    systemd.systemctl(["start", "gokku.service"]).ok();
    api.await_version("v1");
    let main = || systemd.property("MainPID");
    assert_eq!(Some(main()), server.daemon().map(|process| process.to_string()));
    // One for the port, and one for the control socket.
    assert_eq!(systemd.property("NFileDescriptorStore"), "2");
    let ended = under_load(api.address(), |ended| {
        for _ in 0..KILLS {
            kill_and_wait(&server, &api, ended);
        }
    });
    assert_eq!(ended.refused(), 0, "{ended:?}");
    assert!(ended.broken() <= CLIENTS * KILLS, "{ended:?}");
    assert_eq!(systemd.property("NRestarts"), KILLS.to_string());

    // Replaced by another, which is the service's main process then, and killed.
    let ended = under_load(api.address(), |ended| {
        let before = main();
        systemd.systemctl(["reload", "gokku.service"]).ok();
        more_answers(ended);
        assert_ne!(main(), before);
    });
    assert_eq!((ended.refused(), ended.broken()), (0, 0), "{ended:?}");
    assert_eq!(systemd.property("NFileDescriptorStore"), "2");
    let ended = under_load(api.address(), |ended| {
        kill_and_wait(&server, &api, ended);
        // Restarted: nobody is refused, and what is in flight is answered.
        let broken = ended.broken();
        systemd.systemctl(["restart", "gokku.service"]).ok();
        more_answers(ended);
        assert_eq!(ended.broken(), broken, "{ended:?}");
    });
    assert_eq!(ended.refused(), 0, "{ended:?}");
    assert!(server.keeper().is_none(), "systemd keeps it");

    // What cannot start is tried again, and not without rest.
    let config = server.read("config.toml");
    server.write("config.toml", "no settings");
    let restarts = || systemd.property("NRestarts").parse::<u32>().unwrap();
    let (began, before) = (Instant::now(), restarts());
    server.kill_switch();
    wait_until("three attempts that fail", PATIENCE, || {
        (restarts() >= before + 4).then_some(())
    });
    assert!(began.elapsed() > Duration::from_secs(2), "{:?}", began.elapsed());
    server.write("config.toml", &config);
    api.await_version("v1");

    systemd.systemctl(["stop", "gokku.service"]).ok();
    assert!(TcpStream::connect(api.address()).is_err(), "the port is closed");
    assert_eq!(server.daemon(), None);
}
