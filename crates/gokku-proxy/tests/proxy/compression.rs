//! Answers that are compressed on their way: in the coding that the client takes, piece by piece, and none that must not be.

use std::io::{Read, Write};

use gokku_proxy::control::api::Target;

use crate::support::{Message, Site, Upstream, Wire};

const CODINGS: [&str; 3] = ["gzip", "br", "zstd"];

/// The target of an app whose answers are compressed.
fn compressed(upstream: &Upstream) -> Target {
    Target {
        compression: true,
        ..upstream.target("blue")
    }
}

/// A page that is worth it.
fn page() -> String {
    (0..3000).fold(String::new(), |page, line| {
        page + &format!("<p>This is line {line}.</p>\n")
    })
}

/// All that can be read of compressed bytes, whether or not they are all.
fn read(coding: &str, bytes: &[u8]) -> String {
    let mut text = Vec::new();
    match coding {
        "gzip" => {
            let mut decoder = flate2::write::GzDecoder::new(Vec::new());
            decoder.write_all(bytes).unwrap();
            decoder.flush().unwrap();
            text.clone_from(decoder.get_ref());
        }
        "br" => {
            let mut decoder = brotli::DecompressorWriter::new(Vec::new(), 4096);
            decoder.write_all(bytes).unwrap();
            decoder.flush().unwrap();
            text.clone_from(decoder.get_ref());
        }
        _ => {
            let mut decoder = zstd::stream::read::Decoder::new(bytes).unwrap();
            let mut piece = [0; 1024];
            while let Ok(length @ 1..) = decoder.read(&mut piece) {
                text.extend(&piece[..length]);
            }
        }
    }
    String::from_utf8(text).unwrap()
}

/// What a client gets that takes answers in these codings.
async fn asked(port: u16, upstream: &Upstream, head: &str, said: &str) -> Message {
    let mut client = Wire::connect(port).await;
    client.send(format!("{head}\r\nhost: api\r\n\r\n")).await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send(said).await;
    app.end().await;
    client.message().await
}

fn takes(coding: &str) -> String {
    format!("GET / HTTP/1.1\r\nte: trailers\r\naccept-encoding: {coding}")
}

#[tokio::test]
async fn a_page_comes_as_its_client_takes_it() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(compressed(&upstream)).await;
    let page = page();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\netag: \"1\"\r\naccept-ranges: bytes\r\n";
    let answers = [
        format!("{head}content-length: {}\r\n\r\n{page}", page.len()),
        format!(
            "{head}trailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{page}\r\n0\r\nx-sum: 7\r\n\r\n",
            page.len()
        ),
        // Its end is the connection's.
        format!("{head}\r\n{page}"),
    ];
    for said in &answers {
        for coding in CODINGS {
            let got = asked(port, &upstream, &takes(coding), said).await;
            assert_eq!(got.header("content-encoding"), Some(coding));
            assert_eq!(got.header("content-length"), None, "{coding}");
            assert_eq!(got.header("accept-ranges"), None, "{coding}");
            assert_eq!(got.header("etag"), Some("W/\"1\""), "{coding}");
            assert_eq!(got.header("vary"), Some("accept-encoding"), "{coding}");
            assert!(
                got.body.len() * 5 < page.len(),
                "{coding}: {} bytes",
                got.body.len()
            );
            assert_eq!(read(coding, &got.body), page, "{coding}");
            let trailers = usize::from(said.contains("x-sum"));
            assert_eq!(got.trailers.len(), trailers, "{coding}");
        }
        let plain = asked(port, &upstream, "GET / HTTP/1.1", said).await;
        assert_eq!(plain.header("content-encoding"), None);
        assert_eq!(plain.header("vary"), Some("accept-encoding"));
        assert_eq!(plain.text(), page);
    }
    let old = asked(
        port,
        &upstream,
        "GET / HTTP/1.0\r\naccept-encoding: gzip",
        &answers[0],
    )
    .await;
    assert_eq!(read("gzip", &old.body), page);
}

#[tokio::test]
async fn what_must_not_be_is_passed_on_as_it_is() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(compressed(&upstream)).await;
    let page = page();
    let length = page.len();
    let table = [
        (
            "events",
            format!("200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {length}"),
        ),
        (
            "a picture",
            format!("200 OK\r\ncontent-type: image/png\r\ncontent-length: {length}"),
        ),
        (
            "what the app has compressed",
            format!("200 OK\r\ncontent-type: text/html\r\ncontent-encoding: br\r\ncontent-length: {length}"),
        ),
        (
            "a part",
            format!(
                "206 Partial Content\r\ncontent-type: text/html\r\ncontent-range: bytes 0-{}/{}\r\ncontent-length: {length}",
                length - 1,
                length * 2
            ),
        ),
    ];
    for (what, head) in &table {
        let said = format!("HTTP/1.1 {head}\r\n\r\n{page}");
        let got = asked(port, &upstream, &takes("gzip"), &said).await;
        assert_eq!(got.header("vary"), None, "{what}");
        assert_ne!(got.header("content-encoding"), Some("gzip"), "{what}");
        assert_eq!(got.header("content-length"), Some(&*length.to_string()), "{what}");
        assert_eq!(got.text(), page, "{what}");
    }
    // What a HEAD tells is as it was; that there are other forms is said.
    let mut client = Wire::connect(port).await;
    let head = "HEAD / HTTP/1.1\r\naccept-encoding: gzip\r\nhost: api\r\n\r\n";
    client.send(head).await;
    let mut app = upstream.accept().await;
    app.head().await;
    app.send(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n\r\n"
    ))
    .await;
    let got = client.head().await;
    assert_eq!(got.header("content-length"), Some(&*length.to_string()));
}

/// A piece that has come goes out, though no more comes.
#[tokio::test]
async fn nobody_waits_for_a_piece_that_has_come() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(compressed(&upstream)).await;
    for coding in CODINGS {
        let mut client = Wire::connect(port).await;
        client
            .send(format!("{}\r\nhost: api\r\n\r\n", takes(coding)))
            .await;
        let mut app = upstream.accept().await;
        app.head().await;
        app.send("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        let got = client.head().await;
        assert_eq!(got.header("content-encoding"), Some(coding));
        let mut bytes = Vec::new();
        let mut expected = String::new();
        for piece in ["one ", "two ", "three "] {
            app.send(format!("{:x}\r\n{piece}\r\n", piece.len())).await;
            expected += piece;
            while read(coding, &bytes) != expected {
                let length = client.through("\r\n").await;
                let length = usize::from_str_radix(length.trim(), 16).unwrap();
                bytes.extend(client.take(length).await);
                client.take(2).await;
            }
        }
        // It breaks off, and is not ended as if it were whole.
        drop(app);
        let rest = client.rest().await;
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{coding}: {rest:?}");
    }
}

/// It is the release's, and moves with the traffic.
#[tokio::test]
async fn it_changes_with_the_traffic() {
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(compressed(&upstream)).await;
    let page = page();
    let said = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n{page}",
        page.len()
    );
    let coding_of = async || {
        let got = asked(port, &upstream, &takes("gzip"), &said).await;
        got.header("content-encoding").map(str::to_owned)
    };
    assert_eq!(coding_of().await.as_deref(), Some("gzip"));
    site.switch_to(upstream.target("green")).await;
    assert_eq!(coding_of().await, None);
    site.switch_to(compressed(&upstream)).await;
    assert_eq!(coding_of().await.as_deref(), Some("gzip"));
}
