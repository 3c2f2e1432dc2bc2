//! Apps that answer an upload before they have read it, and hang up: their answer is what the client gets, whole.

use std::net::SocketAddr;
use std::time::Duration;

use gokku_proxy::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Message, Named, Site, Wire, noise, soon, target};

const TOO_LARGE: &str =
    "HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\nconnection: close\r\n\r\ntoo large";
const MEGABYTE: usize = 1_000_000;

/// When an app answers.
#[derive(Clone, Copy, Debug)]
enum When {
    /// Before it has read anything.
    AtOnce,
    /// When it has read the head, and what came with it.
    AfterHead,
    /// In the midst of the body.
    Midway,
}

/// What it does then.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// It closes; as there is something that it has not read, the kernel resets the connection.
    Close,
    /// It says first that it will send nothing more, as Python's servers do.
    EndAndClose,
    /// It resets the connection itself.
    Reset,
    /// It answers in two pieces, and closes.
    CloseAfterTwo,
}

/// An app that refuses every upload in this way.
async fn refusing(when: When, then: Then) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(refuse(stream, when, then));
        }
    });
    address
}

async fn refuse(mut stream: TcpStream, when: When, then: Then) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut bytes = vec![0; 4096];
    match when {
        When::AtOnce => {}
        When::AfterHead => {
            let _ = stream.read(&mut bytes).await?;
        }
        When::Midway => {
            for _ in 0..50 {
                let _ = stream.read(&mut bytes).await?;
            }
        }
    }
    let answer = TOO_LARGE.as_bytes();
    match then {
        Then::Close => stream.write_all(answer).await?,
        Then::EndAndClose => {
            stream.write_all(answer).await?;
            stream.shutdown().await?;
        }
        Then::Reset => {
            stream.write_all(answer).await?;
            stream.set_zero_linger()?;
        }
        Then::CloseAfterTwo => {
            let (head, body) = answer.split_at(answer.len() - 9);
            stream.write_all(head).await?;
            tokio::task::yield_now().await;
            stream.write_all(body).await?;
        }
    }
    Ok(())
}

/// An upload of so many bytes.
fn upload(bytes: usize, chunked: bool) -> Vec<u8> {
    let body = noise(bytes);
    if !chunked {
        let head = format!("POST /upload HTTP/1.1\r\nhost: api\r\ncontent-length: {bytes}\r\n\r\n");
        return [head.into_bytes(), body].concat();
    }
    let mut all = b"POST /upload HTTP/1.1\r\nhost: api\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(50_000) {
        all.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        all.extend(chunk);
        all.extend(b"\r\n");
    }
    all.extend(b"0\r\n\r\n");
    all
}

fn is_refused(what: &str, answer: &Message) {
    assert_eq!((answer.status(), answer.text()), (413, "too large"), "{what}");
    assert_eq!(answer.header("x-gokku-error"), None, "{what}");
}

/// Every way in which an app refuses, and every client: the one that sends all of it before it reads, and the one that
/// reads first. None of them is answered by anybody but the app.
#[tokio::test]
async fn a_refused_upload_is_answered_by_the_app() {
    let site = Site::new().await;
    for when in [When::AtOnce, When::AfterHead, When::Midway] {
        for then in [Then::Close, Then::EndAndClose, Then::Reset, Then::CloseAfterTwo] {
            let port = site.serve(target("blue", refusing(when, then).await)).await;
            for chunked in [false, true] {
                for _ in 0..5 {
                    let what = format!("{when:?}, {then:?}, chunked {chunked}");
                    let mut client = Wire::connect(port).await;
                    client.send(upload(MEGABYTE, chunked)).await;
                    let answer = soon(&what, client.message()).await;
                    is_refused(&what, &answer);
                    if answer.header("connection") == Some("close") {
                        assert_eq!(soon(&what, client.rest()).await, b"", "{what}");
                    } else {
                        // All of it had been taken by then: the client's connection goes on.
                        client.send(upload(MEGABYTE, chunked)).await;
                        is_refused(&what, &soon(&what, client.message()).await);
                    }
                }
            }
        }
    }
}

/// The same of a small one, which may have been sent whole by then, and of one that is larger than what any kernel keeps.
#[tokio::test]
async fn a_refused_upload_may_be_of_any_size() {
    let site = Site::new().await;
    let port = site
        .serve(target("blue", refusing(When::AfterHead, Then::Close).await))
        .await;
    for bytes in [1, 1000, 70_000, 100_000_000] {
        let mut client = Wire::connect(port).await;
        client.send(upload(bytes, false)).await;
        is_refused(
            &format!("{bytes} bytes"),
            &soon("an answer", client.message()).await,
        );
    }
}

