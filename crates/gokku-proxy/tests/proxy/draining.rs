//! The drain of an old target: what it waits for, and its limits.

use std::time::Duration;

use gokku_core::ContainerId;

use crate::support::{Named, PATIENCE, Site, Upstream, Wire, ok, until};

/// Far from over when a test looks whether it is.
const LONG: Duration = PATIENCE;

/// A request that its app has and has not answered yet: the client's side and the app's.
async fn asked(port: u16, upstream: &Upstream) -> (Wire, Wire) {
    let mut client = Wire::connect(port).await;
    client.send("GET /slow HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let mut app = upstream.accept().await;
    app.message().await;
    (client, app)
}

/// An upgraded connection: the client's side and the app's.
async fn upgraded(port: u16, upstream: &Upstream) -> (Wire, Wire) {
    let mut client = Wire::connect(port).await;
    client
        .send("GET /ws HTTP/1.1\r\nhost: api\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        .await;
    let mut app = upstream.accept().await;
    app.message().await;
    app.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        .await;
    assert_eq!(client.head().await.status(), 101);
    (client, app)
}

/// Asks the switch something, so that a drain which wanted to end could have ended.
async fn in_flight(site: &Site) -> u64 {
    let route = site.route().await;
    route
        .targets
        .iter()
        .chain(&route.retired)
        .map(|t| t.in_flight)
        .sum()
}

#[tokio::test]
async fn p05_a_drain_waits_for_the_end_of_the_body() {
    let site = Site::new().await;
    let (blue, green) = (Upstream::new().await, Named::new("green").await);
    let port = site.serve(blue.target("blue")).await;
    let (mut client, mut app) = asked(port, &blue).await;
    site.switch_to(green.target()).await;
    let drain = site.drain("blue", LONG, LONG);
    assert_eq!(in_flight(&site).await, 1);
    app.send("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf").await;
    assert_eq!(client.head().await.status(), 200);
    assert_eq!(client.take(4).await, b"half");
    assert_eq!(in_flight(&site).await, 1, "the head is not the end");
    assert_eq!(site.route().await.retired[0].container, ContainerId::new("blue"));
    assert!(!drain.is_finished());
    app.send("done").await;
    assert_eq!(client.take(4).await, b"done");
    let drained = drain.await.unwrap();
    assert_eq!((drained.left, drained.cut), (0, 0));
    assert_eq!(site.route().await.retired, []);
}

#[tokio::test]
async fn p05_a_drain_waits_for_the_last_chunk() {
    let site = Site::new().await;
    let (blue, green) = (Upstream::new().await, Named::new("green").await);
    let port = site.serve(blue.target("blue")).await;
    let (mut client, mut app) = asked(port, &blue).await;
    site.switch_to(green.target()).await;
    let drain = site.drain("blue", LONG, LONG);
    app.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        .await;
    client.through("half").await;
    assert_eq!(in_flight(&site).await, 1);
    assert!(!drain.is_finished());
    app.send("0\r\n\r\n").await;
    client.through("0\r\n\r\n").await;
    assert_eq!(drain.await.unwrap().left, 0);
}

#[tokio::test]
async fn p05_a_drain_ends_at_its_limit() {
    let site = Site::new().await;
    let (blue, green) = (Upstream::new().await, Named::new("green").await);
    let port = site.serve(blue.target("blue")).await;
    let (mut first, mut app) = asked(port, &blue).await;
    let (mut second, mut other) = asked(port, &blue).await;
    site.switch_to(green.target()).await;
    let drained = site.drain("blue", Duration::from_millis(50), LONG).await.unwrap();
    assert_eq!((drained.left, drained.cut), (2, 0));
    // What is left is not broken off by the switch.
    for (client, app) in [(&mut first, &mut app), (&mut second, &mut other)] {
        app.send(ok("late")).await;
        assert_eq!(client.message().await.text(), "late");
    }
    let drained = site.drain("blue", LONG, LONG).await.unwrap();
    assert_eq!(drained.left, 0);
}

/// A client that goes away takes its request with it.
#[tokio::test]
async fn a_client_that_goes_away_is_not_waited_for() {
    let site = Site::new().await;
    let (blue, green) = (Upstream::new().await, Named::new("green").await);
    let port = site.serve(blue.target("blue")).await;
    let (client, before_the_head) = asked(port, &blue).await;
    let (mut other, mut after_it) = asked(port, &blue).await;
    after_it
        .send("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf")
        .await;
    other.through("half").await;
    site.switch_to(green.target()).await;
    let drain = site.drain("blue", LONG, LONG);
    drop((client, other));
    assert_eq!(drain.await.unwrap().left, 0);
    drop((before_the_head, after_it));
}

/// So does an app that breaks off.
#[tokio::test]
async fn an_app_that_breaks_off_is_not_waited_for() {
    let site = Site::new().await;
    let (blue, green) = (Upstream::new().await, Named::new("green").await);
    let port = site.serve(blue.target("blue")).await;
    let (mut client, mut app) = asked(port, &blue).await;
    app.send("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf").await;
    client.through("half").await;
    site.switch_to(green.target()).await;
    let drain = site.drain("blue", LONG, LONG);
    drop(app);
    assert_eq!(drain.await.unwrap().left, 0);
}

#[tokio::test]
async fn a_new_request_does_not_count_on_the_old_target() {
    let site = Site::new().await;
    let (blue, green) = (Upstream::new().await, Upstream::new().await);
    let port = site.serve(blue.target("blue")).await;
    let (mut old, mut old_app) = asked(port, &blue).await;
    site.switch_to(green.target("green")).await;
    let (_new, _new_app) = asked(port, &green).await;
    let drain = site.drain("blue", LONG, LONG);
    old_app.send(ok("old")).await;
    assert_eq!(old.message().await.text(), "old");
    assert_eq!(drain.await.unwrap().left, 0);
    let route = site.route().await;
    assert_eq!((route.targets[0].in_flight, route.retired.len()), (1, 0));
}

#[tokio::test]
async fn a_container_that_is_not_known_has_nothing_to_drain() {
    let site = Site::new().await;
    site.open().await;
    let drained = site.drain("nobody", LONG, LONG).await.unwrap();
    assert_eq!((drained.left, drained.cut), (0, 0));
}

/// They may go on longer than requests, and no longer than their own limit.
#[tokio::test]
async fn upgraded_connections_have_a_limit_of_their_own() {
    let site = Site::new().await;
    let (blue, green) = (Upstream::new().await, Named::new("green").await);
    let port = site.serve(blue.target("blue")).await;
    let (mut client, mut app) = upgraded(port, &blue).await;
    let (mut other, mut other_app) = upgraded(port, &blue).await;
    site.switch_to(green.target()).await;
    let route = site.route().await;
    assert_eq!((route.retired[0].in_flight, route.retired[0].upgraded), (2, 2));
    let drain = site.drain("blue", Duration::ZERO, LONG);
    // Long after the requests' limit they still work.
    app.send("still here").await;
    assert_eq!(client.take(10).await, b"still here");
    assert!(!drain.is_finished());
    drop(client);
    assert_eq!(app.rest().await, b"");
    drop(app);
    until("one to be left", async || {
        (in_flight(&site).await == 1).then_some(())
    })
    .await;
    assert!(!drain.is_finished());
    let drained = site.drain("blue", LONG, Duration::from_millis(50)).await.unwrap();
    assert_eq!((drained.left, drained.cut), (0, 1));
    assert_eq!((other.rest().await, other_app.rest().await), (vec![], vec![]));
    assert_eq!(drain.await.unwrap().cut, 0, "the other drain found it ended");
}

/// One upgraded connection that outlives its limit does not hide a request that outlives its own.
#[tokio::test]
async fn both_limits_are_kept_at_once() {
    let site = Site::new().await;
    let (blue, green) = (Upstream::new().await, Named::new("green").await);
    let port = site.serve(blue.target("blue")).await;
    let (_client, _app) = asked(port, &blue).await;
    let (_other, _other_app) = upgraded(port, &blue).await;
    site.switch_to(green.target()).await;
    let limit = Duration::from_millis(50);
    let drained = site.drain("blue", limit, limit).await.unwrap();
    assert_eq!((drained.left, drained.cut), (1, 1));
}
