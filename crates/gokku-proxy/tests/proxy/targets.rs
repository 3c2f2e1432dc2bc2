//! What an app gets of a request's target that has bytes it may not have: what nginx and Go's servers take reaches it.
//! nginx 1.22 was asked with the same bytes: it refuses white space, control bytes and DEL, and passes everything else.

use gokku_tests::Chance;

use crate::support::{Named, Site, Upstream, Wire, ok, soon};

/// What is sent, and what the app gets; nothing where the switch refuses it.
const EXAMPLES: &[(&[u8], Option<&str>)] = &[
    // Prometheus' own interface asks like this where it is typed into an address.
    (
        b"/api/v1/query?query=up{job=\"api\",code!~\"5..\"}>0",
        Some("/api/v1/query?query=up{job=%22api%22,code!~%225..%22}%3E0"),
    ),
    (b"/?filter[a]=<b>", Some("/?filter[a]=%3Cb%3E")),
    (b"/<script>?<script>", Some("/%3Cscript%3E?%3Cscript%3E")),
    (b"/say \"hi\"", None),
    (b"/say\"hi\"", Some("/say\"hi\"")),
    (b"/{a}|b\\c^d[e]", Some("/{a}|b\\c^d[e]")),
    (b"/?{a}|b\\c^d[e]`f`", Some("/?{a}|b\\c^d[e]`f`")),
    (b"/`a`", Some("/%60a%60")),
    (
        "/caf\u{e9}?q=\u{1f41d}".as_bytes(),
        Some("/caf%C3%A9?q=%F0%9F%90%9D"),
    ),
    // Latin-1: no UTF-8.
    (b"/caf\xe9?q=\xfc", Some("/caf%E9?q=%FC")),
    // What a client should have kept to itself is not thrown away in silence.
    (b"/a#b?c", Some("/a%23b?c")),
    (b"/a?b#c", Some("/a?b%23c")),
    (b"/%", Some("/%")),
    (b"/%zz?%%22", Some("/%zz?%%22")),
    (b"http://api/a?q=\"<>\"", Some("/a?q=%22%3C%3E%22")),
    (b"/a\tb", None),
    (b"/a\x7fb", None),
    (b"/a?\x7f", None),
];

/// Every byte, in a path and in a query.
fn every_byte() -> Vec<(Vec<u8>, Option<String>)> {
    let mut cases = Vec::new();
    for byte in 0..=255_u8 {
        for (query, before) in [(false, "/a"), (true, "/a?b=")] {
            let plain = format!("{before}{}c", char::from(byte));
            let encoded = format!("{before}%{byte:02X}c");
            let comes = match byte {
                ..=b' ' | 0x7f => None,
                b'<' | b'>' | b'#' | 0x80.. => Some(encoded),
                b'"' if query => Some(encoded),
                b'`' if !query => Some(encoded),
                _ => Some(plain),
            };
            cases.push(([before.as_bytes(), &[byte], b"c"].concat(), comes));
        }
    }
    cases
}

#[tokio::test]
async fn targets_that_others_take_reach_the_app() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let mut client = Wire::connect(port).await;
    let examples = EXAMPLES
        .iter()
        .map(|(sent, comes)| (sent.to_vec(), comes.map(str::to_owned)));
    for (number, (target, comes)) in examples.chain(every_byte()).enumerate() {
        let shown = target.escape_ascii().to_string();
        client
            .send([b"GET ", &target[..], b" HTTP/1.1\r\nhost: api\r\n\r\n"].concat())
            .await;
        let answer = soon(&shown, client.message()).await;
        let last = blue.asked().last().map(|request| request.first.clone());
        if let Some(comes) = comes {
            assert_eq!(answer.status(), 200, "{shown}");
            assert_eq!(last, Some(format!("GET {comes} HTTP/1.1")), "{shown}");
        } else {
            assert_eq!(
                (answer.status(), answer.header("x-gokku-error")),
                (400, Some("bad-request")),
                "{shown}"
            );
            assert_eq!(client.rest().await, b"", "{shown}");
            client = Wire::connect(port).await;
            let asked = blue.asked().len();
            client.get(&format!("/{number}")).await;
            assert_eq!(blue.asked().len(), asked + 1, "{shown} was not passed on");
        }
    }
}

