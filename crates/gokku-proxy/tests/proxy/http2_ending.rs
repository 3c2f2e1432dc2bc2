//! P41, P46, P47: whatever is switched, drained or replaced, no request of HTTP/2 is lost; what is waited for are requests, and
//! not the connections that they come on.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use gokku_proxy::control::api::Hold;

use crate::support::{
    Authority, Http2, Named, PATIENCE, Site, TlsClient, Upstream, Wire, app, asked, ok, soon,
};

async fn site() -> Site {
    let mut site = Site::stopped();
    site.h2c = true;
    site.start().await.expect("the switch starts");
    site
}

/// A switch needs no new connection: the next request goes to the new target, and the old one is waited for until the last of
/// its own is answered, and no longer.
#[tokio::test]
async fn p46_a_drain_waits_for_requests_and_not_for_connections() {
    let site = site().await;
    let (blue, green) = (Upstream::new().await, Upstream::new().await);
    let port = site.serve(blue.target("blue")).await;
    let mut client = Http2::connect(port).await;
    let mut old = Vec::new();
    for path in ["/one", "/two"] {
        let sent = client.send(asked("GET", path), true).await;
        let mut app = blue.accept().await;
        app.head().await;
        old.push((sent, app));
    }
    let (streamed, mut app) = old.pop().unwrap();
    app.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nsome\r\n")
        .await;
    let mut streamed = streamed.head().await;
    assert_eq!(streamed.piece().await.unwrap().unwrap(), "some");
    site.switch_to(green.target("green")).await;
    let drained = site.drain("blue", PATIENCE, PATIENCE);
    let sent = client.send(asked("GET", "/three"), true).await;
    let mut new = green.accept().await;
    assert_eq!(new.head().await.first, "GET /three HTTP/1.1");
    new.send(ok("green")).await;
    assert_eq!(sent.whole().await.text(), "green");
    let (waiting, mut first) = old.pop().unwrap();
    first.send(ok("blue")).await;
    assert_eq!(waiting.whole().await.text(), "blue");
    assert!(!drained.is_finished());
    let route = site.route().await;
    assert_eq!(route.retired[0].in_flight, 1);
    app.send("3\r\nend\r\n0\r\n\r\n").await;
    assert_eq!(streamed.whole().await.unwrap().text(), "end");
    let drained = soon("the drain", drained).await.unwrap();
    assert_eq!((drained.left, drained.cut), (0, 0));
    assert!(client.lives());
}

/// Requests that come while the app has nobody to answer them wait, all on one connection.
#[tokio::test]
async fn p46_held_requests_wait_and_are_answered() {
    let site = site().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let mut client = Http2::connect(port).await;
    site.client
        .hold(&app("api"), Hold { limit_ms: 60_000 })
        .await
        .expect("held");
    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(client.send(asked("GET", "/"), true).await);
    }
    site.waiting(20).await;
    let green = Named::new("green").await;
    site.switch_to(green.target()).await;
    site.client.release(&app("api")).await.expect("released");
    for sent in waiting {
        assert_eq!(sent.whole().await.text(), "green");
    }
    assert_eq!(blue.asked().len(), 0);
}

/// Another switch takes the place of this one: the client is told (GOAWAY), its requests are answered, and the next connection
/// is the new switch's.
#[tokio::test]
async fn p47_a_new_switch_takes_over_and_the_last_requests_are_answered() {
    let mut site = site().await;
    let blue = Upstream::new().await;
    let port = site.serve(blue.target("blue")).await;
    let mut client = Http2::connect(port).await;
    let waiting = client.send(asked("GET", "/waiting"), true).await;
    let mut app = blue.accept().await;
    app.head().await;
    let idle = Http2::connect(port).await;
    let leaving = site.take_over().await;
    assert_eq!(idle.ended().await.map_err(|error| error.reason()), Ok(()));
    // It was told, and takes no more.
    soon("the client to be told", client.told()).await;
    assert!(!leaving.is_finished());
    let mut second = Http2::connect(port).await;
    let sent = second.send(asked("GET", "/second"), true).await;
    let mut new = blue.accept().await;
    new.head().await;
    new.send(ok("new")).await;
    assert_eq!(sent.whole().await.text(), "new");
    app.send(ok("old")).await;
    assert_eq!(waiting.whole().await.text(), "old");
    client.ended().await.expect("it ends in peace");
    soon("the old switch", leaving).await.unwrap();
}

