//! P43: plain TCP ports: the same switch, hold and drain as for requests, and bytes as they are.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gokku_core::config::tcp_port::TcpPort;
use gokku_proxy::Limits;
use gokku_proxy::control::api::{Hold, PutRoute};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::{
    Lines, Named, PATIENCE, Site, app, ask_tcp, get, noise, reset, rest, say, soon, target, tcp, tcp_target,
    until,
};

/// A switch, the port of an app that has nothing but it, and that app's listener.
async fn site() -> (Site, u16, TcpListener) {
    let site = Site::new().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = site.ports + 1;
    site.open_tcp(tcp_target("blue", port, listener.local_addr().unwrap().port()))
        .await;
    (site, port, listener)
}

/// Both ends of a connection through a switch.
async fn connected() -> (Site, TcpStream, TcpStream) {
    let (site, port, listener) = site().await;
    let client = tcp(port).await;
    let (there, _) = soon("a connection", listener.accept()).await.unwrap();
    (site, client, there)
}

#[tokio::test]
async fn p43_bytes_pass_both_ways_and_each_end_for_itself() {
    let (site, mut client, mut there) = connected().await;
    let bytes = noise(3_000_000);
    // The client says all, and that it is all, before the app says a word.
    let (sent, heard) = tokio::join!(
        async {
            client.write_all(&bytes).await?;
            client.shutdown().await
        },
        rest(&mut there)
    );
    sent.unwrap();
    assert!(heard.unwrap() == bytes);
    let route = site.route().await;
    assert_eq!((route.targets[0].in_flight, route.targets[0].upgraded), (1, 1));
    let (sent, heard) = tokio::join!(
        async {
            there.write_all(&bytes).await?;
            there.shutdown().await
        },
        rest(&mut client)
    );
    sent.unwrap();
    assert!(heard.unwrap() == bytes);
    until("nothing to be in flight", async || {
        (site.route().await.targets[0].in_flight == 0).then_some(())
    })
    .await;
    // The other way round.
    let (_site, mut client, mut there) = connected().await;
    there.write_all(b"bye").await.unwrap();
    there.shutdown().await.unwrap();
    assert_eq!(rest(&mut client).await.unwrap(), b"bye");
    client.write_all(b"one more thing").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut there).await.unwrap(), b"one more thing");
}

#[tokio::test]
async fn p43_a_reset_is_passed_on() {
    for by_client in [true, false] {
        let (_site, mut client, mut there) = connected().await;
        client.write_all(b"a").await.unwrap();
        assert_eq!(there.read_u8().await.unwrap(), b'a');
        let (one, mut other) = if by_client {
            (client, there)
        } else {
            (there, client)
        };
        reset(one);
        let seen = rest(&mut other).await.unwrap_err();
        assert_eq!(
            seen.kind(),
            ErrorKind::ConnectionReset,
            "by the client: {by_client}"
        );
    }
}

/// Who takes nothing makes the other side wait, and the switch keeps nothing but what the kernel does.
#[tokio::test]
async fn p43_who_takes_nothing_makes_the_other_side_wait() {
    for to_app in [true, false] {
        let (_site, client, there) = connected().await;
        let (mut from, mut to) = if to_app { (client, there) } else { (there, client) };
        let piece = noise(64 * 1024);
        let mut sent = 0;
        while let Ok(written) = timeout(Duration::from_millis(500), from.write(&piece)).await {
            let written = written.unwrap();
            sent += written;
            assert!(sent < 64 << 20, "nobody stops it");
        }
        from.shutdown().await.unwrap();
        assert_eq!(rest(&mut to).await.unwrap().len(), sent, "to the app: {to_app}");
    }
}

#[tokio::test]
async fn p43_connections_are_held_with_the_requests() {
    let site = Site::new().await;
    let port = site.ports + 1;
    let (blue, green) = (Lines::new("blue").await, Lines::new("green").await);
    site.open_tcp(blue.target(port)).await;
    let mut before = tcp(port).await;
    assert_eq!(say(&mut before, "1").await, "blue 1");
    let hold = async |limit_ms| site.client.hold(&app("api"), Hold { limit_ms }).await;
    hold(60_000).await.unwrap();
    let mut waits = tcp(port).await;
    waits.write_all(b"2\n").await.unwrap();
    site.waiting(1).await;
    // Who is there already goes on.
    assert_eq!(say(&mut before, "3").await, "blue 3");
    site.switch_to(green.target(port)).await;
    let mut answer = [0; 8];
    soon("an answer", waits.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"green 2\n");
    assert_eq!(say(&mut before, "4").await, "blue 4");
    // Each waits up to the limit.
    hold(50).await.unwrap();
    assert_eq!(ask_tcp(port, b"late\n").await, None);
}

