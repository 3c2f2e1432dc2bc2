//! P41: apps that speak HTTP/2 without TLS, gRPC's for example, for clients of either version.

use std::time::Duration;

use bytes::Bytes;
use gokku_core::config::app_protocol::AppProtocol;
use gokku_proxy::Limits;
use h2::client::Builder;
use h2::{Reason, server};
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Response};

use crate::support::{
    Authority, Http2, Http2App, Named, PATIENCE, Site, Upstream, Wire, asked, noise, reset_of, soon, target,
    until,
};

async fn site(limits: Limits) -> Site {
    let mut site = Site::stopped();
    site.h2c = true;
    site.limits = limits;
    site.start().await.expect("the switch starts");
    site
}

async fn served() -> (Site, Http2App, u16) {
    let site = site(Limits::default()).await;
    let app = Http2App::new().await;
    let port = site.serve(app.target("blue")).await;
    (site, app, port)
}

/// What gRPC is made of: messages both ways at once, a status in the trailers, and a status without any message.
#[tokio::test]
async fn p41_grpc_passes_from_end_to_end() {
    let site = Site::new().await;
    let app = Http2App::new().await;
    site.serve(app.target("blue")).await;
    site.set_domains("api", &["api.example.com"])
        .await
        .expect("domains");
    let authority = Authority::new();
    site.add_certificate(&authority.issue(&["api.example.com"])).await;
    let tls = authority.client().offering(&[b"h2"]);
    let stream = tls.connect(site.https(), "api.example.com").await;
    let mut client = Http2::over(stream, &Builder::new(), "https").await;
    let call = || {
        asked("POST", "/echo.Echo/Talk")
            .header("content-type", "application/grpc+proto")
            .header("te", "trailers")
            .header("grpc-timeout", "10S")
    };
    let mut sent = client.send(call(), false).await;
    let mut served = app.request().await;
    assert_eq!(served.head.method, "POST");
    assert_eq!(served.head.uri, "http://api.example.com/echo.Echo/Talk");
    let headers = &served.head.headers;
    assert_eq!(headers["te"], "trailers");
    assert_eq!(headers["content-type"], "application/grpc+proto");
    assert_eq!(headers["grpc-timeout"], "10S");
    assert_eq!(headers["x-forwarded-proto"], "https");
    assert!(!headers.contains_key("transfer-encoding") && !headers.contains_key("host"));
    let mut body = served.answer(200, false);
    let mut answer = None;
    for number in 0..5 {
        let message = Bytes::from(format!("message {number}"));
        sent.body.send_data(message.clone(), false).unwrap();
        assert_eq!(served.piece().await.unwrap().unwrap(), message);
        body.send_data(message.clone(), false).unwrap();
        if answer.is_none() {
            let (head, body) = soon("an answer", &mut sent.answer).await.unwrap().into_parts();
            answer = Some(crate::support::Answering {
                status: head.status.as_u16(),
                headers: head.headers,
                body,
            });
        }
        let back = answer.as_mut().unwrap().piece().await.unwrap().unwrap();
        assert_eq!(back, message);
    }
    assert_eq!(site.route().await.targets[0].in_flight, 1);
    sent.body.send_data(Bytes::new(), true).unwrap();
    assert!(served.all().await.is_empty());
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    body.send_trailers(trailers).unwrap();
    let answer = answer.unwrap().whole().await.unwrap();
    assert_eq!(answer.trailers.unwrap()["grpc-status"], "0");
    until("it to be counted no more", async || {
        (site.route().await.targets[0].in_flight == 0).then_some(())
    })
    .await;
    // An error is a head alone.
    let mut sent = client.send(call(), false).await;
    sent.body.send_data(Bytes::from_static(b"what"), true).unwrap();
    let mut served = app.request().await;
    let failed = Response::builder().header("grpc-status", "12").body(()).unwrap();
    served.respond.send_response(failed, true).unwrap();
    let answer = sent.whole().await;
    assert_eq!((answer.status, answer.header("grpc-status")), (200, Some("12")));
    assert_eq!(app.connections(), 1);
}

