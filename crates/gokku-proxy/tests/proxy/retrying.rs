//! Requests that cannot be sent, or whose answer does not come: tried again only where that can do no harm.

use std::time::Duration;

use futures_util::future::select_all;
use gokku_core::ContainerId;
use gokku_proxy::Limits;

use crate::support::{Message, Named, Site, Upstream, Wire, free_ports, get, ok, target, until};

const GET: &str = "GET / HTTP/1.1\r\nhost: api\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 5\r\n\r\nhello";

fn is_upstream_error(answer: &Message) {
    assert_eq!(answer.status(), 502, "{answer:?}");
    assert_eq!(answer.header("x-gokku-error"), Some("upstream"));
}

/// The address of a port on which nobody listens yet.
fn nobody() -> std::net::SocketAddr {
    (std::net::Ipv4Addr::LOCALHOST, free_ports()).into()
}

/// A crashed app is back in a moment: nothing was sent, so nothing is done twice.
#[tokio::test]
async fn an_app_that_refuses_for_a_moment_is_tried_again() {
    let site = Site::new().await;
    let address = nobody();
    let port = site.serve(target("blue", address)).await;
    let mut clients = Vec::new();
    for request in [GET, POST] {
        let mut client = Wire::connect(port).await;
        client.send(request).await;
        clients.push(client);
    }
    until("the requests to be there", async || {
        (site.route().await.requests == 2).then_some(())
    })
    .await;
    let blue = Named::at(address.port(), "blue").await;
    for client in &mut clients {
        assert_eq!(client.message().await.text(), "blue");
    }
    let mut bodies: Vec<_> = blue.asked().into_iter().map(|request| request.body).collect();
    bodies.sort();
    assert_eq!(bodies, [b"".to_vec(), b"hello".to_vec()]);
}

#[tokio::test]
async fn an_app_that_goes_on_refusing_is_an_error() {
    let site = Site::new().await;
    let port = site.serve(target("blue", nobody())).await;
    is_upstream_error(&get(port, "/").await);
    assert_eq!(site.route().await.targets[0].in_flight, 0);
}

/// While it waits for an app that refuses, a request follows a switch.
#[tokio::test]
async fn a_request_that_is_tried_again_goes_to_the_new_target() {
    let site = Site::new().await;
    let green = Named::new("green").await;
    let port = site.serve(target("blue", nobody())).await;
    let mut client = Wire::connect(port).await;
    client.send(POST).await;
    until("the request to be there", async || {
        (site.route().await.requests == 1).then_some(())
    })
    .await;
    site.switch_to(green.target()).await;
    assert_eq!(client.message().await.text(), "green");
    assert_eq!(green.asked()[0].text(), "hello");
}

/// An app's connections, and which of them have given an answer.
struct Connections {
    upstream: Upstream,
    open: Vec<(Wire, bool)>,
}

impl Connections {
    /// The next request, and on which connection it came.
    async fn request(&mut self) -> (usize, Message) {
        loop {
            let reading = self.open.iter_mut().enumerate().map(|(number, (wire, _))| {
                Box::pin(async move { (number, wire.try_message().await.ok().flatten()) })
            });
            let reading: Vec<_> = reading.collect();
            let read = async {
                if reading.is_empty() {
                    std::future::pending::<()>().await;
                }
                select_all(reading).await.0
            };
            tokio::select! {
                (number, message) = read => match message {
                    Some(message) => return (number, message),
                    None => drop(self.open.remove(number)),
                },
                wire = self.upstream.accept() => self.open.push((wire, false)),
            }
        }
    }

    async fn answer(&mut self, number: usize) {
        let (wire, answered) = &mut self.open[number];
        wire.send(ok("blue")).await;
        *answered = true;
    }

    /// Closes one of them in the middle of its request.
    fn hang_up(&mut self, number: usize) {
        self.open.remove(number);
    }
}

/// A switch, a client whose request has come over a kept connection, the app's connections, which it is, and what came.
async fn kept(request: &str) -> (Site, Wire, Connections, usize, Message) {
    kept_on(Site::new().await, request).await
}

