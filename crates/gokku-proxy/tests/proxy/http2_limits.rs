//! P41, P45: what a client of HTTP/2 may cost, and that others do not notice.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use gokku_proxy::Limits;
use gokku_proxy::control::api::Hold;
use h2::Reason;
use h2::client::Builder;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpSocket;
use tokio_util::task::AbortOnDropHandle;

use crate::support::{Http2, Named, PATIENCE, Site, Upstream, Wire, app, asked, get, noise, ok, soon, until};

const SHORT: Duration = Duration::from_millis(300);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// An answer after which its connection is not used again.
const LAST: &str = "HTTP/1.1 204 Fine\r\nconnection: close\r\n\r\n";

async fn limited(limits: Limits) -> Site {
    let mut site = Site::stopped();
    site.h2c = true;
    site.limits = limits;
    site.start().await.expect("the switch starts");
    site
}

/// A switch with one app, and the place where its requests arrive.
async fn served(limits: Limits) -> (Site, Upstream, u16) {
    let site = limited(limits).await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    (site, upstream, port)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// `GET / ` of `api`, compressed: `:method`, `:scheme` and `:path` of the static table, then the authority.
fn head() -> Vec<u8> {
    let mut head = vec![0x82, 0x86, 0x84, 0x41, 3];
    head.extend(b"api");
    head
}

/// A connection whose frames the test writes itself.
struct Frames(Wire);

impl Frames {
    async fn connect(port: u16) -> Self {
        let mut wire = Wire::connect(port).await;
        wire.send(PREFACE).await;
        wire.send(frame(SETTINGS, 0, 0, b"")).await;
        Self(wire)
    }

    /// Sends a frame; false where the connection has ended.
    async fn try_send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let sent = self.0.try_send(frame(kind, flags, stream, payload));
        soon("bytes to be taken", sent).await.is_ok()
    }

    async fn next(&mut self) -> (u8, u8, u32, Vec<u8>) {
        let head = self.0.take(9).await;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let payload = self.0.take(usize::try_from(length).unwrap()).await;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        (head[3], head[4], stream, payload)
    }

    /// Reads up to a frame of this kind.
    async fn next_of(&mut self, kind: u8) -> Vec<u8> {
        loop {
            let (one, _, _, payload) = self.next().await;
            if one == kind {
                return payload;
            }
        }
    }
}

/// A client may have so many requests at a time; what is more waits there, and is answered in its turn.
#[tokio::test]
async fn p41_max_concurrent_streams() {
    let (site, upstream, port) = served(Limits {
        max_concurrent_streams: 3,
        ..Limits::default()
    })
    .await;
    let mut client = Http2::connect(port).await;
    // The first answer comes after the switch's settings.
    let sent = client.send(asked("GET", "/first"), true).await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send(LAST).await;
    sent.whole().await;
    let mut sent = Vec::new();
    let mut apps = Vec::new();
    for number in 0..4 {
        sent.push(client.send(asked("GET", &format!("/{number}")), true).await);
    }
    for _ in 0..3 {
        let mut app = upstream.accept().await;
        app.head().await;
        apps.push(app);
    }
    assert_eq!(site.route().await.targets[0].in_flight, 3);
    // Its connection is used again.
    apps[0].send(ok("one")).await;
    assert_eq!(apps[0].head().await.first, "GET /3 HTTP/1.1");
    // A client that takes no heed of it is refused.
    let mut rude = Frames::connect(port).await;
    for number in 0..4 {
        rude.try_send(HEADERS, END_STREAM | END_HEADERS, number * 2 + 1, &head())
            .await;
    }
    assert_eq!(rude.next_of(RST_STREAM).await, [0, 0, 0, 7], "REFUSED_STREAM");
}