/// A client that takes its time, one that reads while it sends, and one that stops when it has its answer.
#[tokio::test]
async fn a_refused_upload_may_be_slow() {
    let site = Site::new().await;
    let port = site
        .serve(target("blue", refusing(When::AfterHead, Then::Close).await))
        .await;
    let all = upload(MEGABYTE, false);
    let mut slow = Wire::connect(port).await;
    for piece in all.chunks(50_000) {
        slow.send(piece).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    is_refused("slow", &soon("an answer", slow.message()).await);

    let mut client = Wire::connect(port).await;
    client.send(&all[..1000]).await;
    is_refused("it stops", &soon("an answer", client.message()).await);
    client.end().await;
    assert_eq!(soon("the end", client.rest()).await, b"");
}

/// An app that answers early and reads all the same keeps its connection, and its client is told that its own one ends.
#[tokio::test]
async fn an_app_that_reads_on_gets_all() {
    let site = Site::new().await;
    let upstream = crate::support::Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    let all = upload(MEGABYTE, false);
    client.send(&all[..1000]).await;
    let mut app = upstream.accept().await;
    let head = app.head().await;
    assert_eq!(head.first, "POST /upload HTTP/1.1");
    app.send("HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno")
        .await;
    let answer = soon("an answer", client.message()).await;
    assert_eq!((answer.status(), answer.text()), (401, "no"));
    assert_eq!(answer.header("connection"), Some("close"));
    let (body, ()) = tokio::join!(app.take(MEGABYTE), client.send(&all[1000..]));
    assert!(body == all[all.len() - MEGABYTE..]);
    assert_eq!(soon("the end", client.rest()).await, b"");
}

/// A streaming app answers while it reads, and reads to the end.
#[tokio::test]
async fn an_answer_may_come_while_the_request_does() {
    let site = Site::new().await;
    let upstream = crate::support::Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client
        .send("POST /echo HTTP/1.1\r\nhost: api\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        .await;
    let mut app = upstream.accept().await;
    app.through("3\r\none\r\n").await;
    app.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        .await;
    client.through("3\r\none\r\n").await;
    client.send("3\r\ntwo\r\n0\r\n\r\n").await;
    app.through("3\r\ntwo\r\n0\r\n\r\n").await;
    app.send("3\r\ntwo\r\n0\r\n\r\n").await;
    client.through("3\r\ntwo\r\n0\r\n\r\n").await;
}

/// An answer that breaks off is no whole one, though the app could not be written to either.
#[tokio::test]
async fn half_of_a_refusal_is_not_passed_on_as_whole() {
    let site = Site::new().await;
    let upstream = crate::support::Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    let mut client = Wire::connect(port).await;
    client.send(&upload(MEGABYTE, false)[..100_000]).await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\n\r\ntoo")
        .await;
    drop(app);
    let _ = client.try_send(&upload(MEGABYTE, false)[100_000..]).await;
    let came = soon("the end", client.rest()).await;
    assert!(!String::from_utf8_lossy(&came).contains("too large"));
    assert!(!String::from_utf8_lossy(&came).contains("x-gokku-error"));
}

/// The limits of how long somebody is listened to whose request was answered: bytes, and time.
#[tokio::test]
async fn who_goes_on_sending_is_cut_in_the_end() {
    let bytes = Limits {
        max_linger_bytes: 200_000,
        ..Limits::default()
    };
    let time = Limits {
        linger_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    for (what, limits) in [("bytes", bytes), ("time", time)] {
        let site = Site::limited(limits).await;
        let port = site
            .serve(target("blue", refusing(When::AfterHead, Then::Close).await))
            .await;
        let mut client = Wire::connect(port).await;
        client
            .send("POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 1000000000000\r\n\r\n")
            .await;
        is_refused(what, &soon("an answer", client.message()).await);
        soon(what, async {
            while client.try_send([b'x'; 1000]).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(if what == "time" { 5 } else { 0 })).await;
            }
        })
        .await;
    }
}

/// Who is listened to only makes room for those who ask.
#[tokio::test]
async fn who_goes_on_sending_makes_room() {
    let site = Site::limited(Limits {
        max_connections: Some(1),
        ..Limits::default()
    })
    .await;
    let port = site
        .serve(target("blue", refusing(When::AfterHead, Then::Close).await))
        .await;
    let mut client = Wire::connect(port).await;
    client.send(&upload(MEGABYTE, false)[..1000]).await;
    is_refused("the first", &soon("an answer", client.message()).await);
    let blue = Named::new("green").await;
    site.switch_to(blue.target()).await;
    assert_eq!(Wire::connect(port).await.get("/").await.text(), "green");
}
