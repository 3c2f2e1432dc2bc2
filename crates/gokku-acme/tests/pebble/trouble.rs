//! Orders that come to nothing: each is told by its kind, and ends in time.

use std::time::Duration;

use bytes::Bytes;
use gokku_acme::{Client, Limits, Request};
use gokku_core::certificates::problem::Problem;
use gokku_core::certificates::proof::Proof;
use gokku_core::domains::name::DomainName;
use gokku_core::text::utc_time::UtcTime;
use gokku_tests::{AcmeFront, FrontAct, acme_client};
use http_body_util::{BodyExt, Full};
use instant_acme::{Account, BodyWrapper, BytesResponse, HttpClient};

use crate::answering::Answering;
use crate::orders::{Kept, leaf, order};
use crate::server::{AsAuthority, Options, Pebble};

const HTTP: &[(&str, Proof)] = &[("a.test", Proof::Http)];

#[tokio::test]
async fn a_name_that_fails_is_told_apart_from_those_that_work() {
    let pebble = Pebble::start(Options::default());
    let answering = Answering::to(&pebble).await.wrong_for("wrong.test");
    pebble.tell_dns("/add-a", r#"{"host":"closed.test.","addresses":["127.0.0.9"]}"#);
    pebble.tell_dns("/set-servfail", r#"{"host":"broken.test."}"#);
    pebble.tell_dns(
        "/add-caa",
        r#"{"host":"caa.test.","policies":[{"tag":"issue","value":"another-authority.example"}]}"#,
    );
    let client = Client::new(pebble.authority()).unwrap();
    let account = Kept::default();
    for (name, expected) in [
        ("wrong.test", vec![Problem::Unauthorized]),
        ("closed.test", vec![Problem::Connection]),
        ("broken.test", vec![Problem::Dns, Problem::Connection]),
    ] {
        let names = [("a.test", Proof::Http), (name, Proof::Http)];
        let error = order(&client, &names, &account, &answering).await.unwrap_err();
        let failed: Vec<&str> = error.names.keys().map(DomainName::as_str).collect();
        assert_eq!(failed, [name], "{error:?}");
        assert!(expected.contains(&error.problem), "{name}: {error:?}");
        assert!(!error.said.is_empty(), "{error:?}");
        assert_eq!(answering.open(), 0, "{name}");
    }
    let names = [("a.test", Proof::Http), ("blocked.example", Proof::Http)];
    let error = order(&client, &names, &account, &answering).await.unwrap_err();
    assert_eq!(error.problem, Problem::Rejected, "{error:?}");
    let without = [("*.wild.test", Proof::Dns)];
    let error = order(&client, &without, &account, &answering).await.unwrap_err();
    assert_eq!(error.problem, Problem::NoDnsHook, "{error:?}");
    // Those that work are ordered all the same.
    leaf(&order(&client, HTTP, &account, &answering).await.unwrap());
    assert_eq!(account.times(), 1);
}

/// What the protocol's library asks with, for what the client itself never asks.
struct Plain(
    hyper_util::client::legacy::Client<
        hyper_rustls::HttpsConnector<hyper_util::client::legacy::connect::HttpConnector>,
        Full<Bytes>,
    >,
);

impl HttpClient for Plain {
    fn request(
        &self,
        request: hyper::Request<BodyWrapper<Bytes>>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let answer = client
                .request(hyper::Request::from_parts(parts, Full::new(body)))
                .await;
            answer
                .map(BytesResponse::from)
                .map_err(|error| instant_acme::Error::Other(Box::new(error)))
        })
    }
}

#[tokio::test]
async fn an_account_that_is_no_longer_accepted_is_replaced() {
    let pebble = Pebble::start(Options::default());
    let answering = Answering::to(&pebble).await;
    let acme = Client::new(pebble.authority()).unwrap();
    let account = Kept::default();
    order(&acme, HTTP, &account, &answering).await.unwrap();
    let kept = account.0.lock().unwrap().0.clone().unwrap();
    // Deactivated, by its own key.
    let builder = Account::builder_with_http(Box::new(Plain(acme_client(&pebble))));
    let credentials = serde_json::from_slice(&kept).unwrap();
    builder
        .from_credentials(credentials)
        .await
        .unwrap()
        .deactivate()
        .await
        .unwrap();
    leaf(&order(&acme, HTTP, &account, &answering).await.unwrap());
    assert_eq!(account.times(), 2);
    // Unknown, unreadable, and another authority's.
    let kept = account.0.lock().unwrap().0.clone().unwrap();
    let text = String::from_utf8(kept).unwrap();
    for (at, wrong) in [
        text.replace("my-account/", "my-account/0"),
        "{".to_owned(),
        text.replace("/dir", "/another"),
    ]
    .into_iter()
    .enumerate()
    {
        account.0.lock().unwrap().0 = Some(wrong.into_bytes());
        leaf(&order(&acme, HTTP, &account, &answering).await.unwrap());
        assert_eq!(account.times(), 3 + at);
    }
}

