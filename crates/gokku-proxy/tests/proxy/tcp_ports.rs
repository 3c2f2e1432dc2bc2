//! P43: an app's TCP ports: they come and go with what has the traffic, and nobody takes another's.

use std::fs;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gokku_proxy::control::api::{Clear, PutRoute, Refused, Target};
use serde_json::Value;

use crate::support::{Lines, Named, PATIENCE, Site, Wire, app, get, refused, say, tcp, tcp_target, until};

/// Whether somebody listens there.
async fn is_open(port: u16) -> bool {
    Wire::try_connect(port).await.is_ok()
}

/// The version of the table on disk.
fn version(site: &Site) -> u64 {
    let table: Value = serde_json::from_slice(&fs::read(site.table()).unwrap()).unwrap();
    table["version"].as_u64().unwrap()
}

#[tokio::test]
async fn p43_ports_come_and_go_with_the_traffic() {
    let mut site = Site::new().await;
    let (first, second) = (site.ports + 1, site.ports + 2);
    let (blue, green) = (Lines::new("blue").await, Lines::new("green").await);
    site.open_tcp(blue.target(first)).await;
    let route = site.route().await;
    assert_eq!(
        (route.port, &route.tcp[..], route.open_tcp()),
        (None, &[first][..], &[first][..])
    );
    assert_eq!(version(&site), 5);
    // Another release, another port: who was there stays.
    let mut before = tcp(first).await;
    assert_eq!(say(&mut before, "1").await, "blue 1");
    site.switch_to(green.target(second)).await;
    assert_eq!(say(&mut tcp(second).await, "2").await, "green 2");
    assert!(!is_open(first).await);
    assert_eq!(say(&mut before, "3").await, "blue 3");
    // Who is stopped keeps it from others, and has it not open.
    site.client.clear(&app("api"), &Clear::default()).await.unwrap();
    assert!(!is_open(second).await);
    let route = site.route().await;
    assert_eq!((&route.tcp[..], route.open_tcp()), (&[second][..], &[][..]));
    let taken = refused(site.client.put(&app("web"), PutRoute::Port(second)).await);
    assert!(taken.to_string().contains("the app api"), "{taken}");
    let searched = site
        .client
        .put(&app("web"), PutRoute::From(second))
        .await
        .unwrap();
    assert_eq!(searched.port, Some(second + 1));
    let other = site.try_switch_other("web", tcp_target("web", second, 1)).await;
    assert!(refused(other).to_string().contains("the app api"));
    site.switch_to(green.target(second)).await;
    assert_eq!(say(&mut tcp(second).await, "4").await, "green 4");
    // As the table has it.
    site.restart().await;
    assert_eq!(say(&mut tcp(second).await, "5").await, "green 5");
    site.client.delete(&app("api")).await.unwrap();
    assert!(!is_open(second).await);
    assert_eq!(
        version(&site),
        1,
        "earlier programs read a table without TCP ports"
    );
}

/// A port that somebody else has is told before anything is switched, with who has it.
#[tokio::test]
async fn p43_a_port_that_is_taken_stops_the_switch() {
    let site = Site::new().await;
    let (first, second, third) = (site.ports + 1, site.ports + 2, site.ports + 3);
    let (blue, green) = (Lines::new("blue").await, Lines::new("green").await);
    site.open_tcp(blue.target(first)).await;
    let program = StdListener::bind((Ipv4Addr::LOCALHOST, second)).unwrap();
    site.open_other("web", Named::new("web").await.target()).await;
    let web = site.client.route(&app("web")).await.unwrap().port.unwrap();
    for (port, holder) in [
        (second, format!("process {}", std::process::id())),
        (web, "the app web".to_owned()),
    ] {
        // All of them, or none.
        let both = Target {
            tcp: [green.target(third).tcp, green.target(port).tcp].concat(),
            ..green.target(third)
        };
        let why = refused(site.try_switch_to(both).await);
        assert!(matches!(why, Refused::PortTaken { .. }), "{why}");
        assert!(why.to_string().contains(&holder), "{why}");
        assert_eq!(say(&mut tcp(first).await, "x").await, "blue x");
        assert!(!is_open(third).await);
        assert_eq!(site.route().await.tcp, [first]);
    }
    drop(program);
    site.switch_to(green.target(second)).await;
    assert_eq!(say(&mut tcp(second).await, "x").await, "green x");
}