/// A client of HTTP/1.1 does not notice what the app speaks.
#[tokio::test]
async fn p41_a_client_of_http_1_1_is_served() {
    let (_site, app, port) = served().await;
    let mut client = Wire::connect(port).await;
    client
        .send("GET /a?b HTTP/1.1\r\nHost: api.example.com:8000\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nX-Own: 1\r\n\r\n")
        .await;
    let mut served = app.request().await;
    assert_eq!(served.head.uri, "http://api.example.com:8000/a?b");
    assert_eq!(served.head.headers["x-own"], "1");
    assert_eq!(served.head.headers["x-forwarded-host"], "api.example.com:8000");
    assert!(!served.head.headers.contains_key("x-hop"));
    served.say("answer");
    let answer = client.message().await;
    assert_eq!((answer.status(), answer.text()), (200, "answer"));
    // Bodies of either form, and a client that asks before it sends.
    let mut client = Wire::connect(port).await;
    for (head, body) in [
        ("content-length: 4", "body"),
        ("transfer-encoding: chunked", "4\r\nbody\r\n0\r\n\r\n"),
        ("content-length: 4\r\nexpect: 100-continue", "body"),
    ] {
        client
            .send(format!("POST / HTTP/1.1\r\nhost: api\r\n{head}\r\n\r\n"))
            .await;
        let mut served = app.request().await;
        if head.contains("expect") {
            assert_eq!(client.head().await.status(), 100);
        }
        client.send(body).await;
        assert_eq!(served.all().await, b"body");
        served.say("taken");
        assert_eq!(client.message().await.text(), "taken");
    }
    // Another protocol is not to be had.
    client
        .send("GET /ws HTTP/1.1\r\nhost: api\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        .await;
    let mut served = app.request().await;
    assert!(!served.head.headers.contains_key("upgrade"));
    served.answer(426, true);
    assert_eq!(client.message().await.status(), 426);
    client.send("HEAD / HTTP/1.0\r\n\r\n").await;
    let mut served = app.request().await;
    assert_eq!(served.head.uri.authority().unwrap(), &app.address().to_string());
    served.answer(204, true);
    assert_eq!(client.message().await.status(), 204);
}

/// All requests share a connection, as far as the app lets them.
#[tokio::test]
async fn p41_there_are_few_connections_to_an_app() {
    let site = site(Limits::default()).await;
    let app = Http2App::new().await;
    let port = site.serve(app.target("blue")).await;
    let (mut one, mut two) = (Http2::connect(port).await, Wire::connect(port).await);
    let mut sent = Vec::new();
    for _ in 0..20 {
        sent.push(one.send(asked("GET", "/"), true).await);
    }
    two.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    for _ in 0..21 {
        app.request().await.say("answer");
    }
    for sent in sent {
        assert_eq!(sent.whole().await.text(), "answer");
    }
    assert_eq!(two.message().await.text(), "answer");
    assert_eq!(app.connections(), 1);
    let mut settings = server::Builder::new();
    settings.max_concurrent_streams(4);
    let narrow = Http2App::with(settings).await;
    site.switch_to(narrow.target("green")).await;
    // The app's word comes with its first answer.
    let first = one.send(asked("GET", "/"), true).await;
    narrow.request().await.say("first");
    first.whole().await;
    let mut all = Vec::new();
    for _ in 0..12 {
        let sent = one.send(asked("GET", "/"), true).await;
        all.push((sent, narrow.request().await));
    }
    assert!(
        (3..=4).contains(&narrow.connections()),
        "{}",
        narrow.connections()
    );
    for (sent, mut served) in all {
        served.say("answer");
        assert_eq!(sent.whole().await.text(), "answer");
    }
}

/// Each release in its own protocol, and each waited for.
#[tokio::test]
async fn p46_the_protocol_changes_with_the_release() {
    let site = site(Limits::default()).await;
    let (blue, green) = (Upstream::new().await, Http2App::new().await);
    let port = site.serve(blue.target("blue")).await;
    let (mut client, mut other) = (Http2::connect(port).await, Http2::connect(port).await);
    let old = client.send(asked("GET", "/old"), true).await;
    let mut app = blue.accept().await;
    assert_eq!(app.head().await.first, "GET /old HTTP/1.1");
    let route = site.switch_to(green.target("green")).await;
    assert_eq!(route.targets[0].protocol, AppProtocol::H2c);
    let drained = site.drain("blue", PATIENCE, PATIENCE);
    let new = client.send(asked("GET", "/new"), true).await;
    let mut served = green.request().await;
    app.send("HTTP/1.1 204 Old\r\n\r\n").await;
    assert_eq!(old.whole().await.status, 204);
    assert_eq!(soon("the drain", drained).await.unwrap().left, 0);
    // And back.
    site.switch_to(blue.target("blue again")).await;
    let drained = site.drain("green", PATIENCE, PATIENCE);
    let back = other.send(asked("GET", "/back"), true).await;
    let mut app = blue.accept().await;
    assert_eq!(app.head().await.first, "GET /back HTTP/1.1");
    assert!(!drained.is_finished());
    served.say("new");
    assert_eq!(new.whole().await.text(), "new");
    assert_eq!(soon("the drain", drained).await.unwrap().left, 0);
    app.send("HTTP/1.1 204 Back\r\n\r\n").await;
    assert_eq!(back.whole().await.status, 204);
}

/// The same container, told of in another way.
#[tokio::test]
async fn p46_a_container_keeps_its_protocol_through_a_restart_of_the_switch() {
    let mut site = site(Limits::default()).await;
    let app = Http2App::new().await;
    let port = site.serve(target("blue", app.address())).await;
    site.switch_to(app.target("blue")).await;
    let version = || {
        let text = std::fs::read(site.table()).unwrap();
        serde_json::from_slice::<serde_json::Value>(&text).unwrap()["version"].clone()
    };
    assert_eq!(version(), 4);
    site.restart().await;
    let mut client = Http2::connect(port).await;
    let sent = client.send(asked("GET", "/"), true).await;
    app.request().await.say("still");
    assert_eq!(sent.whole().await.text(), "still");
    site.switch_to(target("other", app.address())).await;
    let text = std::fs::read_to_string(site.table()).unwrap();
    assert!(
        text.contains("\"version\": 1") && !text.contains("protocol"),
        "{text}"
    );
}

/// Who takes a request back, or does not answer it, tells the other end.
#[tokio::test]
async fn p41_resets_pass_both_ways() {
    let (site, app, port) = served().await;
    let mut client = Http2::connect(port).await;
    let mut sent = client.send(asked("POST", "/"), false).await;
    let mut served = app.request().await;
    sent.body.send_reset(Reason::CANCEL);
    served.reset().await;
    let mut sent = client.send(asked("POST", "/"), false).await;
    let mut served = app.request().await;
    let mut body = served.answer(200, false);
    body.send_data(Bytes::from_static(b"some"), false).unwrap();
    let answer = soon("an answer", &mut sent.answer).await.unwrap();
    sent.body.send_reset(Reason::CANCEL);
    drop(answer);
    reset_of(&mut body).await;
    let sent = client.send(asked("GET", "/"), true).await;
    let mut served = app.request().await;
    let mut body = served.answer(200, false);
    body.send_data(Bytes::from_static(b"some"), false).unwrap();
    let mut answer = sent.head().await;
    assert_eq!(answer.piece().await.unwrap().unwrap(), "some");
    body.send_reset(Reason::INTERNAL_ERROR);
    let error = answer.whole().await.expect_err("it is not whole");
    assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
    // Before its answer: it may have done something, so it is not sent again.
    let sent = client.send(asked("POST", "/"), true).await;
    app.request().await.respond.send_reset(Reason::INTERNAL_ERROR);
    assert_eq!(sent.whole().await.status, 502);
    // A client of HTTP/1.1 that goes.
    let mut gone = Wire::connect(port).await;
    gone.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let mut served = app.request().await;
    drop(gone);
    served.reset().await;
    until("none to be counted", async || {
        (site.route().await.targets[0].in_flight == 0).then_some(())
    })
    .await;
    assert_eq!(app.connections(), 1);
}

/// What an app has not taken is sent again, whatever it is: the app says itself that it did nothing with it.
#[tokio::test]
async fn p41_what_an_app_refuses_is_sent_again() {
    let (_site, app, port) = served().await;
    let mut client = Http2::connect(port).await;
    let sent = client.send(asked("POST", "/"), true).await;
    app.request().await.respond.send_reset(Reason::REFUSED_STREAM);
    app.request().await.say("taken");
    assert_eq!(sent.whole().await.text(), "taken");
    // It ends its connections, as apps do now and then, and those that come then are served on others.
    for number in 2..10 {
        app.leave();
        let mut sent = Vec::new();
        for _ in 0..3 {
            sent.push(client.send(asked("POST", "/"), true).await);
        }
        for _ in 0..3 {
            app.request().await.say("taken");
        }
        for sent in sent {
            assert_eq!(sent.whole().await.text(), "taken");
        }
        assert!(app.connections() <= number);
    }
    assert!(app.connections() > 2);
}

/// A connection that breaks with requests on it.
#[tokio::test]
async fn p41_an_app_that_breaks_off_is_a_502() {
    let (site, app, port) = served().await;
    let mut client = Http2::connect(port).await;
    let sent = client.send(asked("GET", "/"), true).await;
    app.request().await.say("fine");
    sent.whole().await;
    let (read, write) = (
        client.send(asked("GET", "/"), true).await,
        client.send(asked("POST", "/"), true).await,
    );
    let served = (app.request().await, app.request().await);
    let green = Named::new("green").await;
    app.close().await;
    drop(served);
    assert_eq!(write.whole().await.status, 502);
    // What can be sent again waits for the app to come back, for a while.
    site.switch_to(green.target()).await;
    assert_eq!(read.whole().await.text(), "green");
    // One that speaks HTTP/1.1 and was said to speak HTTP/2.
    let other = Http2App::new().await;
    let wrong = gokku_proxy::control::api::Target {
        protocol: AppProtocol::H2c,
        ..green.target_of("wrong")
    };
    site.switch_to(wrong).await;
    assert_eq!(client.get("/").await.status, 502);
    site.switch_to(other.target("right")).await;
    let sent = client.send(asked("GET", "/"), true).await;
    other.request().await.say("right");
    assert_eq!(sent.whole().await.text(), "right");
}

/// Clients that take nothing of what the app sends them do not keep others from theirs.
#[tokio::test]
async fn p41_answers_that_nobody_takes_do_not_block_others() {
    let (_site, app, port) = served().await;
    let mut stuck = Vec::new();
    for _ in 0..4 {
        let mut settings = Builder::new();
        settings.initial_window_size(0);
        let mut client = Http2::with(port, &settings).await;
        for _ in 0..10 {
            let sent = client.send(asked("GET", "/"), true).await;
            let mut served = app.request().await;
            let mut body = served.answer(200, false);
            body.send_data(vec![b'x'; 1_000_000].into(), true).unwrap();
            stuck.push((sent.head().await, body));
        }
        std::mem::forget(client);
    }
    let mut client = Http2::connect(port).await;
    let sent = client.send(asked("GET", "/"), true).await;
    let mut served = app.request().await;
    let mut body = served.answer(200, false);
    let all = noise(3_000_000);
    body.send_data(all.clone().into(), true).unwrap();
    assert!(sent.whole().await.body == all);
    assert_eq!(app.connections(), 1);
}

/// Given up is the whole request: also what its client would still send.
#[tokio::test]
async fn p41_an_exchange_that_nobody_takes_part_in_is_given_up() {
    let site = site(Limits {
        download_timeout: Duration::from_secs(1),
        ..Limits::default()
    })
    .await;
    let app = Http2App::new().await;
    let http1 = Upstream::new().await;
    let port = site.serve(app.target("blue")).await;
    let mut settings = Builder::new();
    settings.initial_window_size(0);
    for speaks in [AppProtocol::H2c, AppProtocol::Http1] {
        let mut client = Http2::with(port, &settings).await;
        let mut sent = client.send(asked("POST", "/"), false).await;
        let ended = match speaks {
            AppProtocol::H2c => {
                let mut served = app.request().await;
                let mut body = served.answer(200, false);
                body.send_data(vec![b'x'; 1_000_000].into(), false).unwrap();
                tokio::spawn(async move {
                    reset_of(&mut body).await;
                })
            }
            AppProtocol::Http1 => {
                site.switch_to(http1.target("green")).await;
                sent = client.send(asked("POST", "/"), false).await;
                let mut app = http1.accept().await;
                app.head().await;
                app.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
                    .await;
                app.send(vec![b'x'; 1_000_000]).await;
                tokio::spawn(async move {
                    app.rest().await;
                })
            }
        };
        let reason = reset_of(&mut sent.body).await;
        assert_eq!(reason, Reason::CANCEL, "{speaks:?}");
        soon("the app to be told", ended).await.unwrap();
        assert!(client.lives());
        until("none to be counted", async || {
            let route = site.route().await;
            (route.targets[0].in_flight == 0 && route.retired.is_empty()).then_some(())
        })
        .await;
    }
}