#[tokio::test]
async fn an_authority_that_hangs_at_any_request_costs_no_more_than_its_limit() {
    let pebble = Pebble::start(Options::default());
    let answering = Answering::to(&pebble).await;
    let limits = Limits {
        request: Duration::from_secs(1),
        ..Limits::default()
    };
    for at in 0..100 {
        let front = AcmeFront::start(&pebble, move |number, _| {
            if number == at {
                FrontAct::Hang
            } else {
                FrontAct::Pass
            }
        })
        .await;
        let mut authority = pebble.authority_at(front.port);
        authority.limits = limits;
        let ordered = order(
            &Client::new(authority).unwrap(),
            HTTP,
            &Kept::default(),
            &answering,
        )
        .await;
        assert_eq!(answering.open(), 0, "all is withdrawn");
        if front.seen().len() <= at {
            ordered.unwrap();
            assert!(at > 8, "an order takes more requests than {at}");
            return;
        }
        assert_eq!(ordered.unwrap_err().problem, Problem::AuthorityAway);
    }
    panic!("no order takes a hundred requests");
}

#[tokio::test]
async fn an_order_that_is_never_ready_ends_at_its_own_limit() {
    let pebble = Pebble::start(Options::default());
    let answering = Answering::to(&pebble).await;
    // Each answer comes, but no proof is ever looked at.
    let front = AcmeFront::start(&pebble, |_, path| {
        if path.starts_with("/chalZ/") {
            let body = r#"{"type":"http-01","url":"https://localhost/","status":"pending","token":"t"}"#;
            FrontAct::Answer(200, None, "application/json", body.into())
        } else {
            FrontAct::Pass
        }
    })
    .await;
    let mut authority = pebble.authority_at(front.port);
    authority.limits.order = Duration::from_secs(3);
    let error = order(
        &Client::new(authority).unwrap(),
        HTTP,
        &Kept::default(),
        &answering,
    )
    .await;
    assert_eq!(error.unwrap_err().problem, Problem::TookTooLong);
    assert_eq!(answering.open(), 0);
}

#[tokio::test]
async fn what_an_authority_answers_is_told_by_its_kind() {
    let pebble = Pebble::start(Options::default());
    let answering = Answering::to(&pebble).await;
    let problem = "application/problem+json";
    let limited = br#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many\ncertificates"}"#;
    let named = br#"{"type":"urn:ietf:params:acme:error:malformed","detail":"refused","subproblems":[
        {"type":"urn:ietf:params:acme:error:caa","detail":"no","identifier":{"type":"dns","value":"a.test"}}]}"#;
    let table: [(FrontAct, Problem); 7] = [
        (
            FrontAct::Answer(
                429,
                Some("Fri, 31 Dec 2100 23:59:59 GMT"),
                problem,
                limited.to_vec(),
            ),
            Problem::RateLimited {
                until: Some(UtcTime(4_133_980_799)),
            },
        ),
        (
            FrontAct::Answer(429, None, problem, limited.to_vec()),
            Problem::RateLimited { until: None },
        ),
        (
            FrontAct::Answer(
                429,
                Some("Fri, 31 Dec 2100 23:59:59 GMT"),
                "text/html",
                b"<html>".to_vec(),
            ),
            Problem::RateLimited {
                until: Some(UtcTime(4_133_980_799)),
            },
        ),
        (
            FrontAct::Answer(502, None, "text/html", b"<html>".to_vec()),
            Problem::AuthorityAway,
        ),
        (
            FrontAct::Answer(503, None, problem, b"{}".to_vec()),
            Problem::AuthorityAway,
        ),
        (
            FrontAct::Answer(200, None, "text/html", vec![b' '; 2 << 20]),
            Problem::AuthorityAway,
        ),
        (FrontAct::Answer(403, None, problem, named.to_vec()), Problem::Caa),
    ];
    for (act, expected) in table {
        let shown = format!("{expected:?}");
        let front = AcmeFront::start(&pebble, move |_, path| match path {
            "/order-plz" => act.clone(),
            _ => FrontAct::Pass,
        });
        let authority = pebble.authority_at(front.await.port);
        let acme = Client::new(authority).unwrap();
        let error = order(&acme, HTTP, &Kept::default(), &answering)
            .await
            .unwrap_err();
        assert_eq!(error.problem, expected, "{error:?}");
        if shown.contains("RateLimited") {
            assert!(!error.said.contains('\n'), "{error:?}");
        }
        let is_named = error.names.contains_key(&"a.test".parse().unwrap());
        assert_eq!(is_named, expected == Problem::Caa, "{error:?}");
    }
}