/// Requests behind one another in one piece, with bodies that look like requests: only targets are changed.
#[tokio::test]
async fn bodies_are_not_taken_for_targets() {
    const LOOKS: &str = "GET /\"<>#` HTTP/1.1\r\nhost: \"<>\r\n\r\nGET /\"<> HTTP/1.1\r\n\r\n";
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let length = LOOKS.len();
    let requests = [
        format!("POST /1?\" HTTP/1.1\r\nHost: api\r\nContent-Length: {length}\r\nX: <\">\r\n\r\n{LOOKS}"),
        format!(
            "POST /2?\" HTTP/1.1\r\nhost: api\r\ntransfer-encoding: chunked\r\n\r\n\
             {length:x}\r\n{LOOKS}\r\n{length:X};a=\"<>\"\r\n{LOOKS}\r\n0000\r\nX-Sum: <\"\r\n\r\n"
        ),
        "\r\n\r\nGET /3?\" HTTP/1.1\r\nhost: api\r\n\r\n".to_owned(),
        "GET /4?\" HTTP/1.1\nhost: api\nx: <\">\n\n".to_owned(),
        "POST /5?\" HTTP/1.1\r\nhost: api\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "GET /6?\" HTTP/1.1\r\nhost: api\r\n\r\n".to_owned(),
    ]
    .concat();
    for pieces in [1, 7, 64, usize::MAX] {
        let mut client = Wire::connect(port).await;
        for piece in requests.as_bytes().chunks(pieces) {
            client.send(piece).await;
        }
        for number in 1..=6 {
            assert_eq!(client.message().await.status(), 200, "{pieces}: {number}");
        }
        let asked = blue.asked();
        let asked = &asked[asked.len() - 6..];
        for (request, number) in asked.iter().zip(1..) {
            let method = if [1, 2, 5].contains(&number) {
                "POST"
            } else {
                "GET"
            };
            assert_eq!(request.first, format!("{method} /{number}?%22 HTTP/1.1"));
        }
        assert_eq!(asked[0].text(), LOOKS);
        assert_eq!(asked[0].header("x"), Some("<\">"));
        assert_eq!(asked[1].text(), LOOKS.repeat(2));
        assert_eq!(asked[3].header("x"), Some("<\">"));
    }
}

/// Where it is not sure that a body ends where it seems to, nothing behind it is changed: it arrives as it is, or is
/// refused.
#[tokio::test]
async fn what_is_not_sure_is_not_changed() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    for body in [
        "5 \r\n/\"<>`\r\n0\r\n\r\n",
        "5\t;a\r\n/\"<>`\r\n0\r\n\r\n",
        "0000000000000000000005\r\n/\"<>`\r\n0\r\n\r\n",
        "5\r\n/\"<>`\r\n0 \r\n\r\n",
    ] {
        let mut client = Wire::connect(port).await;
        client
            .send(format!(
                "POST /1 HTTP/1.1\r\nhost: api\r\ntransfer-encoding: chunked\r\n\r\n{body}\
                 GET /2 HTTP/1.1\r\nhost: api\r\nx: \"<>`\r\n\r\nGET /3?\" HTTP/1.1\r\nhost: api\r\n\r\n"
            ))
            .await;
        for status in [200, 200, 400] {
            assert_eq!(client.message().await.status(), status, "{body:?}");
        }
        let asked = blue.asked();
        assert_eq!(asked[asked.len() - 2].text(), "/\"<>`", "{body:?}");
        assert_eq!(asked[asked.len() - 1].header("x"), Some("\"<>`"), "{body:?}");
    }
}

/// Behind a request for another protocol there is that, or another request.
#[tokio::test]
async fn another_protocol_is_not_changed_and_what_follows_a_refused_one_is() {
    const ASKED: &str =
        "GET /ws?\" HTTP/1.1\r\nhost: api\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    const NEXT: &str = "GET /next?\" HTTP/1.1\r\nhost: api\r\n\r\n";
    let site = Site::new().await;
    let upstream = Upstream::new().await;
    let port = site.serve(upstream.target("blue")).await;
    for pieces in [1, 50, usize::MAX] {
        let mut client = Wire::connect(port).await;
        for piece in format!("{ASKED}{NEXT}{NEXT}").as_bytes().chunks(pieces) {
            client.send(piece).await;
        }
        let mut app = upstream.accept().await;
        assert_eq!(app.head().await.first, "GET /ws?%22 HTTP/1.1");
        app.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            .await;
        assert_eq!(client.head().await.status(), 101);
        assert_eq!(app.take(NEXT.len() * 2).await, NEXT.repeat(2).into_bytes());

        let mut client = Wire::connect(port).await;
        for piece in format!("{ASKED}{NEXT}{NEXT}").as_bytes().chunks(pieces) {
            client.send(piece).await;
        }
        let mut app = upstream.accept().await;
        assert_eq!(app.head().await.first, "GET /ws?%22 HTTP/1.1");
        app.send(ok("no")).await;
        for _ in 0..2 {
            assert_eq!(app.head().await.first, "GET /next?%22 HTTP/1.1");
            app.send(ok("next")).await;
        }
        for text in ["no", "next", "next"] {
            assert_eq!(client.message().await.text(), text);
        }
    }
}

