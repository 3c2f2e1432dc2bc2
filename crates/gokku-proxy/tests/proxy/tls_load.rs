//! Certificates are replaced and the switch is, and no client notices.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{Authority, Named, Site, TlsClient, Wire};

/// Clients that never stop asking: on kept connections, on new ones, and on new ones without a ticket.
struct Load {
    done: CancellationToken,
    clients: Vec<JoinHandle<u32>>,
}

impl Load {
    fn start(client: &TlsClient, port: u16) -> Self {
        let done = CancellationToken::new();
        let clients = (0..6)
            .map(|number| {
                let (client, done) = (client.clone(), done.clone());
                tokio::spawn(async move {
                    let mut answered = 0;
                    let mut kept: Option<Wire> = None;
                    while !done.is_cancelled() {
                        let is_new = kept.is_none();
                        let client = if number % 3 == 2 {
                            without_tickets(&client)
                        } else {
                            client.clone()
                        };
                        let mut wire = match kept.take() {
                            Some(wire) => wire,
                            None => client.wire(port, "example.com").await,
                        };
                        wire.send("GET / HTTP/1.1\r\nhost: example.com\r\n\r\n").await;
                        let Some(answer) = wire.try_message().await.expect("no request is broken off") else {
                            // An idle connection may end; one that was just made may not.
                            assert!(!is_new, "a new connection ended before its first answer");
                            continue;
                        };
                        assert_eq!(answer.text(), "api");
                        answered += 1;
                        let ends = answer.header("connection") == Some("close");
                        kept = Some(wire).filter(|_| number % 3 == 0 && !ends);
                    }
                    answered
                })
            })
            .collect();
        Self { done, clients }
    }

    /// Ends it; each client has had answers.
    async fn stop(self) {
        self.done.cancel();
        for client in self.clients {
            assert!(client.await.unwrap() > 0);
        }
    }
}

fn without_tickets(client: &TlsClient) -> TlsClient {
    let mut config = client.0.clone();
    config.resumption = rustls::client::Resumption::disabled();
    TlsClient(config)
}

async fn secured() -> (Site, Named, Authority) {
    let site = Site::new().await;
    let blue = Named::new("api").await;
    site.serve(blue.target()).await;
    site.set_domains("api", &["example.com"]).await.expect("domains");
    let authority = Authority::new();
    site.add_certificate(&authority.issue(&["example.com"])).await;
    (site, blue, authority)
}

#[tokio::test]
async fn a_certificate_is_replaced_and_no_connection_notices() {
    let (site, _blue, authority) = secured().await;
    let client = authority.client();
    let load = Load::start(&client, site.https());
    for _ in 0..20 {
        let next = authority.issue(&["example.com"]);
        site.add_certificate(&next).await;
        let stream = without_tickets(&client)
            .connect(site.https(), "example.com")
            .await;
        let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
        assert_eq!(shown, next.leaf);
    }
    load.stop().await;
}

#[tokio::test]
async fn a_new_switch_takes_over_the_port_of_https() {
    let (mut site, _blue, authority) = secured().await;
    let client = authority.client();
    let load = Load::start(&client, site.https());
    let mut leaving = Vec::new();
    for _ in 0..5 {
        leaving.push(site.take_over().await);
        let mut wire = client.wire(site.https(), "example.com").await;
        wire.send("GET / HTTP/1.1\r\nhost: example.com\r\n\r\n").await;
        assert_eq!(wire.message().await.text(), "api");
    }
    load.stop().await;
    for one in leaving {
        one.await.unwrap();
    }
}
