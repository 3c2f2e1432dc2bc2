//! An app's own pages, for where the switch has to answer.

use std::time::Duration;

use gokku_core::app::error_pages::{ErrorPage, ErrorPages};
use gokku_core::app::page::Page;
use gokku_proxy::Limits;
use gokku_proxy::control::api::{Clear, SwitchTo, Target};

use crate::support::{Message, Site, Upstream, Wire, app, get};

fn pages(pages: &[(ErrorPage, &str)]) -> ErrorPages {
    let page = |(of, text): &(ErrorPage, &str)| (*of, Page::try_from((*text).to_owned()).unwrap());
    pages.iter().map(page).collect()
}

async fn switch(site: &Site, target: Target, error_pages: Option<ErrorPages>) {
    let to = SwitchTo {
        targets: vec![target],
        error_pages,
        ..SwitchTo::default()
    };
    site.client.switch(&app("api"), &to).await.unwrap();
}

/// What somebody gets whose request the app answers with this.
async fn answered(port: u16, upstream: &Upstream, said: Option<&str>) -> Message {
    let mut client = Wire::connect(port).await;
    client
        .send("POST / HTTP/1.1\r\nhost: api\r\ncontent-length: 0\r\n\r\n")
        .await;
    let mut app = upstream.accept().await;
    app.head().await;
    if let Some(said) = said {
        app.send(said).await;
    }
    client.message().await
}

fn shown(got: &Message) -> (u16, Option<&str>, &str) {
    (got.status(), got.header("content-type"), got.text())
}

#[tokio::test]
async fn clients_get_the_releases_pages() {
    let html = Some("text/html; charset=utf-8");
    let mut site = Site::limited(Limits {
        answer_timeout: Some(Duration::from_millis(200)),
        ..Limits::default()
    })
    .await;
    let upstream = Upstream::new().await;
    let port = site.open().await;
    let some = pages(&[
        (ErrorPage::Unavailable, "<p>soon</p>"),
        (ErrorPage::Any, "<p>sorry</p>"),
    ]);
    switch(&site, upstream.target("blue"), Some(some.clone())).await;
    assert!(site.route().await.error_pages);

    let broken = answered(port, &upstream, Some("no HTTP\r\n\r\n")).await;
    assert_eq!(shown(&broken), (502, html, "<p>sorry</p>"));
    // It is still told from the app's own.
    assert_eq!(broken.header("x-gokku-error"), Some("upstream"));
    assert_eq!(broken.header("cache-control"), Some("no-store"));
    let slow = answered(port, &upstream, None).await;
    assert_eq!(shown(&slow), (504, html, "<p>sorry</p>"));
    // The app's own answers are its own, and a client's faults are no app's.
    let own = "HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nown";
    let own = answered(port, &upstream, Some(own)).await;
    assert_eq!(shown(&own), (502, Some("text/plain"), "own"));
    let mut client = Wire::connect(port).await;
    client.send("GET / HTTP/1.1\r\n\r\n").await;
    let bad = client.message().await;
    assert_eq!((bad.status(), bad.text()), (400, "the request has no host\n"));

    // A switch that says nothing of them leaves them, one that is started again has them, and so has an app that is stopped.
    switch(&site, upstream.target("green"), None).await;
    site.restart().await;
    let cleared = site.client.clear(&app("api"), &Clear::default()).await.unwrap();
    assert!(cleared.error_pages);
    let stopped = get(port, "/").await;
    assert_eq!(shown(&stopped), (503, html, "<p>soon</p>"));
    assert_eq!(stopped.header("retry-after"), Some("5"));
    let mut client = Wire::connect(port).await;
    client.send("HEAD / HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!(head.header("content-length"), Some("11"));

    // The next release has its own.
    let one = pages(&[(ErrorPage::Unavailable, "<p>new</p>")]);
    switch(&site, upstream.target("blue"), Some(one)).await;
    let broken = answered(port, &upstream, Some("no HTTP\r\n\r\n")).await;
    assert_eq!(broken.header("content-type"), Some("text/plain; charset=utf-8"));
    switch(&site, upstream.target("blue"), Some(ErrorPages::default())).await;
    assert!(!site.route().await.error_pages);
    site.client.clear(&app("api"), &Clear::default()).await.unwrap();
    assert_eq!(get(port, "/").await.text(), "no release of this app is running\n");
}