#[tokio::test]
async fn a_proof_that_fails_at_once_is_the_name_s_and_not_the_account_s() {
    let pebble = Pebble::start(Options::default());
    let answering = Answering::to(&pebble).await;
    let front = AcmeFront::start(&pebble, |_, path| {
        if path.starts_with("/chalZ/") {
            let body = r#"{"type":"http-01","url":"https://localhost/","status":"invalid","token":"t",
                "error":{"type":"urn:ietf:params:acme:error:unauthorized","detail":"another answer"}}"#;
            FrontAct::Answer(200, None, "application/json", body.into())
        } else {
            FrontAct::Pass
        }
    })
    .await;
    let acme = Client::new(pebble.authority_at(front.port)).unwrap();
    let account = Kept::default();
    let error = order(&acme, HTTP, &account, &answering).await.unwrap_err();
    assert_eq!(error.problem, Problem::Unauthorized, "{error:?}");
    assert_eq!(error.said, "another answer");
    assert!(error.names.contains_key(&"a.test".parse().unwrap()), "{error:?}");
    assert_eq!(account.times(), 1);
}

#[tokio::test]
async fn an_authority_that_is_gone_or_not_the_one_that_is_meant_is_away() {
    let mut pebble = Pebble::start(Options::default());
    let answering = Answering::to(&pebble).await;
    let mut unknown = pebble.authority();
    // Another server's certificate, not this one's.
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    std::fs::write(pebble.at("other.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    unknown.root = Some(pebble.at("other.pem"));
    let error = order(&Client::new(unknown).unwrap(), HTTP, &Kept::default(), &answering).await;
    let error = error.unwrap_err();
    assert_eq!(error.problem, Problem::AuthorityAway, "{error:?}");
    assert!(error.said.contains("certificate"), "{error:?}");
    let account = Kept::default();
    let acme = Client::new(pebble.authority()).unwrap();
    order(&acme, HTTP, &account, &answering).await.unwrap();
    pebble.end();
    let error = order(&acme, HTTP, &account, &answering).await.unwrap_err();
    assert_eq!(error.problem, Problem::AuthorityAway, "{error:?}");
    assert!(error.said.contains("could not be reached"), "{error:?}");
    assert_eq!(account.times(), 1, "no other account is made because of it");
    let error = acme
        .order(
            Request {
                names: &[],
                renews: None,
            },
            &account,
            &answering,
        )
        .await;
    assert_eq!(error.unwrap_err().problem, Problem::AuthorityAway);
}

#[tokio::test]
async fn certificates_of_a_root_that_are_none_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let pebble = |path: std::path::PathBuf| gokku_acme::Authority {
        directory: "https://localhost/dir".to_owned(),
        root: Some(path),
        email: None,
        profile: None,
        external_account: None,
        dns_hook: None,
        limits: Limits::default(),
    };
    std::fs::write(folder.path().join("empty.pem"), "").unwrap();
    for (name, said) in [
        ("none.pem", "none.pem"),
        ("empty.pem", "[acme] root names a file that has none"),
    ] {
        let made = Client::new(pebble(folder.path().join(name)));
        let error = made.err().expect("an error");
        assert_eq!(error.problem, Problem::Local);
        assert!(error.said.contains(said), "{error:?}");
    }
}
