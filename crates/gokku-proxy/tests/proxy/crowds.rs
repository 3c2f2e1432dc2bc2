//! Very many connections: room is made, memory is bounded, other apps do not notice.

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gokku_proxy::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::sync::Mutex;

use crate::support::{Named, Site, Wire, get, soon, tcp_target, until};

/// The other ends of very many connections, in a process of their own: each end is an open file, and a process may have so
/// many only.
struct Crowd(Child);

impl Crowd {
    /// All are there when this returns.
    fn gather(clients: usize, port: u16) -> Self {
        let mut child = Command::new("bash")
            .arg("-c")
            .arg(r#"ulimit -n $(($1 + 100)) && for _ in $(seq "$1"); do exec {fd}<>/dev/tcp/127.0.0.1/"$2"; done; echo all; read -r"#)
            .args(["bash", &clients.to_string(), &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        assert_eq!(line, "all\n", "not all {clients} connections were made");
        Self(child)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn raise_descriptors(needed: u64) {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    assert!(
        current.is_none_or(|current| current >= needed),
        "this test needs {needed} open files, and this machine allows {current:?}: raise it with ulimit -Hn"
    );
    setrlimit(Resource::Nofile, Rlimit { current, ..limit }).unwrap();
}

/// Whoever counts this process's files and memory has no other crowd in it.
static COUNTING: Mutex<()> = Mutex::const_new(());

/// How many files this process has open.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// How many bytes of memory this process has, see proc(5).
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse().unwrap();
    kilobytes * 1024
}

#[tokio::test]
async fn ten_thousand_idle_connections() {
    const CLIENTS: usize = 10_000;
    let _alone = COUNTING.lock().await;
    raise_descriptors(12_000);
    let site = Site::limited(Limits {
        max_connections: Some(20_000),
        ..Limits::default()
    })
    .await;
    let blue = Named::new("blue").await;
    let crowded = site.serve(blue.target()).await;
    let other = Named::new("other").await;
    let port = site.open_other("other", other.target()).await;
    let mut first = Wire::connect(crowded).await;
    assert_eq!(first.get("/").await.text(), "blue");
    let (memory_before, files_before) = (memory(), descriptors());
    let crowd = tokio::task::spawn_blocking(move || Crowd::gather(CLIENTS, crowded));
    let crowd = crowd.await.unwrap();
    // Other tests of this process open and close some, too.
    until("all to be let in", async || {
        (descriptors() >= files_before + CLIENTS - CLIENTS / 10).then_some(())
    })
    .await;
    let each = memory().saturating_sub(memory_before) / CLIENTS as u64;
    // Of a build that is not optimised, with other tests beside it; the HTTP library's first buffer is most of it.
    assert!(each < 32 * 1024, "{each} bytes for an idle connection");
    for _ in 0..50 {
        assert_eq!(soon("an answer", get(port, "/")).await.text(), "other");
    }
    // Nobody was sent away, neither who came first nor who comes now.
    assert_eq!(first.get("/").await.text(), "blue");
    assert_eq!(soon("an answer", get(crowded, "/")).await.text(), "blue");
    drop(crowd);
    until("all to be gone", async || {
        (descriptors() < files_before + CLIENTS / 10).then_some(())
    })
    .await;
}

/// P43: a connection of a TCP port costs no buffer while nobody says anything on it, also where much was said before.
#[tokio::test]
async fn p43_silent_connections_cost_no_buffers() {
    const CLIENTS: usize = 3_000;
    let _alone = COUNTING.lock().await;
    raise_descriptors(12_000);
    let site = Site::limited(Limits {
        max_connections: Some(10_000),
        ..Limits::default()
    })
    .await;
    // All may come before the first is accepted: the kernel forgets those for which its queue has no room.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let listener = socket.listen(u32::try_from(CLIENTS).unwrap()).unwrap();
    let port = site.ports + 1;
    site.open_tcp(tcp_target("blue", port, listener.local_addr().unwrap().port()))
        .await;
    let memory_before = memory();
    let crowd = tokio::task::spawn_blocking(move || Crowd::gather(CLIENTS, port));
    let said = [b'x'; 16 * 1024];
    let mut open = Vec::new();
    for _ in 0..CLIENTS {
        let (mut stream, _) = soon("a connection", listener.accept()).await.unwrap();
        stream.write_all(&said).await.unwrap();
        open.push(stream);
    }
    let crowd = crowd.await.unwrap();
    assert_eq!(site.route().await.targets[0].in_flight, CLIENTS as u64);
    // The app's end is in this process, too, and other tests are.
    let each = memory().saturating_sub(memory_before) / CLIENTS as u64;
    assert!(each < 16 * 1024, "{each} bytes for a silent connection");
    drop(crowd);
    drop(open);
    until("all to be gone", async || {
        (site.route().await.targets[0].in_flight == 0).then_some(())
    })
    .await;
}

/// Where there are too many, the longest idle ones make room, and whoever is being answered stays.
#[tokio::test]
async fn the_idle_make_room() {
    let site = Site::limited(Limits {
        max_connections: Some(80),
        max_app_connections: Some(40),
        ..Limits::default()
    })
    .await;
    let blue = Named::new("blue").await;
    let crowded = site.serve(blue.target()).await;
    let other = Named::new("other").await;
    let port = site.open_other("other", other.target()).await;
    let mut clients = Vec::new();
    for _ in 0..40 {
        let mut client = Wire::connect(crowded).await;
        assert_eq!(client.get("/").await.text(), "blue");
        clients.push(client);
    }
    for _ in 0..20 {
        let mut client = Wire::connect(crowded).await;
        assert_eq!(soon("an answer", client.get("/")).await.text(), "blue");
        clients.push(client);
    }
    assert_eq!(soon("an answer", get(port, "/")).await.text(), "other");
    assert_eq!(soon("the oldest's end", clients[0].rest()).await, b"");
    let newest = clients.last_mut().unwrap();
    assert_eq!(newest.get("/").await.text(), "blue");
}

/// Where none is idle, a new one is told so; and let in again when one has gone.
#[tokio::test]
async fn a_full_house_says_so() {
    let site = Site::limited(Limits {
        max_connections: Some(20),
        max_app_connections: Some(10),
        ..Limits::default()
    })
    .await;
    let upstream = crate::support::Upstream::new().await;
    let crowded = site.serve(upstream.target("blue")).await;
    let other = Named::new("other").await;
    let port = site.open_other("other", other.target()).await;
    let mut busy = Vec::new();
    for _ in 0..10 {
        let mut client = Wire::connect(crowded).await;
        client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
        let mut app = upstream.accept().await;
        app.head().await;
        busy.push((client, app));
    }
    let mut turned_away = Wire::connect(crowded).await;
    let answer = soon("an answer", turned_away.message()).await;
    assert_eq!(
        (answer.status(), answer.header("x-gokku-error")),
        (503, Some("too-many-connections"))
    );
    assert_eq!(soon("an answer", get(port, "/")).await.text(), "other");
    busy.pop();
    until("room", async || {
        let mut client = Wire::connect(crowded).await;
        client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
        let let_in = tokio::time::timeout(Duration::from_millis(200), upstream.accept()).await;
        let_in.is_ok().then_some(())
    })
    .await;
}

/// Heads that do not end have a budget together: the oldest ones' connections go, and whoever sends a whole one is answered.
#[tokio::test]
async fn heads_that_do_not_end_have_a_budget() {
    const BUDGET: usize = 1 << 20;
    const HEAD: usize = 60_000;
    const CLIENTS: usize = 100;
    let site = Site::limited(Limits {
        max_heads_bytes: BUDGET,
        ..Limits::default()
    })
    .await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = Wire::connect(port).await;
        client
            .send(format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(HEAD)))
            .await;
        clients.push(client);
    }
    // Which of them the switch has read first is not known here.
    let mut ended = 0;
    soon("all but a few to be closed", async {
        while ended < CLIENTS - BUDGET / HEAD {
            let mut left = Vec::new();
            for mut client in std::mem::take(&mut clients) {
                match tokio::time::timeout(Duration::from_millis(1), client.rest()).await {
                    Ok(rest) => {
                        assert_eq!(rest, b"");
                        ended += 1;
                    }
                    Err(_) => left.push(client),
                }
            }
            clients = left;
        }
    })
    .await;
    assert!(!clients.is_empty(), "no more than is needed are closed");
    assert_eq!(soon("an answer", get(port, "/")).await.text(), "blue");
    let mut slow = Wire::connect(port).await;
    slow.send("GET / HTTP/1.1\r\nho").await;
    slow.send("st: api\r\n\r\n").await;
    assert_eq!(soon("an answer", slow.message()).await.text(), "blue");
}