async fn kept_on(site: Site, request: &str) -> (Site, Wire, Connections, usize, Message) {
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    let mut app = Connections {
        upstream,
        open: Vec::new(),
    };
    // A client that is quick may come before the switch has laid the connection by: it asks again.
    loop {
        client.send(request).await;
        let (number, message) = app.request().await;
        if app.open[number].1 {
            return (site, client, app, number, message);
        }
        app.answer(number).await;
        assert_eq!(client.message().await.text(), "blue");
    }
}

/// The app may have done it already.
#[tokio::test]
async fn a_post_is_never_sent_twice() {
    let (site, mut client, mut app, number, _) = kept(POST).await;
    app.hang_up(number);
    is_upstream_error(&client.message().await);
    assert_eq!(site.route().await.targets[0].in_flight, 0);
    // Whatever comes to the app next is the next request.
    client.send(GET).await;
    let (number, request) = app.request().await;
    assert_eq!(request.first, "GET / HTTP/1.1");
    app.answer(number).await;
    assert_eq!(client.message().await.text(), "blue");
}

/// A body of 100,000 bytes is begun with, and gone.
fn large(method: &str) -> String {
    let body = "x".repeat(100_000);
    format!("{method} / HTTP/1.1\r\nhost: api\r\ncontent-length: 100000\r\n\r\n{body}")
}