#[tokio::test]
async fn p43_a_drain_lets_connections_live_up_to_its_limit() {
    let site = Site::new().await;
    let port = site.ports + 1;
    let (blue, green) = (Lines::new("blue").await, Lines::new("green").await);
    site.open_tcp(blue.target(port)).await;
    let (mut one, mut other) = (tcp(port).await, tcp(port).await);
    assert_eq!(say(&mut one, "1").await, "blue 1");
    assert_eq!(say(&mut other, "1").await, "blue 1");
    site.switch_to(green.target(port)).await;
    assert_eq!(say(&mut tcp(port).await, "new").await, "green new");
    // It waits for both, and cuts nobody who ends in time.
    let drain = site.drain("blue", Duration::ZERO, PATIENCE);
    assert_eq!(say(&mut one, "2").await, "blue 2");
    drop(one);
    let retired = site.route().await.retired;
    assert_eq!(retired.len(), 1);
    assert_eq!(say(&mut other, "2").await, "blue 2");
    drop(other);
    let drained = drain.await.unwrap();
    assert_eq!((drained.left, drained.cut), (0, 0));
    // Who goes on longer is cut.
    let mut long = tcp(port).await;
    assert_eq!(say(&mut long, "3").await, "green 3");
    site.switch_to(blue.target(port)).await;
    let drained = site.drain("green", Duration::ZERO, Duration::ZERO).await.unwrap();
    assert_eq!((drained.left, drained.cut), (0, 1));
    assert_eq!(rest(&mut long).await.unwrap(), b"");
    assert_eq!(say(&mut tcp(port).await, "4").await, "blue 4");
}

#[tokio::test]
async fn p43_a_target_that_refuses_is_passed_over() {
    let site = Site::new().await;
    let port = site.ports + 1;
    let blue = Lines::new("blue").await;
    // Nobody listens there.
    let refusing = site.ports + 3;
    site.open_tcp(tcp_target("gone", port, refusing)).await;
    let refusing = tcp_target("gone", port, refusing);
    site.switch_to_all(vec![refusing.clone(), blue.target(port)])
        .await;
    for number in 0..10 {
        let line = number.to_string();
        assert_eq!(say(&mut tcp(port).await, &line).await, format!("blue {line}"));
    }
    // Where there is no other it may be back in a moment: it is waited for, but not for ever.
    site.switch_to(refusing).await;
    let began = Instant::now();
    let mut waits = tcp(port).await;
    waits.write_all(b"early\n").await.unwrap();
    assert_eq!(
        rest(&mut waits).await.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    assert!(began.elapsed() > Duration::from_secs(2), "{:?}", began.elapsed());
    let mut waits = tcp(port).await;
    waits.write_all(b"early\n").await.unwrap();
    until("the connection to be there", async || {
        (site.route().await.targets[0].in_flight == 1 || site.route().await.requests == 12).then_some(())
    })
    .await;
    site.switch_to(blue.target(port)).await;
    let mut answer = [0; 11];
    soon("an answer", waits.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"blue early\n");
}

#[tokio::test]
async fn p43_several_targets_share_the_connections() {
    let site = Site::new().await;
    let port = site.ports + 1;
    let (one, two) = (Lines::new("one").await, Lines::new("two").await);
    site.open_tcp(one.target(port)).await;
    site.switch_to_all(vec![one.target(port), two.target(port)]).await;
    let mut open = Vec::new();
    for number in 0..20 {
        let mut client = tcp(port).await;
        assert!(say(&mut client, "x").await.ends_with(" x"), "{number}");
        open.push(client);
    }
    let in_flight: Vec<u64> = site
        .route()
        .await
        .targets
        .iter()
        .map(|target| target.in_flight)
        .collect();
    assert_eq!(in_flight, [10, 10]);
}

/// New connections all the time and some that stay, while the traffic goes from one to the other: nobody is lost, and who has a
/// container keeps it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p43_nobody_is_lost_when_the_traffic_switches() {
    let site = Site::new().await;
    let port = site.ports + 1;
    let both = [Lines::new("blue").await, Lines::new("green").await];
    site.open_tcp(both[0].target(port)).await;
    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let done = Arc::clone(&done);
            tokio::spawn(async move {
                let (mut answered, mut connections) = (0, 0);
                while !done.load(Ordering::SeqCst) {
                    let mut stream = tcp(port).await;
                    connections += 1;
                    let mut name = None;
                    // Every second client stays for as long as nobody ends it.
                    let lines = if client % 2 == 0 { 1 } else { 50 };
                    for line in 0..lines {
                        let line = format!("line {line}");
                        let answer = say(&mut stream, &line).await;
                        let said = answer
                            .strip_suffix(&format!(" {line}"))
                            .expect(&answer)
                            .to_owned();
                        assert_eq!(name.get_or_insert_with(|| said.clone()), &said);
                        answered += 1;
                    }
                }
                (answered, connections)
            })
        })
        .collect();
    for round in 1..=20 {
        let (new, old) = (&both[round % 2], ["blue", "green"][(round + 1) % 2]);
        site.switch_to(new.target(port)).await;
        let drained = site.drain(old, PATIENCE, PATIENCE).await.unwrap();
        assert_eq!((drained.left, drained.cut), (0, 0));
    }
    done.store(true, Ordering::SeqCst);
    for client in clients {
        let (answered, connections) = client.await.unwrap();
        assert!(
            answered >= connections && connections > 0,
            "{answered} {connections}"
        );
    }
}