/// P45: who sends more than the app has taken, and than the windows are, is cut off; others do not notice.
#[tokio::test]
async fn p45_nobody_sends_more_than_the_windows() {
    const PIECE: usize = 16 * 1024;
    let tight = [
        // One request of more than its window, and two that are more together.
        (70_000, 16 << 20, &[5][..]),
        (16 << 20, 100_000, &[4, 4]),
    ];
    for (stream_window_bytes, connection_window_bytes, pieces) in tight {
        let (site, _upstream, port) = served(Limits {
            stream_window_bytes,
            connection_window_bytes,
            ..Limits::default()
        })
        .await;
        let other = Named::new("other").await;
        let other = site.open_other("other", other.target()).await;
        // Nobody takes what waits.
        let hold = Hold { limit_ms: 60_000 };
        site.client.hold(&app("api"), hold).await.unwrap();
        let mut rude = Frames::connect(port).await;
        let mut request = head();
        request[0] = 0x83;
        for (number, pieces) in (0..).zip(pieces) {
            rude.try_send(HEADERS, END_HEADERS, number * 2 + 1, &request)
                .await;
            for _ in 0..*pieces {
                rude.try_send(DATA, 0, number * 2 + 1, &[0; PIECE]).await;
            }
        }
        let code = loop {
            match rude.next().await {
                (RST_STREAM, _, _, payload) => break payload,
                (GOAWAY, _, _, payload) => break payload[4..8].to_vec(),
                _ => {}
            }
        };
        assert_eq!(code, [0, 0, 0, 3], "FLOW_CONTROL_ERROR");
        assert_eq!(get(other, "/").await.text(), "other");
    }
}

/// Each request counts as one of the connections that an app's clients may have: it costs one to the app.
#[tokio::test]
async fn p41_requests_count_as_connections() {
    let (site, upstream, port) = served(Limits {
        max_app_connections: Some(4),
        ..Limits::default()
    })
    .await;
    let blue = Named::new("other").await;
    let other = site.open_other("other", blue.target()).await;
    let mut client = Http2::connect(port).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let sent = client.send(asked("GET", "/"), true).await;
        let mut app = upstream.accept().await;
        app.head().await;
        held.push((sent, app));
    }
    let answer = client.get("/").await;
    assert_eq!(
        (answer.status, answer.header("x-gokku-error")),
        (503, Some("too-many-connections"))
    );
    assert!(client.lives());
    assert_eq!(get(port, "/").await.status(), 503);
    assert_eq!(get(other, "/").await.text(), "other");
    let (sent, mut app) = held.pop().unwrap();
    app.send(ok("blue")).await;
    sent.whole().await;
    drop(app);
    let sent = client.send(asked("GET", "/"), true).await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send(ok("again")).await;
    assert_eq!(sent.whole().await.text(), "again");
    // A connection without a request makes room for another one, and its client is told.
    drop(held);
    until("no request to be left", async || {
        (site.route().await.targets[0].in_flight == 0).then_some(())
    })
    .await;
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(Http2::connect(port).await);
    }
    client.ended().await.expect("it ends in peace");
}

#[tokio::test]
async fn p41_large_and_many_headers_are_refused() {
    let (_site, upstream, port) = served(Limits {
        max_head_bytes: 16_384,
        max_headers: 50,
        ..Limits::default()
    })
    .await;
    let mut client = Http2::connect(port).await;
    let large = |bytes: usize| asked("GET", "/").header("x-large", "x".repeat(bytes));
    let many = |count: usize| {
        (0..count).fold(asked("GET", "/"), |request, number| {
            request.header(format!("x-{number}"), "1")
        })
    };
    for (request, status) in [
        (large(15_000), 200),
        (large(17_000), 431),
        (many(50), 200),
        (many(51), 431),
    ] {
        let sent = client.send(request, true).await;
        if status == 200 {
            let mut app = upstream.accept().await;
            app.head().await;
            app.send(ok("fine")).await;
        }
        assert_eq!(sent.whole().await.status, status);
    }
    assert!(client.lives());
}

