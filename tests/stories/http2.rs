//! P41, P46, P47: an app that speaks HTTP/2, from `gokku.yml` to its clients.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gokku_tests::{App, PATIENCE, Server, WorkingCopy, http2_app_program};
use h2::Reason;
use h2::client::SendRequest;
use http::Request;
use tokio::net::TcpStream;

/// A server on whose ports HTTP/2 is spoken without TLS.
fn server() -> Server {
    let server = Server::new();
    server.write("config.toml", "[proxy]\nh2c = true\n");
    server
}

/// Pushes a version of the app that speaks HTTP/2 alone.
fn release(dev: &WorkingCopy<'_>, version: &str) -> gokku_tests::PushOutcome {
    dev.write_program(http2_app_program(), version);
    dev.commit(version);
    dev.push()
}

/// A client that asks without end, several requests at a time, and gives each connection up only when it is told to.
struct Load {
    done: Arc<AtomicBool>,
    client: JoinHandle<Counts>,
}

/// What became of it.
#[derive(Debug, Default)]
struct Counts {
    answered: u32,
    connections: u32,
    /// The versions that have answered, each as long as no other one did.
    versions: Vec<String>,
    failures: Vec<String>,
}

impl Load {
    fn start(address: SocketAddr) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&done);
        let client = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let mut counts = Counts::default();
                while !ends.load(Ordering::SeqCst) {
                    let stream = TcpStream::connect(address).await.expect("nobody is refused");
                    let (sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2 is spoken");
                    let driving = tokio::spawn(connection);
                    counts.connections += 1;
                    counts.ask(sender, &ends).await;
                    let _ = driving.await;
                }
                counts
            })
        });
        Self { done, client }
    }

    fn stop(self) -> Counts {
        self.done.store(true, Ordering::SeqCst);
        let counts = self.client.join().unwrap();
        assert_eq!(counts.failures, [""; 0], "{counts:?}");
        assert!(counts.answered > 50, "{counts:?}");
        counts
    }
}

impl Counts {
    /// Asks until the connection takes no more.
    async fn ask(&mut self, mut sender: SendRequest<Bytes>, ends: &AtomicBool) {
        while !ends.load(Ordering::SeqCst) {
            let mut asked = Vec::new();
            let mut answering = Vec::new();
            for _ in 0..3 {
                sender = match sender.ready().await {
                    Ok(sender) => sender,
                    Err(error) => return self.told(&error),
                };
                let request = Request::post("http://api.example.com/echo.Echo/Say")
                    .header("te", "trailers")
                    .body(())
                    .unwrap();
                match sender.send_request(request, false) {
                    Ok(sent) => asked.push(sent),
                    Err(error) => return self.told(&error),
                }
            }
            for (answer, mut body) in asked {
                let message = Bytes::from_static(b"message");
                let _ = body.send_data(message.clone(), true);
                let exchange = async {
                    let answer = answer.await?;
                    let status = answer.status().as_u16();
                    let mut body = answer.into_body();
                    let mut all = Vec::new();
                    while let Some(piece) = body.data().await {
                        let piece = piece?;
                        body.flow_control().release_capacity(piece.len())?;
                        all.extend(piece);
                    }
                    Ok::<_, h2::Error>((status, all, body.trailers().await?))
                };
                match exchange.await {
                    Ok((200, all, Some(trailers))) if all == message => {
                        self.answered += 1;
                        let version = trailers["version"].to_str().unwrap().to_owned();
                        assert_eq!(trailers["grpc-status"], "0");
                        answering.push(version);
                    }
                    // It was not taken, and the client knows that it can send it again.
                    Err(error) if error.is_go_away() && error.reason() == Some(Reason::NO_ERROR) => {}
                    other => self.failures.push(format!("{other:?}")),
                }
            }
            self.answered_by(answering);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Requests that are under way together have no order: while traffic is switched, any of them may be the first that the new version gets.
    fn answered_by(&mut self, mut together: Vec<String>) {
        let before = self.versions.last().cloned();
        together.sort_by_key(|version| before.as_ref() != Some(version));
        self.versions.extend(together);
        self.versions.dedup();
    }

    /// The connection takes no more requests: the only good reason is that it was said.
    fn told(&mut self, error: &h2::Error) {
        if error.is_io() || error.is_reset() {
            self.failures.push(format!("{error:?}"));
        }
    }
}

/// The version that answers now, by HTTP/1.1.
#[track_caller]
fn version(api: &App<'_>) -> String {
    let answer = api.get("/version").unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text().trim().to_owned()
}

/// Deploys and a rollback under load: no request is lost, and no connection notices. A new switch: no request is lost, and each client is
/// told to come again.
#[test]
fn p41_p46_an_app_that_speaks_http2_is_deployed_under_load() {
    let server = server();
    let api = server.create("api");
    let dev = api.working_copy_with("    protocol: h2c\n");
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    release(&dev, "v1").ok();
    assert_eq!(version(&api), "v1");
    let load = Load::start(api.address());
    release(&dev, "v2").ok();
    release(&dev, "v3").ok();
    api.gokku(["rollback"]).ok();
    assert_eq!(version(&api), "v2");
    let counts = load.stop();
    assert_eq!(counts.connections, 1, "{counts:?}");
    assert_eq!(counts.versions, ["v1", "v2", "v3", "v2"]);
    let load = Load::start(api.address());
    for _ in 0..3 {
        server.gokku(["proxy", "restart"]).ok();
    }
    api.gokku(["restart"]).ok();
    let counts = load.stop();
    // The old switch still takes those who come while its port closes, and tells them, too.
    assert!(counts.connections > 1, "{counts:?}");
}

/// The protocol is the release's: it changes with the traffic, and goes back with it.
#[test]
fn p41_the_protocol_changes_with_the_release() {
    let server = server();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    dev.release("v1").ok();
    assert_eq!(version(&api), "v1");
    // What is said has to be true, and why it is not is told.
    let before = std::fs::read_to_string(dev.folder().join("gokku.yml")).unwrap();
    dev.write("gokku.yml", format!("{before}    protocol: h2c\n"));
    api.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=2"]).ok();
    dev.release("v2").rejected().says("it does not answer by HTTP/2");
    assert_eq!(version(&api), "v1");
    release(&dev, "v3").ok();
    assert_eq!(version(&api), "v3");
    api.gokku(["rollback"]).ok();
    assert_eq!(version(&api), "v1");
    let began = Instant::now();
    dev.write("gokku.yml", before);
    release(&dev, "v4").rejected();
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(version(&api), "v1");
}