/// The limits of clients' connections are those of all, and a connection that is silent makes room for nobody.
#[tokio::test]
async fn p43_connections_count_with_all_others() {
    let site = Site::limited(Limits {
        max_app_connections: Some(3),
        ..Limits::default()
    })
    .await;
    let port = site.ports + 1;
    let (blue, web) = (Lines::new("blue").await, Named::new("web").await);
    let http = site.serve(web.target()).await;
    let both = |lines: &Lines| gokku_proxy::control::api::Target {
        tcp: lines.target(port).tcp,
        ..web.target()
    };
    site.switch_to(both(&blue)).await;
    let (mut one, mut two) = (tcp(port).await, tcp(port).await);
    assert_eq!(say(&mut one, "1").await, "blue 1");
    assert_eq!(say(&mut two, "2").await, "blue 2");
    // One for requests that has none makes room; one of TCP makes none.
    let mut idle = crate::support::Wire::connect(http).await;
    assert_eq!(idle.get("/").await.text(), "web");
    let mut three = tcp(port).await;
    assert_eq!(say(&mut three, "3").await, "blue 3");
    assert_eq!(ask_tcp(port, b"5\n").await, None);
    assert_eq!(get(http, "/").await.status(), 503);
    assert_eq!(say(&mut one, "4").await, "blue 4");
    drop(two);
    until("there to be room", async || {
        (ask_tcp(port, b"5\n").await? == b"blue 5\n").then_some(())
    })
    .await;
}

#[tokio::test]
async fn p43_a_time_limit_for_silence_can_be_had() {
    let site = Site::limited(Limits {
        tcp_idle_timeout: Some(Duration::from_millis(300)),
        ..Limits::default()
    })
    .await;
    let port = site.ports + 1;
    let blue = Lines::new("blue").await;
    site.open_tcp(blue.target(port)).await;
    let mut client = tcp(port).await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(600) {
        assert_eq!(say(&mut client, "x").await, "blue x");
    }
    let ended = rest(&mut client).await.unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::ConnectionReset);
}

/// Requests and connections of one app go to the same release, whichever comes.
#[tokio::test]
async fn p43_all_ports_of_an_app_switch_together() {
    let site = Site::new().await;
    let tcp_port = site.ports + 1;
    let http = site.open().await;
    let mut apps = Vec::new();
    for name in ["blue", "green"] {
        apps.push((name, Named::new(name).await, Lines::new(name).await));
    }
    for round in 0..10 {
        let (name, web, lines) = &apps[round % 2];
        let to = gokku_proxy::control::api::Target {
            tcp: lines.target(tcp_port).tcp,
            ..target(name, web.address())
        };
        site.switch_to(to).await;
        assert_eq!(get(http, "/").await.text(), *name);
        assert_eq!(say(&mut tcp(tcp_port).await, "x").await, format!("{name} x"));
    }
}

/// A container whose address is another one's by now gets nothing, and the port of an app that is gone closes.
#[tokio::test]
async fn p43_nothing_is_sent_to_a_container_that_is_down() {
    let (site, port, listener) = site().await;
    let container = tcp_target("blue", port, 1).container;
    site.switch().mark_down(&container);
    let mut client = tcp(port).await;
    client.write_all(b"x").await.unwrap();
    assert_eq!(
        rest(&mut client).await.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    let nobody = timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(nobody.is_err(), "{nobody:?}");
    let mut client = tcp(port).await;
    client.write_all(b"x").await.unwrap();
    site.switch()
        .mark_up(&container, Ipv4Addr::LOCALHOST.into())
        .await
        .unwrap();
    let (mut there, _) = soon("a connection", listener.accept()).await.unwrap();
    assert_eq!(there.read_u8().await.unwrap(), b'x');
}

/// What the control API is told of ports is looked at.
#[tokio::test]
async fn p43_ports_that_are_none_are_refused() {
    let site = Site::new().await;
    site.client.put(&app("api"), PutRoute::WithoutHttp).await.unwrap();
    let port = |host, container| TcpPort { host, container };
    let many: Vec<TcpPort> = (1..=17).map(|number| port(10_000 + number, 1)).collect();
    for wrong in [
        vec![port(0, 1)],
        vec![port(site.ports, 0)],
        vec![port(site.ports, 1); 2],
        many,
    ] {
        let target = gokku_proxy::control::api::Target {
            tcp: wrong.clone(),
            ..tcp_target("blue", 1, 1)
        };
        let refused = site.try_switch_to(target).await.unwrap_err().to_string();
        assert!(refused.contains("TCP port"), "{wrong:?} {refused}");
        assert!(site.route().await.targets.is_empty());
    }
}