/// A few bytes that become many: each refers to a long header that was sent once.
#[tokio::test]
async fn p41_a_compressed_head_counts_as_what_it_is() {
    let (_site, upstream, port) = served(Limits::default()).await;
    let mut client = Frames::connect(port).await;
    let mut bomb = head();
    // A header of 4,000 bytes, which is remembered, and then 16,000 times that one.
    bomb.extend([0x40, 1, b'x', 0x7f, 0xa1, 0x1e]);
    bomb.extend([b'a'; 4000]);
    bomb.extend([0xbe; 10_000]);
    client.try_send(HEADERS, END_STREAM | END_HEADERS, 1, &bomb).await;
    let last = client.next_of(GOAWAY).await;
    assert_eq!(last[4..8], [0, 0, 0, 11], "ENHANCE_YOUR_CALM");
    let mut polite = Http2::connect(port).await;
    let sent = polite.send(asked("GET", "/"), true).await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send(ok("fine")).await;
    assert_eq!(sent.whole().await.text(), "fine");
}

/// A head without an end: however many frames it comes in, and however slowly.
#[tokio::test]
async fn p41_a_head_has_an_end() {
    let site = limited(Limits {
        head_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    // A flood.
    let mut client = Frames::connect(port).await;
    client.try_send(HEADERS, END_STREAM, 1, &head()).await;
    let mut sent = 0;
    while client.try_send(CONTINUATION, 0, 1, &[0; 1]).await {
        sent += 1;
        assert!(sent < 100_000, "it is taken for ever");
    }
    let mut client = Frames::connect(port).await;
    client.try_send(HEADERS, END_STREAM, 1, &head()).await;
    let mut sent = 0;
    while client.try_send(CONTINUATION, 0, 1, &[0x82; 16_000]).await {
        sent += 1;
        assert!(sent < 10_000, "it is taken for ever");
    }
    // A trickle, also where another request is being answered.
    for busy in [false, true] {
        let upstream = Upstream::new().await;
        site.switch_to(upstream.target("slow")).await;
        let mut client = Frames::connect(port).await;
        let mut app = None;
        if busy {
            client
                .try_send(HEADERS, END_STREAM | END_HEADERS, 1, &head())
                .await;
            app = Some(upstream.accept().await);
        }
        let whole = frame(HEADERS, END_STREAM, 3, &[0x82; 16_000]);
        let (first, rest) = whole.split_at(20);
        client.0.send(first).await;
        let began = Instant::now();
        let mut rest = rest.iter();
        while let Some(byte) = rest.next()
            && client.0.try_send([*byte]).await.is_ok()
        {
            assert!(began.elapsed() < PATIENCE, "it is waited for");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(began.elapsed() + Duration::from_millis(50) >= SHORT);
        drop(app);
    }
    // The preface is one, too.
    let mut client = Wire::connect(port).await;
    client.send(&PREFACE[..20]).await;
    client.rest().await;
    site.switch_to(blue.target()).await;
    assert_eq!(get(port, "/").await.text(), "blue");
}

/// Requests that are taken back at once cost the app, and the client nothing.
#[tokio::test]
async fn p41_rapid_reset() {
    let site = limited(Limits {
        max_reset_streams: 20,
        ..Limits::default()
    })
    .await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut polite = Http2::connect(port).await;
    let kept = polite.send(asked("GET", "/kept"), true).await;
    let mut kept_app = upstream.accept().await;
    kept_app.head().await;
    let taking = tokio::spawn(async move {
        let mut begun = 0;
        while let Ok(mut app) = tokio::time::timeout(Duration::from_secs(1), upstream.accept()).await {
            begun += 1;
            tokio::spawn(async move { app.rest().await });
        }
        (upstream, begun)
    });
    // In one breath, and one after the other.
    for pause in [false, true] {
        let mut client = Frames::connect(port).await;
        let mut stream = 1;
        loop {
            let mut both = frame(HEADERS, END_STREAM | END_HEADERS, stream, &head());
            if pause {
                client.0.try_send(&both).await.ok();
                tokio::time::sleep(Duration::from_millis(5)).await;
                both.clear();
            }
            both.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
            if soon("bytes to be taken", client.0.try_send(&both)).await.is_err() {
                break;
            }
            stream += 2;
            assert!(stream < 20_000, "it is taken for ever");
        }
    }
    let (upstream, begun) = soon("the last of them", taking).await.unwrap();
    assert!(begun < 200, "{begun} requests have reached the app");
    kept_app.send(LAST).await;
    assert_eq!(kept.whole().await.status, 204);
    // Who takes back a few, and has others answered, goes on.
    let mut client = Http2::connect(port).await;
    for _ in 0..60 {
        let mut taken_back = client.send(asked("GET", "/"), true).await;
        let mut app = upstream.accept().await;
        app.head().await;
        taken_back.body.send_reset(Reason::CANCEL);
        app.rest().await;
        let sent = client.send(asked("GET", "/"), true).await;
        let mut app = upstream.accept().await;
        app.head().await;
        app.send(LAST).await;
        assert_eq!(sent.whole().await.status, 204);
    }
    assert!(client.lives());
}

/// A client that takes nothing of an answer loses it, and not what else it has asked for; the container does not wait for it.
#[tokio::test]
async fn p41_an_answer_that_nobody_takes_is_given_up() {
    let site = limited(Limits {
        download_timeout: Duration::from_secs(1),
        ..Limits::default()
    })
    .await;
    let (blue, green) = (Upstream::new().await, Named::new("green").await);
    let port = site.serve(blue.target("blue")).await;
    for first in [0, 100_000] {
        site.switch_to(blue.target("blue")).await;
        let mut settings = Builder::new();
        settings
            .initial_window_size(first)
            .initial_connection_window_size(10_000_000);
        let mut client = Http2::with(port, &settings).await;
        let sent = client.send(asked("GET", "/"), true).await;
        let mut app = blue.accept().await;
        app.head().await;
        app.send("HTTP/1.1 200 OK\r\ncontent-length: 50000000\r\n\r\n")
            .await;
        let sending = tokio::spawn(async move {
            let all = noise(50_000_000);
            let _ = app.try_send(&all).await;
        });
        let mut stuck = sent.head().await;
        // Another answer on the same connection is taken.
        let quiet = client.send(asked("GET", "/quiet"), true).await;
        let mut quiet_app = blue.accept().await;
        quiet_app.head().await;
        site.switch_to(green.target()).await;
        let drained = site.drain("blue", PATIENCE, PATIENCE);
        let error = loop {
            // Whatever has come is not taken, so that no window opens.
            match soon("it to be given up", stuck.body.data()).await {
                Some(Ok(_)) => {}
                Some(Err(error)) => break error,
                None => panic!("all of it has come"),
            }
        };
        assert_eq!(error.reason(), Some(Reason::CANCEL));
        soon("the app to hear of it", sending).await.unwrap();
        // An app that says nothing for longer than that is waited for.
        assert!(!drained.is_finished());
        quiet_app
            .send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await;
        assert_eq!(quiet.whole().await.status, 200);
        let drained = soon("the drain", drained).await.unwrap();
        assert_eq!((drained.left, drained.cut), (0, 0));
        assert!(client.lives());
    }
}

/// A slow client has all of its answers, however long each of them waits for the others in the kernel's buffers.
#[tokio::test]
async fn p41_answers_that_wait_for_a_slow_connection_are_not_given_up() {
    let site = limited(Limits {
        download_timeout: Duration::from_secs(1),
        ..Limits::default()
    })
    .await;
    let blue = Upstream::new().await;
    let port = site.serve(blue.target("blue")).await;
    let (client, server) = tokio::io::duplex(16 * 1024);
    let mut settings = Builder::new();
    settings
        .initial_window_size(LARGE.try_into().unwrap())
        .initial_connection_window_size(100_000_000);
    let slow = tokio::spawn(slowly(server, port));
    let mut client = Http2::over(client, &settings, "http").await;
    let mut all = Vec::new();
    for _ in 0..4 {
        let sent = client.send(asked("GET", "/"), true).await;
        let mut app = blue.accept().await;
        app.head().await;
        tokio::spawn(async move {
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {LARGE}\r\n\r\n");
            app.send(head).await;
            let _ = app.try_send(vec![b'x'; LARGE]).await;
            app.rest().await;
        });
        all.push(tokio::spawn(async move { sent.whole().await.body.len() }));
    }
    for one in all {
        assert_eq!(one.await.unwrap(), LARGE);
    }
    slow.abort();
}

/// More than the kernel keeps of one connection, if there are four of them.
const LARGE: usize = 2_200_000;

/// Copies between a client and the switch, and of what the switch sends a lot at once, seldom.
async fn slowly(client: DuplexStream, port: u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let (mut from, mut to) = socket.connect(address).await.unwrap().into_split();
    let (mut read, mut write) = tokio::io::split(client);
    let back = tokio::spawn(async move { tokio::io::copy(&mut read, &mut to).await });
    let _back = AbortOnDropHandle::new(back);
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut bytes).await.unwrap();
        if length == 0 || write.write_all(&bytes[..length]).await.is_err() {
            return;
        }
        // 0.8 MB in a second: once the kernel takes no more, it is longer than the limit before it does again.
        tokio::time::sleep(Duration::from_nanos(length as u64 * 1250)).await;
    }
}

/// A connection without a request ends in time, whatever else comes on it, and its client is told before.
#[tokio::test]
async fn p41_idle_connections_end() {
    let (_site, upstream, port) = served(Limits {
        idle_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = Http2::connect(port).await;
    let sent = client.send(asked("GET", "/"), true).await;
    let mut app = upstream.accept().await;
    app.head().await;
    // A quiet request is none of that.
    tokio::time::sleep(SHORT * 3).await;
    app.send(ok("late")).await;
    assert_eq!(sent.whole().await.text(), "late");
    let began = Instant::now();
    client.end().await.expect("it ends in peace");
    assert!(began.elapsed() + Duration::from_millis(50) >= SHORT);
    let mut client = Frames::connect(port).await;
    let began = Instant::now();
    while client.try_send(PING, 0, 0, &[0; 8]).await {
        assert!(began.elapsed() < PATIENCE, "it is waited for");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    client.next_of(GOAWAY).await;
}

/// Each end asks whether the other one is still there, and one that does not answer is gone.
#[tokio::test]
async fn p41_a_client_that_answers_no_ping_has_gone() {
    let site = limited(Limits {
        keepalive_interval: Duration::from_secs(1),
        download_timeout: Duration::from_secs(1),
        ..Limits::default()
    })
    .await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut polite = Http2::connect(port).await;
    let sent = polite.send(asked("GET", "/polite"), true).await;
    let mut polite_app = upstream.accept().await;
    polite_app.head().await;
    let mut client = Frames::connect(port).await;
    client
        .try_send(HEADERS, END_STREAM | END_HEADERS, 1, &head())
        .await;
    let mut app = upstream.accept().await;
    app.head().await;
    assert_eq!(app.rest().await, b"");
    client.0.rest().await;
    polite_app.send(ok("still here")).await;
    assert_eq!(sent.whole().await.text(), "still here");
}

/// Frames that make work and say nothing.
#[tokio::test]
async fn p41_empty_frames_do_not_go_on_for_ever() {
    let (_site, upstream, port) = served(Limits::default()).await;
    let mut client = Frames::connect(port).await;
    client.try_send(HEADERS, END_HEADERS, 1, &head()).await;
    let _app = upstream.accept().await;
    let mut sent = 0;
    while client.try_send(DATA, 0, 1, b"").await {
        sent += 1;
        assert!(sent < 200_000, "they are taken for ever");
    }
}
