//! What `config.toml` says of the traffic switch's clients is what counts.

use std::io::{Read, Write};
use std::net::TcpStream;

use gokku_tests::{Connection, PATIENCE, Server, memory, wait_until};

/// What a client is answered that sends this and no more.
fn answered(address: impl std::net::ToSocketAddrs, request: &str) -> String {
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_limits_of_the_server_are_kept() {
    let server = Server::new();
    server.write("config.toml", "[proxy.limits]\nmax_headers = 10\n");
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    let request = |headers: usize| {
        let more = "x: 1\r\n".repeat(headers - 2);
        format!("GET /version HTTP/1.1\r\nhost: api\r\nconnection: close\r\n{more}\r\n")
    };
    let fine = answered(api.address(), &request(10));
    assert!(fine.starts_with("HTTP/1.1 200 OK\r\n"), "{fine}");
    let too_many = answered(api.address(), &request(11));
    assert!(too_many.starts_with("HTTP/1.1 431 "), "{too_many}");

    assert!(too_many.contains("too many headers"), "{too_many}");

    // An app's own are its right; Prometheus' query reaches it, and names as old clients write them.
    let many = answered(
        api.address(),
        "GET /many?headers=150 HTTP/1.1\r\nhost: api\r\nconnection: close\r\n\r\n",
    );
    assert!(many.starts_with("HTTP/1.1 200 OK\r\n"), "{many}");
    assert_eq!(many.matches("\r\nX-Many: 1").count(), 150, "{many}");
    let query = answered(
        api.address(),
        "GET /headers?query=up{job=\"api\"}>0 HTTP/1.1\r\nhost: api\r\nX-OLD-Name: 1\r\nconnection: close\r\n\r\n",
    );
    assert!(query.starts_with("HTTP/1.1 200 OK\r\n"), "{query}");
    assert!(query.contains("\nX-OLD-Name: 1\n"), "{query}");

    // As many connections as the machine allows.
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.daemon().unwrap())).unwrap();
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .unwrap();
    let numbers: Vec<&str> = files.split_whitespace().collect();
    assert_eq!(numbers[0], numbers[1], "{files}");
}

/// An app that refuses an upload before it has read it is heard, every time: by a client that sends all of it first, and
/// by one that asks whether it may.
#[test]
fn a_refused_upload_is_answered_by_the_app() {
    let server = Server::new();
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    let body = vec![b'x'; 1_000_000];
    for _ in 0..20 {
        let mut client = Connection::open(api.address(), PATIENCE).unwrap();
        let answer = client.request("POST", "/refuse", &[], &body).unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (413, "too large"));
    }
    let asked = answered(
        api.address(),
        "POST /refuse HTTP/1.1\r\nhost: api\r\ncontent-length: 1000000\r\nexpect: 100-continue\r\n\r\n",
    );
    assert!(asked.starts_with("HTTP/1.1 413 "), "{asked}");
}

/// A flood of heads that do not end takes some memory, not all it wants, and gives it back.
#[test]
fn what_a_flood_took_is_given_back() {
    let server = Server::new();
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    let daemon = server.daemon().unwrap();
    let before = memory(daemon);
    let head = format!("GET /version HTTP/1.1\r\nx: {}", "x".repeat(62_000));
    let mut clients = Vec::new();
    for _ in 0..600 {
        let mut client = TcpStream::connect(api.address()).unwrap();
        // Of those that were closed already, some tell so.
        let _ = client.write_all(head.as_bytes());
        clients.push(client);
    }
    let most = memory(daemon) - before;
    assert!(most < 100_000, "{most} kB for 600 heads of 62 kB");
    assert_eq!(api.version(), "v1");
    drop(clients);
    wait_until("the memory to be given back", PATIENCE, || {
        (memory(daemon) < before + most / 2).then_some(())
    });
}

/// A limit that cannot be is told before anything is done, with its place.
#[test]
fn a_limit_that_cannot_be_is_told() {
    let server = Server::new();
    let api = server.create("api");
    server.write("config.toml", "[proxy.limits]\nhead_timeout = 0\n");
    let push = api
        .working_copy()
        .release("v1")
        .rejected()
        .says("config.toml:2:16")
        .says("a whole number from 1 to 86400");
    assert!(!push.output.contains("Building"), "{push}");
    server.write("config.toml", "[proxy]\ntrusted_proxies = [\"nginx\"]\n");
    api.working_copy()
        .release("v1")
        .rejected()
        .says("config.toml:2")
        .says("\"nginx\" is neither an address nor a network");
}
