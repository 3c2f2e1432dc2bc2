//! The control API, as `curl --unix-socket` speaks it, and its socket.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};

use gokku_proxy::control::api::PutChallenge;
use gokku_proxy::control::client::Error;
use gokku_proxy::server::proxy::StartError;
use gokku_proxy::{Client, Proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use crate::support::{Message, Named, PATIENCE, Site, Wire, app, get, until};

/// Asks without the typed client.
async fn ask(site: &Site, method: &str, path: &str, body: &str) -> Message {
    let mut wire = Wire::unix(site.client.socket()).await;
    wire.send(format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    let answer = wire.message().await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer
}

fn json(answer: &Message) -> serde_json::Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

#[tokio::test]
async fn the_status_is_json() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    get(port, "/").await;
    let answer = ask(&site, "GET", "/v1/status", "").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        json(&answer),
        serde_json::json!({
            "version": "1.2.3",
            "pid": std::process::id(),
            "watched": false,
            "routes": [{
                "app": "api",
                "port": port,
                "targets": [{
                    "container": "blue",
                    "release": "20260102-030405",
                    "address": blue.address().to_string(),
                    "down": false,
                    "unhealthy": false,
                    "in_flight": 0,
                    "upgraded": 0,
                }],
                "retired": [],
                "held": false,
                "waiting": 0,
                "requests": 1,
            }],
        })
    );
}

/// A deploy by hand, with curl.
#[tokio::test]
async fn a_switch_can_be_done_by_hand() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let put = ask(
        &site,
        "PUT",
        "/v1/routes/api",
        &format!("{{\"from\": {}}}", site.ports),
    )
    .await;
    let port = u16::try_from(json(&put)["port"].as_u64().unwrap()).unwrap();
    let to = format!(
        "{{\"targets\": [{{\"container\": \"blue\", \"release\": \"20260102-030405\", \"address\": \"{}\"}}]}}",
        blue.address()
    );
    assert_eq!(
        ask(&site, "POST", "/v1/routes/api/switch", &to).await.status(),
        200
    );
    assert_eq!(get(port, "/").await.text(), "blue");
    let drain = "{\"container\": \"none\", \"limit_ms\": 0, \"upgrade_limit_ms\": 0}";
    let drained = ask(&site, "POST", "/v1/routes/api/drain", drain).await;
    assert_eq!(json(&drained), serde_json::json!({"left": 0, "cut": 0}));
    assert_eq!(ask(&site, "DELETE", "/v1/routes/api", "").await.status(), 200);
    assert_eq!(ask(&site, "GET", "/v1/routes/api", "").await.status(), 404);
}

#[tokio::test]
async fn what_is_not_understood_is_refused_in_json() {
    let site = Site::new().await;
    site.open().await;
    let target = "\"container\": \"blue\", \"release\": \"20260102-030405\", \"address\": \"127.0.0.1:1\"";
    let long = "a".repeat(41);
    for (method, path, body) in [
        ("GET", "/", ""),
        ("GET", "/v2/status", ""),
        ("GET", "/v1/status/more", ""),
        ("POST", "/v1/status", ""),
        ("PATCH", "/v1/routes/api", ""),
        ("POST", "/v1/routes/api", "{}"),
        ("POST", "/v1/routes/api/explode", "{}"),
        ("PUT", "/v1/routes/api", ""),
        ("PUT", "/v1/routes/api", "{"),
        ("PUT", "/v1/routes/api", "{\"port\": 70000}"),
        ("PUT", "/v1/routes/api", "{\"port\": \"80\"}"),
        ("PUT", "/v1/routes/api", "{\"port\": 80, \"from\": 80}"),
        ("POST", "/v1/routes/api/hold", "{\"limit_ms\": -1}"),
        (
            "POST",
            "/v1/routes/api/hold",
            "{\"limit_ms\": 1, \"forever\": true}",
        ),
        ("POST", "/v1/routes/api/hold", "{}"),
        ("POST", "/v1/routes/api/switch", "{\"targets\": []}"),
        ("POST", "/v1/routes/api/switch", "{\"targets\": [{}]}"),
        (
            "POST",
            "/v1/routes/api/switch",
            &format!("{{\"targets\": [{{{target}, \"wieght\": 1}}]}}"),
        ),
        (
            "POST",
            "/v1/routes/api/switch",
            &format!("{{\"targets\": [{{{target}}}], \"now\": true}}"),
        ),
        ("PUT", "/v1/routes/..", "{\"from\": 8000}"),
        ("PUT", "/v1/routes/%2e%2e", "{\"from\": 8000}"),
        ("PUT", "/v1/routes/..%2f..%2fetc", "{\"from\": 8000}"),
        ("PUT", "/v1/routes/", "{\"from\": 8000}"),
        ("PUT", "/v1/routes/API", "{\"from\": 8000}"),
        ("PUT", "/v1/routes/-api", "{\"from\": 8000}"),
        ("PUT", "/v1/routes/api-blue", "{\"from\": 8000}"),
        ("PUT", &format!("/v1/routes/{long}"), "{\"from\": 8000}"),
    ] {
        let answer = ask(&site, method, path, body).await;
        let what = format!("{method} {path} {body}: {answer:?}");
        assert_eq!(answer.status(), 400, "{what}");
        let refused = json(&answer);
        assert_eq!(refused["kind"], "request", "{what}");
        assert!(
            refused["reason"].as_str().is_some_and(|words| !words.is_empty()),
            "{what}"
        );
    }
    let routes = site.client.status().await.unwrap().routes;
    assert_eq!(routes.len(), 1);
    assert!(!routes[0].held && routes[0].targets.is_empty());
}