/// What a client sends, by method, and whether its body can be sent again.
fn bodies(method: &str) -> [(&'static str, String, bool); 5] {
    let head = |rest: &str| format!("{method} / HTTP/1.1\r\nhost: api\r\n{rest}");
    [
        ("none", head("\r\n"), true),
        ("none of it is there", head("content-length: 0\r\n\r\n"), true),
        ("small", head("content-length: 5\r\n\r\nhello"), true),
        (
            "small, in chunks",
            head("transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nx-sum: 1\r\n\r\n"),
            true,
        ),
        ("large", large(method), false),
    ]
}

/// What cannot do harm is sent once more, as it was; everything else is not. RFC 9110 section 9.2.2.
#[tokio::test]
async fn what_is_lost_on_a_kept_connection_is_sent_once_more_where_it_may_be() {
    for (method, idempotent) in [
        ("GET", true),
        ("OPTIONS", true),
        ("TRACE", true),
        ("PUT", true),
        ("DELETE", true),
        ("POST", false),
        ("PATCH", false),
        ("PURGE", false),
    ] {
        for (body, request, whole) in bodies(method) {
            let what = format!("{method}, body {body}");
            let (site, mut client, mut app, number, first) = kept(&request).await;
            app.hang_up(number);
            if idempotent && whole {
                let (number, again) = app.request().await;
                assert_eq!(again, first, "{what}");
                app.answer(number).await;
                assert_eq!(client.message().await.text(), "blue", "{what}");
            } else {
                is_upstream_error(&client.message().await);
                client.send("GET /next HTTP/1.1\r\nhost: api\r\n\r\n").await;
                assert_eq!(app.request().await.1.first, "GET /next HTTP/1.1", "{what}");
            }
            assert!(site.route().await.targets[0].in_flight <= 1, "{what}");
        }
    }
}

/// Once, and never when something of an answer has come.
#[tokio::test]
async fn what_is_lost_twice_or_midway_is_not_sent_again() {
    for (method, midway) in [("GET", true), ("PUT", true), ("GET", false), ("DELETE", false)] {
        let request = format!("{method} / HTTP/1.1\r\nhost: api\r\ncontent-length: 0\r\n\r\n");
        let (_site, mut client, mut app, mut number, _) = kept(&request).await;
        if midway {
            app.open[number].0.send("HTTP/1.1 200 OK\r\ncontent-le").await;
        } else {
            app.hang_up(number);
            number = app.request().await.0;
        }
        app.hang_up(number);
        let answer = client.message().await;
        is_upstream_error(&answer);
        let words = if midway {
            "the app's answer broke off in its head\n"
        } else {
            "the app did not answer this request\n"
        };
        assert_eq!(answer.text(), words);
        client.send("GET /next HTTP/1.1\r\nhost: api\r\n\r\n").await;
        assert_eq!(app.request().await.1.first, "GET /next HTTP/1.1");
    }
}

/// An app that takes its time may be at it.
#[tokio::test]
async fn what_takes_too_long_is_not_sent_again() {
    for method in ["GET", "PUT"] {
        let request = format!("{method} / HTTP/1.1\r\nhost: api\r\ncontent-length: 0\r\n\r\n");
        let site = Site::limited(Limits {
            answer_timeout: Some(Duration::from_millis(500)),
            ..Limits::default()
        })
        .await;
        let (site, mut client, mut app, _, _) = kept_on(site, &request).await;
        assert_eq!(client.message().await.status(), 504);
        let mut next = Wire::connect(site.route().await.port.unwrap()).await;
        next.send("GET /next HTTP/1.1\r\nhost: api\r\n\r\n").await;
        assert_eq!(app.request().await.1.first, "GET /next HTTP/1.1");
    }
}

/// A body that the app has not said yes to is untouched, and its client is asked for it when the app has.
#[tokio::test]
async fn a_put_that_waits_for_leave_is_sent_once_more() {
    let (_site, mut client, mut app, number, _) = kept("PUT / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    app.answer(number).await;
    assert_eq!(client.message().await.text(), "blue");
    client
        .send("PUT / HTTP/1.1\r\nhost: api\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
        .await;
    let mut lost = app.open.remove(number).0;
    assert_eq!(lost.head().await.header("expect"), Some("100-continue"));
    drop(lost);
    let mut again = app.upstream.accept().await;
    assert_eq!(again.head().await.header("expect"), Some("100-continue"));
    again.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    client.through("100 Continue\r\n\r\n").await;
    client.send("hello").await;
    assert_eq!(again.take(5).await, b"hello");
    again.send(ok("blue")).await;
    assert_eq!(client.message().await.text(), "blue");
}

/// A connection that the app has closed long ago is not used, whatever the request is.
#[tokio::test]
async fn a_closed_connection_is_not_used() {
    let (_site, mut client, mut app, number, _) = kept(POST).await;
    app.answer(number).await;
    assert_eq!(client.message().await.text(), "blue");
    for (mut wire, _) in app.open.drain(..) {
        wire.end().await;
        assert_eq!(wire.rest().await, b"", "the switch closes it too");
    }
    client.send(POST).await;
    let (number, request) = app.request().await;
    assert_eq!(request.text(), "hello");
    app.answer(number).await;
    assert_eq!(client.message().await.text(), "blue");
}

/// It took the request, on a connection of its own: it may have done something with it.
#[tokio::test]
async fn an_app_that_hangs_up_is_an_error() {
    for (request, bytes) in [
        (GET, ""),
        (POST, ""),
        (GET, "HTTP/1.1 200 OK\r\ncontent-le"),
        (GET, "garbage\r\n\r\n"),
    ] {
        let site = Site::new().await;
        let upstream = Upstream::new().await;
        let port = site.serve(upstream.target("blue")).await;
        let mut client = Wire::connect(port).await;
        client.send(request).await;
        let mut app = upstream.accept().await;
        app.message().await;
        app.send(bytes).await;
        drop(app);
        is_upstream_error(&client.message().await);
        // It was sent once: the next to come is the next request.
        client.send("GET /next HTTP/1.1\r\nhost: api\r\n\r\n").await;
        let mut app = upstream.accept().await;
        assert_eq!(app.message().await.first, "GET /next HTTP/1.1");
    }
}

/// The address of a container that does not run may be another one's by now.
#[tokio::test]
async fn a_lost_target_gets_nothing() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    assert_eq!(get(port, "/").await.text(), "blue");
    site.switch().mark_down(&ContainerId::new("blue"));
    assert!(site.route().await.targets[0].down);
    is_upstream_error(&get(port, "/").await);
    assert_eq!(blue.asked().len(), 1);
}

#[tokio::test]
async fn a_lost_target_is_waited_for() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    site.switch().mark_down(&ContainerId::new("blue"));
    let mut client = Wire::connect(port).await;
    client.send(POST).await;
    until("the request to be there", async || {
        (site.route().await.requests == 1).then_some(())
    })
    .await;
    let address = blue.address().ip();
    site.switch()
        .mark_up(&ContainerId::new("blue"), address)
        .await
        .unwrap();
    assert_eq!(client.message().await.text(), "blue");
    assert!(!site.route().await.targets[0].down);
}

/// A release that is started again is known to run a moment after its hold has ended. The hold was longer than a
/// request waits for a container, and does not count.
#[tokio::test]
async fn what_was_held_still_waits_for_its_container() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let limit_ms = 60_000;
    let hold = gokku_proxy::control::api::Hold { limit_ms };
    site.client.hold(&crate::support::app("api"), hold).await.unwrap();
    site.switch().mark_down(&ContainerId::new("blue"));
    let asked = tokio::spawn(async move { get(port, "/").await });
    site.waiting(1).await;
    tokio::time::sleep(std::time::Duration::from_millis(3500)).await;
    site.client.release(&crate::support::app("api")).await.unwrap();
    until("the request to look for its container", async || {
        (site.route().await.waiting == 0).then_some(())
    })
    .await;
    assert!(!asked.is_finished());
    site.switch()
        .mark_up(&ContainerId::new("blue"), blue.address().ip())
        .await
        .unwrap();
    assert_eq!(asked.await.unwrap().text(), "blue");
}