/// A request of any kind that has this byte wherever it may; whether a body's end may not be sure for everybody.
fn any_request(chance: &mut Chance, byte: char, last: bool) -> (String, bool) {
    let looks = format!("GET /a?{byte} HTTP/1.1\r\nhost: api\r\n\r\n0\r\n\r\n{byte}");
    let body = looks.repeat(1 + chance.below(3));
    let body = &body[..chance.below(body.len())];
    let end = if chance.below(4) == 0 { "\n" } else { "\r\n" };
    let before = ["", "", "\r\n", "\n\r\n"][chance.below(4)];
    let close = if last {
        format!("connection: close{end}")
    } else {
        String::new()
    };
    let head =
        format!("{before}POST /{byte}?{byte}{byte}/ HTTP/1.1{end}host: api{end}x: {byte}<{byte}{end}{close}");
    let mut sure = true;
    let request = match chance.below(5) {
        0 => format!("{head}{end}"),
        1 if !last => format!("{head}connection: upgrade{end}upgrade: websocket{end}{end}"),
        2 | 3 => format!("{head}content-length: {}{end}{end}{body}", body.len()),
        _ => {
            let mut chunks = format!("{head}transfer-encoding: chunked{end}{end}");
            let mut rest = body;
            while !rest.is_empty() {
                let (chunk, later) = rest.split_at(1 + chance.below(rest.len()));
                rest = later;
                let length = chunk.len();
                let size = match chance.below(8) {
                    0 => format!("{length:x};{byte}={byte}"),
                    1 => format!("000{length:X}"),
                    2 => {
                        sure = false;
                        format!("{length:x} ")
                    }
                    3 => {
                        sure = false;
                        format!("{length:020x}")
                    }
                    _ => format!("{length:x}"),
                };
                chunks = format!("{chunks}{size}\r\n{chunk}\r\n");
            }
            let trailers = ["", "", "x-sum: ", "x-one: 1\r\nx-two: "][chance.below(4)];
            let trailers = if trailers.is_empty() {
                String::new()
            } else {
                format!("{trailers}{byte}\r\n")
            };
            format!(
                "{chunks}{}\r\n{trailers}\r\n",
                ["0", "000", "0;a"][chance.below(3)]
            )
        }
    };
    (request, sure)
}

/// Whatever requests stand behind one another, and in whatever pieces they come: where a byte has to be changed, the app
/// gets the same as where a plain one stands in its place.
#[tokio::test]
async fn what_is_changed_ends_where_others_end() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    for seed in 0..60 {
        let mut seen = Vec::new();
        let mut sure = true;
        for byte in ['x', '"', '<'] {
            let chance = &mut Chance::new(seed);
            let count = 1 + chance.below(6);
            let mut stream = String::new();
            for number in 1..=count {
                let (request, is_sure) = any_request(chance, byte, number == count);
                stream += &request;
                sure &= is_sure;
            }
            let piece = [1, 2, 10, 100, 100_000][chance.below(5)];
            let before = blue.asked().len();
            let mut client = Wire::connect(port).await;
            for piece in stream.as_bytes().chunks(piece) {
                // The connection ends early where something is refused.
                let _ = client.try_send(piece).await;
            }
            let answers = String::from_utf8(soon("the end", client.rest()).await).unwrap();
            let asked = blue.asked().split_off(before).into_iter().map(|request| {
                let encoded = format!("%{:02X}", u32::from(byte));
                let text = format!(
                    "{} {:?} {:?} {:?}",
                    request.first,
                    request.all("x"),
                    String::from_utf8_lossy(&request.body),
                    request.trailers
                );
                text.replace("\\\"", "\"")
                    .replace(&encoded, "x")
                    .replace(byte, "x")
            });
            let asked: Vec<String> = asked.collect();
            seen.push((asked, answers.matches("HTTP/1.1 400").count()));
            if byte == 'x' {
                assert_eq!(seen[0].0.len(), count, "{seed}: {stream:?} {answers}");
            }
        }
        let (plain, refused) = &seen[0];
        let plain: Vec<_> = plain.iter().map(|text| text.replace(['"', '<'], "x")).collect();
        assert_eq!(*refused, 0, "{seed}");
        for (changed, refused) in &seen[1..] {
            let changed: Vec<_> = changed.iter().map(|text| text.replace(['"', '<'], "x")).collect();
            assert_eq!(changed[..], plain[..changed.len()], "{seed}");
            assert_eq!(
                changed.len() + refused,
                if sure {
                    plain.len()
                } else {
                    changed.len() + refused
                },
                "{seed}"
            );
            assert!(*refused == 0 || !sure, "{seed}");
        }
    }
}
