//! The end of the switch: nobody is broken off who could have been answered.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use gokku_proxy::Proxy;
use gokku_proxy::control::api::Hold;

use crate::support::{Named, PATIENCE, Site, Upstream, Wire, app, ok, until};

async fn refuses(port: u16) {
    until("the port to be closed", async || {
        Wire::try_connect(port).await.is_err().then_some(())
    })
    .await;
}

#[tokio::test]
async fn p06_requests_in_flight_finish() {
    let mut site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let (mut early, mut late) = (Wire::connect(port).await, Wire::connect(port).await);
    early.send("GET /early HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let mut early_app = upstream.accept().await;
    early_app.message().await;
    early_app
        .send("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf")
        .await;
    early.through("half").await;
    late.send("GET /late HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let mut late_app = upstream.accept().await;
    late_app.message().await;

    let stopping = site.stop(PATIENCE);
    refuses(port).await;
    assert!(!stopping.is_finished());
    early_app.send("done").await;
    assert_eq!(early.rest().await, b"done");
    assert!(!stopping.is_finished());
    late_app.send(ok("late")).await;
    let answer = late.message().await;
    assert_eq!(answer.text(), "late");
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(late.rest().await, b"");
    stopping.await.unwrap();
}

#[tokio::test]
async fn idle_connections_end() {
    let mut site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let mut idle = Wire::connect(port).await;
    assert_eq!(idle.get("/").await.text(), "blue");
    let mut silent = Wire::connect(port).await;
    let began = Instant::now();
    site.stop(PATIENCE).await.unwrap();
    assert!(began.elapsed() < PATIENCE / 2);
    assert_eq!(idle.rest().await, b"");
    assert_eq!(silent.rest().await, b"");
}

#[tokio::test]
async fn upgraded_connections_are_cut() {
    let mut site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client
        .send("GET / HTTP/1.1\r\nhost: api\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n")
        .await;
    let mut app = upstream.accept().await;
    app.message().await;
    app.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n")
        .await;
    assert_eq!(client.head().await.status(), 101);
    let began = Instant::now();
    let _threads = site.stop(PATIENCE).await.unwrap();
    assert!(began.elapsed() < PATIENCE / 2);
    assert_eq!((client.rest().await, app.rest().await), (vec![], vec![]));
}

#[tokio::test]
async fn a_stop_obeys_its_limit() {
    let mut site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let mut app = upstream.accept().await;
    app.message().await;
    let limit = Duration::from_millis(100);
    let began = Instant::now();
    let threads = site.stop(limit).await.unwrap();
    let took = began.elapsed();
    assert!(took >= limit && took < PATIENCE / 2, "{took:?}");
    threads.end().await;
    assert_eq!(client.rest().await, b"");
}

/// A request that waits for a new container is not thrown away at once.
#[tokio::test]
async fn held_requests_wait_for_the_limit() {
    let mut site = Site::new().await;
    let port = site.open().await;
    let hold = Hold { limit_ms: 200 };
    site.client.hold(&app("api"), hold).await.unwrap();
    let mut client = Wire::connect(port).await;
    client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    until("the request to be there", async || {
        (site.route().await.requests == 1).then_some(())
    })
    .await;
    let stopping = site.stop(PATIENCE);
    assert_eq!(client.message().await.status(), 503);
    stopping.await.unwrap();
}

/// Whoever stood in the queue, with a whole request, is served too.
#[tokio::test]
async fn p06_those_in_the_queue_are_served() {
    const CLIENTS: usize = 40;
    let site = Site::stopped();
    // On this one thread: the switch does nothing until it is waited for.
    let proxy = Proxy::start(site.config()).await.unwrap();
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let mut clients: Vec<TcpStream> = (0..CLIENTS)
        .map(|_| {
            let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nhost: api\r\n\r\n").unwrap();
            client
        })
        .collect();
    proxy.stop(PATIENCE).await;
    for client in &mut clients {
        // Nothing runs any more that could still answer.
        client.set_nonblocking(true).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("blue"),
            "{answer:?}"
        );
    }
    assert_eq!(blue.asked().len(), CLIENTS);
}
