//! Orders that come to a certificate, and what an authority says of its renewal.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use gokku_acme::{AccountStore, Client, DnsHook, Error, ExternalAccount, Issued, Request};
use gokku_core::certificates::proof::Proof;
use gokku_core::domains::name::DomainName;
use gokku_tests::{AcmeFront, FrontAct};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::answering::Answering;
use crate::server::{AsAuthority, Options, Pebble};

/// An account that is kept in memory, and how often another one was kept.
#[derive(Default)]
pub(crate) struct Kept(pub(crate) Mutex<(Option<Vec<u8>>, usize)>);

impl Kept {
    pub(crate) fn times(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

impl AccountStore for Kept {
    fn load(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().0.clone())
    }

    fn save(&self, account: &[u8]) -> io::Result<()> {
        let mut kept = self.0.lock().unwrap();
        *kept = (Some(account.to_vec()), kept.1 + 1);
        Ok(())
    }
}

/// Orders a certificate for names, each proved so.
pub(crate) async fn order(
    client: &Client,
    names: &[(&str, Proof)],
    account: &Kept,
    answering: &Answering,
) -> Result<Issued, Error> {
    let names: Vec<(DomainName, Proof)> = names
        .iter()
        .map(|(name, proof)| (name.parse().unwrap(), *proof))
        .collect();
    let request = Request {
        names: &names,
        renews: None,
    };
    client.order(request, account, answering).await
}

/// The first certificate of a chain, after it was checked that all can be read and that the key is its own.
pub(crate) fn leaf(issued: &Issued) -> CertificateDer<'static> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(issued.chain.as_bytes())
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(chain.len() > 1, "the chain has what signed it");
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let key = rustls::crypto::aws_lc_rs::default_provider()
        .key_provider
        .load_private_key(key)
        .unwrap();
    assert_eq!(key.algorithm(), rustls::SignatureAlgorithm::ECDSA);
    let certified = rustls::sign::CertifiedKey::new(chain.clone(), key);
    certified.keys_match().unwrap();
    chain[0].clone()
}

fn assert_is_for(issued: &Issued, names: &[&str]) {
    let leaf = leaf(issued);
    let certificate = rustls::server::ParsedCertificate::try_from(&leaf).unwrap();
    for name in names {
        let name = rustls::pki_types::ServerName::try_from(name.replace('*', "any")).unwrap();
        rustls::client::verify_server_name(&certificate, &name).unwrap();
    }
}

#[tokio::test]
async fn names_are_proved_over_http_and_tls_whatever_nonces_are_refused() {
    let pebble = Pebble::start(Options {
        refused_nonces: 30,
        ..Options::default()
    });
    let answering = Answering::to(&pebble).await;
    let (client, account) = (Client::new(pebble.authority()).unwrap(), Kept::default());
    let mut tries = 0;
    let issued = loop {
        let names = [("a.test", Proof::Http), ("b.test", Proof::Tls)];
        match order(&client, &names, &account, &answering).await {
            Ok(issued) => break issued,
            // The library gives up at the third refusal in a row; whoever orders tries again.
            Err(error) => assert_eq!(
                error.problem,
                gokku_core::certificates::problem::Problem::AuthorityAway,
                "{error:?}"
            ),
        }
        tries += 1;
        assert!(tries < 20);
    };
    assert_is_for(&issued, &["a.test", "b.test"]);
    let published = answering.published();
    for expected in ["http a.test", "tls b.test"] {
        assert!(published.contains(&expected.to_owned()), "{published:?}");
    }
    assert_eq!(answering.open(), 0, "all is withdrawn");
    let shown = format!("{issued:?} {:?}", pebble.authority());
    assert!(!shown.contains("PRIVATE KEY"), "{shown}");
    assert_eq!(account.times(), 1, "one account is made");
}

#[tokio::test]
async fn a_wildcard_is_proved_by_the_program_that_writes_to_the_dns() {
    let pebble = Pebble::start(Options::default());
    let answering = Answering::to(&pebble).await;
    let mut authority = pebble.authority();
    authority.dns_hook = Some(DnsHook {
        program: pebble.dns_hook(),
        limit: Duration::from_secs(60),
    });
    let client = Client::new(authority).unwrap();
    let names = [("*.wild.test", Proof::Dns), ("wild.test", Proof::Http)];
    let issued = order(&client, &names, &Kept::default(), &answering)
        .await
        .unwrap();
    assert_is_for(&issued, &["*.wild.test", "wild.test"]);
    let log = std::fs::read_to_string(pebble.at("hook.log")).unwrap();
    assert_eq!(
        log,
        "set _acme-challenge.wild.test\nremove _acme-challenge.wild.test\n"
    );
    assert_eq!(answering.published(), ["http wild.test"]);
}

