//! Requests that wait while an app has no container.

use std::time::Duration;

use gokku_proxy::control::api::{Clear, Hold};
use tokio::task::JoinHandle;

use crate::support::{Message, Named, PATIENCE, Site, Wire, app, get};

/// Longer than any test.
const LONG: Duration = PATIENCE;

async fn hold(site: &Site, limit: Duration) {
    let limit_ms = u64::try_from(limit.as_millis()).unwrap();
    let held = site.client.hold(&app("api"), Hold { limit_ms }).await.unwrap();
    assert!(held.held);
}

/// So many clients ask, each with its own path, and wait.
async fn ask(site: &Site, port: u16, clients: u64) -> Vec<JoinHandle<Message>> {
    let asking =
        (0..clients).map(|number| tokio::spawn(async move { get(port, &format!("/{number}")).await }));
    let asking = asking.collect();
    site.waiting(clients).await;
    asking
}

#[tokio::test]
async fn p08_held_requests_are_answered_by_the_new_target() {
    let site = Site::new().await;
    let (blue, green) = (Named::new("blue").await, Named::new("green").await);
    let port = site.serve(blue.target()).await;
    hold(&site, LONG).await;
    let asking = ask(&site, port, 20).await;
    // Nothing of them counts on the old target, so it can go.
    assert_eq!(site.drain("blue", LONG, LONG).await.unwrap().left, 0);
    assert_eq!(blue.asked(), []);
    blue.close().await;
    let route = site.switch_to(green.target()).await;
    assert!(!route.held);
    for answer in asking {
        let answer = answer.await.unwrap();
        assert_eq!((answer.status(), answer.text()), (200, "green"));
    }
    let mut paths: Vec<_> = green.asked().into_iter().map(|request| request.first).collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 20, "each of them once");
    site.waiting(0).await;
}

#[tokio::test]
async fn p08_held_requests_have_their_bodies() {
    let site = Site::new().await;
    let green = Named::new("green").await;
    let port = site.open().await;
    hold(&site, LONG).await;
    let mut client = Wire::connect(port).await;
    client
        .send("POST /form HTTP/1.1\r\nhost: api\r\ncontent-length: 11\r\n\r\nhello world")
        .await;
    site.waiting(1).await;
    site.switch_to(green.target()).await;
    assert_eq!(client.message().await.text(), "green");
    assert_eq!(green.asked()[0].text(), "hello world");
}

#[tokio::test]
async fn p08_a_release_lets_them_go_on() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    hold(&site, LONG).await;
    let asking = ask(&site, port, 3).await;
    assert!(!site.client.release(&app("api")).await.unwrap().held);
    for answer in asking {
        assert_eq!(answer.await.unwrap().text(), "blue");
    }
    assert_eq!(get(port, "/").await.text(), "blue");
}

#[tokio::test]
async fn p08_a_request_waits_no_longer_than_it_may() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    hold(&site, Duration::from_millis(50)).await;
    let began = std::time::Instant::now();
    let answer = get(port, "/").await;
    assert!(began.elapsed() >= Duration::from_millis(50));
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.header("x-gokku-error"), Some("held-too-long"));
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(blue.asked(), []);
    let route = site.route().await;
    assert_eq!((route.held, route.waiting), (true, 0));
}

/// Without a target to come, nobody need wait.
#[tokio::test]
async fn clear_refuses_those_that_wait() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    hold(&site, LONG).await;
    let asking = ask(&site, port, 3).await;
    let route = site.client.clear(&app("api"), &Clear::default()).await.unwrap();
    assert_eq!((route.held, route.targets.len()), (false, 0));
    for answer in asking {
        let answer = answer.await.unwrap();
        assert_eq!(answer.header("x-gokku-error"), Some("no-target"));
    }
    assert_eq!(get(port, "/").await.status(), 503);
    assert_eq!(blue.asked(), []);
}

#[tokio::test]
async fn delete_refuses_those_that_wait() {
    let site = Site::new().await;
    let port = site.open().await;
    hold(&site, LONG).await;
    let asking = ask(&site, port, 3).await;
    site.client.delete(&app("api")).await.unwrap();
    for answer in asking {
        assert_eq!(answer.await.unwrap().status(), 503);
    }
}

/// A client that has gone is not sent on to the app.
#[tokio::test]
async fn a_client_that_goes_away_waits_no_more() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    hold(&site, LONG).await;
    let mut client = Wire::connect(port).await;
    client.send("GET / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    site.waiting(1).await;
    drop(client);
    site.waiting(0).await;
    site.client.release(&app("api")).await.unwrap();
    assert_eq!(get(port, "/").await.text(), "blue");
    assert_eq!(blue.asked().len(), 1);
}

#[tokio::test]
async fn p08_a_hold_survives_a_restart_of_the_switch() {
    let mut site = Site::new().await;
    let (blue, green) = (Named::new("blue").await, Named::new("green").await);
    let port = site.serve(blue.target()).await;
    hold(&site, LONG).await;
    site.restart().await;
    assert!(site.route().await.held);
    let asking = ask(&site, port, 3).await;
    assert_eq!(blue.asked(), []);
    site.switch_to(green.target()).await;
    for answer in asking {
        assert_eq!(answer.await.unwrap().text(), "green");
    }
}
