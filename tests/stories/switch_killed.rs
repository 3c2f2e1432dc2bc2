//! The traffic switch is killed, and nobody is refused: P47. What keeps it running has its listening sockets, and starts it
//! again with them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gokku_tests::{App, HeldRequest, PATIENCE, Server, memory, wait_until};

/// How often it is killed.
const KILLS: usize = 20;

/// How requests of clients that make a new connection for each have ended.
#[derive(Debug, Default)]
struct Ended {
    answered: AtomicU64,
    broken: AtomicU64,
    refused: AtomicU64,
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

/// Waits until another switch answers than this one, on its port and its control socket.
#[track_caller]
fn another(server: &Server, api: &App<'_>, than: u32) -> u32 {
    wait_until("another switch", PATIENCE, || {
        let now = server.daemon().filter(|now| *now != than)?;
        let answer = api.get("/version").ok()?;
        (answer.status == 200).then_some(now)
    })
}

#[test]
fn p47_the_switch_is_killed_under_load_and_nobody_is_refused() {
    const CLIENTS: u64 = 4;
    let server = Server::new();
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    let keeper = server.keeper().expect("a keeper");
    let (ended, done) = (Ended::default(), AtomicBool::new(false));
    let to = api.address();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    ask(to, &ended);
                }
            });
        }
        for _ in 0..KILLS {
            // Also what asks for its status has its answer: its socket is kept, too.
            let killed = server.kill_switch();
            server.gokku(["proxy", "status"]).ok().says(api.name());
            another(&server, &api, killed);
            // So that it is started again at once.
            let answered = ended.answered.load(Ordering::Relaxed);
            let began = Instant::now();
            wait_until("many answers", PATIENCE, || {
                let more = ended.answered.load(Ordering::Relaxed) > answered + 50;
                (more && began.elapsed() > Duration::from_secs(1)).then_some(())
            });
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(ended.refused.load(Ordering::Relaxed), 0, "{ended:?}");
    // In flight when it was killed: no more than each client had.
    assert!(
        ended.broken.load(Ordering::Relaxed) <= CLIENTS * KILLS as u64,
        "{ended:?}"
    );
    assert_eq!(server.keeper(), Some(keeper));
    assert!(memory(keeper) < 8_000, "{} kB", memory(keeper));
    // It has been told what became of the one before it, and so is whoever reads its log.
    assert!(server.read("run/proxy.log").contains("signal: 9 (SIGKILL)"));
    // And deploys go on as ever.
    api.working_copy().release("v2").ok();
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
        wait_until("two more attempts", PATIENCE, || {
            (started() >= before + 3).then_some(())
        });
        // 20, 40, 80 ms came before, at least.
        assert!(
            began.elapsed() > Duration::from_millis(200),
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
    let term = |process: u32| {
        let mut kill = std::process::Command::new("kill");
        assert!(kill.arg(process.to_string()).status().unwrap().success());
    };
    // The requests in flight are answered.
    let held = HeldRequest::begin(&api, "/version");
    term(server.daemon().unwrap());
    assert_eq!(held.finish().unwrap().status, 200);
    gone();
    dev.release("v2").ok();
    term(server.keeper().unwrap());
    gone();
    dev.release("v3").ok();

    // Replaced: both are others, and the new one is kept, too.
    let before = (server.keeper().unwrap(), server.daemon().unwrap());
    server.gokku(["proxy", "restart"]).ok();
    let after = (server.keeper().unwrap(), server.daemon().unwrap());
    assert_ne!(before.0, after.0);
    assert_ne!(before.1, after.1);
    wait_until("the end of the former ones", PATIENCE, || {
        (server.processes().len() == 2).then_some(())
    });
    let killed = server.kill_switch();
    assert_eq!(another(&server, &api, killed), server.daemon().unwrap());
    assert_eq!(api.version(), "v3");
    // The keeper alone: the switch goes on, and a new one takes its place, which is kept.
    let (keeper, switch) = (server.keeper().unwrap(), server.daemon().unwrap());
    assert!(
        std::process::Command::new("kill")
            .args(["-s", "KILL", &keeper.to_string()])
            .status()
            .unwrap()
            .success()
    );
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