/// A client that was told to leave and does not even answer that is not waited for.
#[tokio::test]
async fn p47_a_client_that_does_not_leave_is_not_waited_for() {
    let mut site = site().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    // It has not said anything after its settings, and says nothing any more.
    let mut silent = Wire::connect(port).await;
    silent
        .send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await;
    let mut unready = Wire::connect(port).await;
    unready.send("PRI * HTTP/2.0\r\n\r\nSM").await;
    assert_eq!(Http2::connect(port).await.get("/").await.text(), "blue");
    let leaving = site.take_over().await;
    soon("the old switch", leaving).await.unwrap();
    silent.rest().await;
    unready.rest().await;
}

/// Clients that never stop asking, several requests at a time on each connection, which they keep for as long as they are let.
struct Load {
    done: CancellationToken,
    clients: Vec<JoinHandle<(u32, u32)>>,
}

impl Load {
    fn start(tls: Option<&TlsClient>, port: u16) -> Self {
        let done = CancellationToken::new();
        let clients = (0..3)
            .map(|_| {
                let (done, tls) = (done.clone(), tls.cloned());
                tokio::spawn(async move {
                    let (mut answered, mut connections) = (0, 0);
                    while !done.is_cancelled() {
                        let mut client = match &tls {
                            None => Http2::connect(port).await,
                            Some(tls) => {
                                let stream = tls.offering(&[b"h2"]).connect(port, "api.example.com").await;
                                Http2::over(stream, &h2::client::Builder::new(), "https").await
                            }
                        };
                        connections += 1;
                        answered += ask(&mut client, &done).await;
                    }
                    (answered, connections)
                })
            })
            .collect();
        Self { done, clients }
    }

    /// Ends it; returns how many connections there were.
    async fn stop(self) -> u32 {
        self.done.cancel();
        let mut all = 0;
        for client in self.clients {
            let (answered, connections) = client.await.unwrap();
            assert!(answered > 0);
            all += connections;
        }
        all
    }
}

/// Asks until there is nothing to ask for, or the switch says that the connection ends; every request that it has taken is
/// answered.
async fn ask(client: &mut Http2, done: &CancellationToken) -> u32 {
    let mut answered = 0;
    while !done.is_cancelled() {
        let mut sent = Vec::new();
        for number in 0..4 {
            let request = asked(if number == 0 { "POST" } else { "GET" }, "/");
            match client.try_send(request, true).await {
                Ok(asked) => sent.push(asked),
                // The switch has said that it takes no more here.
                Err(error) => assert!(!error.is_io() && !error.is_reset(), "{error:?}"),
            }
        }
        let told = sent.len() < 4;
        for asked in sent {
            match asked.try_head().await {
                Ok(head) => {
                    assert_eq!(head.status, 200);
                    assert_eq!(head.whole().await.expect("a whole answer").text(), "api");
                    answered += 1;
                }
                // It was not taken, and the client knows: it can be sent again.
                Err(error) => assert!(
                    error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR),
                    "{error:?}"
                ),
            }
        }
        if told {
            break;
        }
    }
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p46_traffic_is_switched_under_load_and_no_request_is_lost() {
    let site = site().await;
    let (mut blue, mut green) = (Named::new("api").await, Named::new("api").await);
    let port = site.serve(blue.target_of("c0")).await;
    let load = Load::start(None, port);
    for number in 1..=20 {
        site.switch_to(green.target_of(&format!("c{number}"))).await;
        let drained = site.drain(&format!("c{}", number - 1), PATIENCE, PATIENCE);
        let drained = soon("the drain", drained).await.unwrap();
        assert_eq!((drained.left, drained.cut), (0, 0));
        // What was drained has no request, and may go.
        blue.close().await;
        blue = green;
        green = Named::new("api").await;
    }
    assert_eq!(load.stop().await, 3, "no connection has noticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p47_switches_take_over_under_load_by_tls_and_no_request_is_lost() {
    let mut site = Site::new().await;
    let blue = Named::new("api").await;
    site.serve(blue.target()).await;
    site.set_domains("api", &["api.example.com"])
        .await
        .expect("domains");
    let authority = Authority::new();
    site.add_certificate(&authority.issue(&["api.example.com"])).await;
    let load = Load::start(Some(&authority.client()), site.https());
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(site.take_over().await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(load.stop().await > 3, "they had to come again");
    for leaving in all {
        soon("the old switch", leaving).await.unwrap();
    }
}