#[tokio::test]
async fn an_app_without_a_route_is_not_found() {
    let site = Site::new().await;
    for (method, path, body) in [
        ("GET", "/v1/routes/api", ""),
        ("DELETE", "/v1/routes/api", ""),
        ("POST", "/v1/routes/api/hold", "{\"limit_ms\": 1}"),
        ("POST", "/v1/routes/api/release", ""),
        ("POST", "/v1/routes/api/clear", ""),
    ] {
        let answer = ask(&site, method, path, body).await;
        assert_eq!(answer.status(), 404, "{method} {path}");
        assert_eq!(
            json(&answer),
            serde_json::json!({"kind": "no-route", "app": "api"})
        );
    }
}

/// More than any request needs is not read to its end.
#[tokio::test]
async fn a_body_without_an_end_is_refused() {
    let site = Site::new().await;
    let mut wire = Wire::unix(site.client.socket()).await;
    wire.send("PUT /v1/routes/api HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    let piece = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    // It may hang up before it has taken all.
    for _ in 0..40 {
        if wire.try_send(&piece).await.is_err() {
            break;
        }
    }
    assert_eq!(wire.message().await.status(), 400);
}

#[tokio::test]
async fn the_socket_is_for_its_group() {
    let site = Site::new().await;
    let facts = fs::metadata(site.client.socket()).unwrap();
    assert!(facts.file_type().is_socket());
    assert_eq!(facts.permissions().mode() & 0o777, 0o660);
}

#[tokio::test]
async fn a_second_switch_is_refused() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    match Proxy::start(site.config()).await {
        Err(StartError::Running(socket)) => assert_eq!(socket, site.client.socket()),
        other => panic!("{other:?}"),
    }
    // The first is as it was.
    assert_eq!(get(port, "/").await.text(), "blue");
    assert_eq!(site.client.status().await.unwrap().routes.len(), 1);
}

/// One that was killed leaves its socket behind.
#[tokio::test]
async fn a_socket_that_nobody_answers_on_is_replaced() {
    let mut site = Site::new().await;
    site.kill().await;
    assert!(site.client.socket().exists());
    let error = site.client.status().await.unwrap_err();
    assert!(matches!(error, Error::NotRunning(_)), "{error:?}");
    site.start().await.unwrap();
    site.client.status().await.unwrap();
}

#[tokio::test]
async fn a_stop_removes_the_socket() {
    let mut site = Site::new().await;
    site.stop(PATIENCE).await.unwrap().end().await;
    assert!(!site.client.socket().exists());
    let error = site.client.status().await.unwrap_err();
    assert!(matches!(error, Error::NotRunning(_)), "{error:?}");
}

/// Two deploys at once may both find no switch and start one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_those_started_at_once_exactly_one_runs() {
    for round in 0..20 {
        let mut site = Site::stopped();
        if round % 2 == 0 {
            // Also where a killed one left its socket.
            site.start().await.unwrap();
            site.kill().await;
        }
        let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(4));
        let mut starting = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (config, barrier) = (site.config(), barrier.clone());
            starting.spawn(async move {
                barrier.wait().await;
                Proxy::start(config).await
            });
        }
        let started = starting.join_all().await;
        let running = started.iter().filter(|start| start.is_ok()).count();
        assert_eq!(running, 1, "round {round}: {started:?}");
        for start in started {
            match start {
                Ok(proxy) => {
                    until("it answers", async || site.client.status().await.ok()).await;
                    proxy.stop(PATIENCE).await;
                }
                Err(StartError::Running(_)) => {}
                Err(other) => panic!("round {round}: {other}"),
            }
        }
    }
}

#[tokio::test]
async fn a_client_without_a_switch_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::new(folder.path().join("none.sock"));
    let error = client.status().await.unwrap_err();
    assert!(matches!(error, Error::NotRunning(_)), "{error:?}");
    assert!(error.to_string().contains("gokku proxy run"), "{error}");
}

/// A switch that leaves in the midst of a question: the next one is asked, unless the question would do more when it is asked twice.
#[tokio::test]
async fn what_a_leaving_switch_has_not_answered_is_asked_of_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("proxy.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let client = Client::new(&socket);
    let asked = async |answer: &str| {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut question = [0; 4096];
        let length = stream.read(&mut question).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&question[..length]).into_owned()
    };
    let name = "example.com".parse().unwrap();
    let put = PutChallenge { pem: String::new() };
    let switches = async {
        let first = asked("").await;
        let second = asked("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnull").await;
        assert_eq!(first, second);
        assert!(first.starts_with("PUT /v1/challenges/example.com "), "{first}");
    };
    let (told, ()) = tokio::join!(client.put_challenge(&name, &put), switches);
    told.expect("an answer");

    let api = app("api");
    let (told, question) = tokio::join!(client.release(&api), asked(""));
    assert!(question.starts_with("POST "), "{question}");
    assert!(matches!(told, Err(Error::Broken { .. })), "{told:?}");
}