#[tokio::test]
async fn renewal_information_is_read_and_a_renewal_says_what_it_renews() {
    let pebble = Pebble::start(Options::default());
    let front = AcmeFront::start(&pebble, |_, _| FrontAct::Pass).await;
    let answering = Answering::to(&pebble).await;
    let client = Client::new(pebble.authority_at(front.port)).unwrap();
    let account = Kept::default();
    let issued = order(&client, &[("a.test", Proof::Http)], &account, &answering).await;
    let first = leaf(&issued.unwrap());
    let information = client
        .renewal_information(&first, &account)
        .await
        .unwrap()
        .unwrap();
    let window = information.window;
    let length = window.end.since(window.start);
    assert!(
        length > Duration::ZERO && length < Duration::from_secs(6 * 86_400),
        "{window:?}"
    );
    assert!(information.wait > Duration::ZERO, "{information:?}");
    let names = [("a.test".parse().unwrap(), Proof::Http)];
    let renewal = Request {
        names: &names,
        renews: Some(&first),
    };
    for times in 0..2 {
        // The authority lets it be replaced once; without that, it is ordered all the same.
        client.order(renewal, &account, &answering).await.unwrap();
        let orders: Vec<bool> = payloads(&front, "/order-plz")
            .iter()
            .map(|payload| payload.contains("\"replaces\""))
            .collect();
        let expected = [false, true, true, false];
        assert_eq!(orders, expected[..2 + 2 * times]);
    }
    let nobodys = client.renewal_information(b"no certificate", &account).await;
    assert_eq!(nobodys.unwrap(), None);
}

/// What was sent to a path, taken out of its signature.
fn payloads(front: &AcmeFront, path: &str) -> Vec<String> {
    let seen = front.seen();
    let bodies = seen
        .iter()
        .filter(|(seen, body)| seen == path && !body.is_empty());
    bodies.map(|(_, body)| payload(body)).collect()
}

fn payload(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    String::from_utf8(decoded(body["payload"].as_str().unwrap())).unwrap()
}

/// The bytes of a text in base64url, RFC 4648 section 5, without its padding.
fn decoded(encoded: &str) -> Vec<u8> {
    let mut bits = 0_u32;
    let mut count = 0;
    let mut bytes = Vec::new();
    for letter in encoded.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}

#[tokio::test]
async fn the_profile_and_the_contact_are_said_and_an_external_account_is_bound() {
    const KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let pebble = Pebble::start(Options {
        external_account: Some(("kid-1", KEY)),
        ..Options::default()
    });
    let front = AcmeFront::start(&pebble, |_, _| FrontAct::Pass).await;
    let answering = Answering::to(&pebble).await;
    let mut authority = pebble.authority_at(front.port);
    authority.profile = Some("shortlived".to_owned());
    let names = [("a.test", Proof::Http)];
    let without = Client::new(authority.clone()).unwrap();
    let error = order(&without, &names, &Kept::default(), &answering)
        .await
        .unwrap_err();
    assert_eq!(
        error.problem,
        gokku_core::certificates::problem::Problem::ExternalAccountRequired,
        "{error:?}"
    );
    authority.external_account = Some(ExternalAccount::new("kid-1".to_owned(), decoded(KEY)));
    let shown = format!("{authority:?}");
    assert!(shown.contains("kid-1") && !shown.contains("key"), "{shown}");
    let client = Client::new(authority).unwrap();
    order(&client, &names, &Kept::default(), &answering)
        .await
        .unwrap();
    let account = payloads(&front, "/sign-me-up").pop().unwrap();
    assert!(account.contains("mailto:admin@example.com"), "{account}");
    assert!(account.contains("\"externalAccountBinding\""), "{account}");
    let sent = payloads(&front, "/order-plz").pop().unwrap();
    assert!(sent.contains("\"profile\":\"shortlived\""), "{sent}");
}