/// The number stays, and what comes there is something else: the socket stays open, too.
#[tokio::test]
async fn p43_a_port_for_http_becomes_one_for_tcp_and_back() {
    let site = Site::new().await;
    let (web, lines) = (Named::new("web").await, Lines::new("lines").await);
    let port = site.serve(web.target()).await;
    for _ in 0..3 {
        assert_eq!(get(port, "/").await.text(), "web");
        site.switch_to(lines.target(port)).await;
        let route = site.route().await;
        assert_eq!((route.port, route.open_tcp()), (None, &[port][..]));
        assert_eq!(say(&mut tcp(port).await, "x").await, "lines x");
        // It is its own port for HTTP again as soon as the traffic says so.
        site.client.put(&app("api"), PutRoute::Port(port)).await.unwrap();
        assert_eq!(say(&mut tcp(port).await, "y").await, "lines y");
        site.switch_to(web.target()).await;
        assert_eq!(site.route().await.tcp, [0; 0]);
    }
    // Without a port for HTTP none is open.
    let first = site.ports + 5;
    site.switch_to(lines.target(first)).await;
    assert!(!is_open(port).await);
    assert_eq!(site.route().await.port, None);
    site.client.put(&app("api"), PutRoute::WithoutHttp).await.unwrap();
    assert_eq!(site.route().await.port, None);
    assert_eq!(say(&mut tcp(first).await, "z").await, "lines z");
}

/// One that cannot be opened at the start is told, keeps nobody else from being served, and is opened as soon as it can be.
#[tokio::test]
async fn p43_a_port_that_is_taken_at_the_start_is_opened_later() {
    let mut site = Site::new().await;
    let (first, second) = (site.ports + 1, site.ports + 2);
    let blue = Lines::new("blue").await;
    let both = Target {
        tcp: [blue.target(first).tcp, blue.target(second).tcp].concat(),
        ..blue.target(first)
    };
    site.open_tcp(both.clone()).await;
    site.kill().await;
    let program = StdListener::bind((Ipv4Addr::LOCALHOST, second)).unwrap();
    site.start().await.unwrap();
    site.all_run().await;
    let trouble = site.route().await.trouble.expect("a trouble");
    assert!(trouble.contains(&second.to_string()), "{trouble}");
    assert_eq!(say(&mut tcp(first).await, "x").await, "blue x");
    // Nor does it keep the traffic from moving.
    let green = Lines::new("green").await;
    let moved = Target {
        tcp: [green.target(first).tcp, green.target(second).tcp].concat(),
        ..green.target(first)
    };
    site.switch_to(moved).await;
    assert_eq!(say(&mut tcp(first).await, "y").await, "green y");
    drop(program);
    until("the port to be open", async || {
        site.route().await.trouble.is_none().then_some(())
    })
    .await;
    assert_eq!(say(&mut tcp(second).await, "z").await, "green z");
}

/// A new switch takes the ports over: nobody is refused, and who is connected stays with the old one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p43_p06_ports_are_handed_over() {
    let mut site = Site::new().await;
    let port = site.ports + 1;
    let blue = Lines::new("blue").await;
    site.open_tcp(blue.target(port)).await;
    let mut long = tcp(port).await;
    assert_eq!(say(&mut long, "1").await, "blue 1");
    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let done = Arc::clone(&done);
            tokio::spawn(async move {
                let mut served = 0;
                while !done.load(Ordering::SeqCst) {
                    assert_eq!(say(&mut tcp(port).await, "x").await, "blue x");
                    served += 1;
                }
                served
            })
        })
        .collect();
    let mut leaving = Vec::new();
    for _ in 0..5 {
        leaving.push(site.take_over().await);
        assert_eq!(say(&mut long, "still").await, "blue still");
    }
    done.store(true, Ordering::SeqCst);
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
    // The first one, five switches ago, goes when its last connection ends.
    let first = leaving.remove(0);
    assert!(!first.is_finished());
    drop(long);
    tokio::time::timeout(PATIENCE, first)
        .await
        .expect("the old one has nothing left to do")
        .unwrap();
    assert_eq!(say(&mut tcp(port).await, "y").await, "blue y");
    assert_eq!(site.route().await.open_tcp(), [port]);
}