/// Its port stays; connections that were kept to where it was are not used.
#[tokio::test]
async fn after_a_repair_requests_go_to_the_new_address() {
    let mut site = Site::new().await;
    let old = Named::new("old").await;
    let moved = tokio::net::TcpListener::bind(("127.0.0.2", old.address().port()))
        .await
        .unwrap();
    let port = site.serve(target("blue", old.address())).await;
    let mut client = Wire::connect(port).await;
    assert_eq!(client.get("/").await.text(), "old");
    let new = moved.local_addr().unwrap();
    site.switch()
        .mark_up(&ContainerId::new("blue"), new.ip())
        .await
        .unwrap();
    assert_eq!(site.route().await.targets[0].address, new);
    for _ in 0..2 {
        client.send(GET).await;
        let (stream, _) = moved.accept().await.unwrap();
        let mut app = Wire::new(stream);
        app.message().await;
        app.send("HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nnew")
            .await;
        assert_eq!(client.message().await.text(), "new");
    }
    // It is written down too.
    site.restart().await;
    assert_eq!(site.route().await.targets[0].address, new);
    assert_eq!(old.asked().len(), 1);
}

/// Whatever else changes on a route, a target that does not run does not come to life by it.
#[tokio::test]
async fn a_lost_target_stays_lost() {
    use crate::support::app;
    use gokku_proxy::control::api::{Hold, PutRoute};

    let site = Site::new().await;
    let (blue, other) = (Named::new("blue").await, Named::new("other").await);
    let port = site.open().await;
    let targets = vec![blue.target(), other.target()];
    site.switch_to_all(targets).await;
    let lost = ContainerId::new("blue");
    site.switch().mark_down(&lost);
    let still = async |what: &str| assert!(site.route().await.targets[0].down, "{what}");
    site.client
        .hold(&app("api"), Hold { limit_ms: 1000 })
        .await
        .unwrap();
    still("hold").await;
    site.client.release(&app("api")).await.unwrap();
    still("release").await;
    site.client
        .put(&app("api"), PutRoute::Port(port + 1))
        .await
        .unwrap();
    still("another port").await;
    let elsewhere = "127.0.0.3".parse().unwrap();
    site.switch()
        .mark_up(&ContainerId::new("other"), elsewhere)
        .await
        .unwrap();
    still("a repair of the other").await;
    site.switch_to(blue.target()).await;
    assert!(!site.route().await.targets[0].down, "a switch says that it runs");
    assert_eq!(get(port + 1, "/").await.text(), "blue");
}
