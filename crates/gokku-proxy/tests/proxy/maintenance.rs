//! P48: an app in maintenance: its clients get a page in one step, and who has the pass the app.

use gokku_core::app::maintenance::{Maintenance, Pass};
use gokku_core::app::page::Page;
use gokku_proxy::control::api::PutMaintenance;

use crate::support::{Message, Named, Site, Wire, app};

const PASS: &str = "00112233445566778899aabbccddeeff";

async fn ask(site: &Site, path: &str, header: &str) -> Message {
    let mut wire = Wire::connect(site.route().await.port.unwrap()).await;
    wire.send(format!(
        "GET {path} HTTP/1.1\r\nhost: example.com\r\n{header}\r\n"
    ))
    .await;
    wire.message().await
}

async fn put(site: &Site, page: Option<&str>) {
    let maintenance = Maintenance {
        page: page.map(|page| Page::try_from(page.to_owned()).expect("a page")),
        pass: Pass::try_from(PASS.to_owned()).expect("a pass"),
    };
    let put = PutMaintenance {
        maintenance: Some(maintenance),
    };
    let status = site.client.put_maintenance(&app("api"), &put).await.expect("put");
    assert!(status.maintenance);
}

#[tokio::test]
async fn p48_clients_get_the_page_and_who_has_the_pass_the_app() {
    let mut site = Site::new().await;
    let blue = Named::new("api").await;
    site.serve(blue.target()).await;
    assert_eq!(ask(&site, "/", "").await.text(), "api");
    put(&site, None).await;
    let answer = ask(&site, "/", "").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.header("x-gokku-error"), Some("maintenance"));
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    put(&site, Some("<h1>back soon</h1>")).await;
    let answer = ask(&site, "/any?thing", "").await;
    assert_eq!((answer.status(), answer.text()), (503, "<h1>back soon</h1>"));
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));

    // The way past it.
    let path = format!("/.well-known/gokku/maintenance/{PASS}");
    let answer = ask(&site, &path, "").await;
    assert_eq!((answer.status(), answer.header("location")), (303, Some("/")));
    let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
    assert!(
        cookie.contains("HttpOnly") && !cookie.contains("Secure"),
        "{cookie}"
    );
    let pair = cookie.split(';').next().expect("a pair");
    for (header, expected) in [
        (format!("cookie: {pair}\r\n"), 200),
        (format!("cookie: a=b; {pair}; c=d\r\n"), 200),
        (format!("cookie: a=b\r\ncookie: {pair}\r\n"), 200),
        (format!("cookie: x{pair}\r\n"), 503),
        (format!("cookie: {pair}0\r\n"), 503),
        ("cookie: gokku-maintenance=\r\n".to_owned(), 503),
        ("cookie: gokku-maintenance\r\n".to_owned(), 503),
    ] {
        assert_eq!(ask(&site, "/", &header).await.status(), expected, "{header}");
    }
    assert_eq!(ask(&site, &path[..path.len() - 1], "").await.status(), 503);

    // Another switch knows it, too; it ends in one step, and the pass is nothing then.
    site.restart().await;
    site.all_run().await;
    assert_eq!(ask(&site, "/", "").await.status(), 503);
    let over = PutMaintenance::default();
    let status = site
        .client
        .put_maintenance(&app("api"), &over)
        .await
        .expect("put");
    assert!(!status.maintenance);
    assert_eq!(ask(&site, "/", "").await.text(), "api");
    assert_eq!(ask(&site, &path, "").await.text(), "api");
}
