//! What has traffic is asked whether it is healthy, and gets none while it is not.

use std::sync::Mutex;
use std::time::Duration;

use gokku_core::ContainerId;
use gokku_proxy::config::health_checks::Checks;
use gokku_proxy::control::api::{Hold, PutDomains, SwitchTo, Target};
use gokku_proxy::health::health_monitor::monitor;
use gokku_proxy::route::target_health::HealthChange;

use crate::support::{Named, Site, app, domain, get, until};

const CHECKS: Checks = Checks {
    interval: Duration::from_millis(20),
    failures: 3,
};

/// A site that serves these, each with a health check, and its port.
async fn serving(all: &[&Named]) -> (Site, u16) {
    let site = Site::new().await;
    let port = site.open().await;
    let targets = all.iter().map(|named| Target {
        health: Some("/up".to_owned()),
        ..named.target()
    });
    let to = SwitchTo {
        targets: targets.collect(),
        ..SwitchTo::default()
    };
    site.client.switch(&app("api"), &to).await.expect("a switch");
    (site, port)
}

/// Who answers, in changes.
async fn answering(port: u16) -> Vec<String> {
    let mut names = Vec::new();
    for _ in 0..6 {
        let answer = get(port, "/").await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        names.push(answer.text().to_owned());
    }
    names.sort();
    names.dedup();
    names
}

/// Waits until these are unhealthy, and no others.
async fn unhealthy(site: &Site, names: &[&str]) {
    until(&format!("{names:?} to be unhealthy"), async || {
        let targets = site.route().await.targets;
        let ill: Vec<ContainerId> = targets
            .into_iter()
            .filter(|target| target.unhealthy)
            .map(|target| target.container)
            .collect();
        (ill == names
            .iter()
            .map(|name| ContainerId::new(*name))
            .collect::<Vec<_>>())
        .then_some(())
    })
    .await;
}

#[tokio::test]
async fn one_that_fails_gets_no_requests_until_it_is_good_again_and_the_last_one_always_does() {
    let (one, two) = (Named::new("one").await, Named::new("two").await);
    let (site, port) = serving(&[&one, &two]).await;
    let changes = Mutex::new(Vec::new());
    let watching = monitor(
        site.switch(),
        |_| false,
        CHECKS,
        |changed| {
            changes
                .lock()
                .unwrap()
                .push((changed.container.to_string(), changed.change));
        },
    );
    let story = async {
        until("a check", async || (!one.asked().is_empty()).then_some(())).await;
        let asked = &one.asked()[0];
        assert_eq!(asked.first, "GET /up HTTP/1.1");
        assert_eq!(asked.header("user-agent"), Some("gokku-health-check"));
        assert_eq!(answering(port).await, ["one", "two"]);
        one.set_ill(true);
        unhealthy(&site, &["one"]).await;
        assert_eq!(answering(port).await, ["two"]);
        // Where nobody is better, both are as good.
        two.set_ill(true);
        unhealthy(&site, &["one", "two"]).await;
        assert_eq!(answering(port).await, ["one", "two"]);
        one.set_ill(false);
        unhealthy(&site, &["two"]).await;
        assert_eq!(answering(port).await, ["one"]);
        two.set_ill(false);
        unhealthy(&site, &[]).await;
        assert_eq!(answering(port).await, ["one", "two"]);
    };
    tokio::select! {
        () = story => {}
        () = watching => unreachable!("it watches for ever"),
    }
    let change = |name: &str, change| (name.to_owned(), change);
    assert_eq!(
        *changes.lock().unwrap(),
        [
            change("one", HealthChange::Out),
            change("two", HealthChange::Out),
            change("one", HealthChange::Back),
            change("two", HealthChange::Back)
        ]
    );
}

/// One that was down gets nothing before it has passed a check, and one that a switch gives the traffic does at once.
#[tokio::test]
async fn one_that_comes_back_is_asked_first() {
    let (one, two) = (Named::new("one").await, Named::new("two").await);
    let (site, port) = serving(&[&one, &two]).await;
    one.set_ill(true);
    let id = ContainerId::new("one");
    site.switch().mark_down(&id);
    site.switch().mark_up(&id, one.address().ip()).await.unwrap();
    // Nobody has asked yet.
    assert_eq!(answering(port).await, ["two"]);
    let story = async {
        unhealthy(&site, &["one"]).await;
        assert_eq!(answering(port).await, ["two"]);
        one.set_ill(false);
        unhealthy(&site, &[]).await;
        assert_eq!(answering(port).await, ["one", "two"]);
    };
    tokio::select! {
        () = story => {}
        () = monitor(site.switch(), |_| false, CHECKS, drop) => unreachable!("it watches for ever"),
    }
    site.switch().mark_down(&id);
    let to = SwitchTo {
        targets: vec![one.target(), two.target()],
        ..SwitchTo::default()
    };
    site.client.switch(&app("api"), &to).await.expect("a switch");
    assert_eq!(answering(port).await, ["one", "two"]);
}

/// While requests wait, what has the traffic is about to stop: that it does not answer says nothing.
#[tokio::test]
async fn nobody_is_asked_while_requests_wait_nor_without_a_path() {
    let (one, other) = (Named::new("one").await, Named::new("other").await);
    let (site, _) = serving(&[&one]).await;
    let plain = site.open_other("plain", other.target()).await;
    let hold = Hold { limit_ms: 60_000 };
    site.client.hold(&app("api"), hold).await.expect("a hold");
    let third = Named::new("third").await;
    let watched = Target {
        health: Some("/".to_owned()),
        ..third.target()
    };
    site.open_other("third", watched).await;
    tokio::select! {
        () = until("checks of another app", async || (third.asked().len() > 3).then_some(())) => {}
        () = monitor(site.switch(), |_| false, CHECKS, drop) => unreachable!("it watches for ever"),
    }
    assert_eq!((one.asked().len(), other.asked().len()), (0, 0));
    assert_eq!(get(plain, "/").await.text(), "other");
}

/// It is asked by the name that its clients ask by: the app's own before its release's, and never a wildcard's or a redirect's.
#[tokio::test]
async fn it_is_asked_by_the_apps_first_domain() {
    let one = Named::new("one").await;
    let (site, _) = serving(&[&one]).await;
    let of_release = SwitchTo {
        keep: vec![one.target().container],
        domains: Some(vec![domain("*.example.com"), domain("release.example")]),
        ..SwitchTo::default()
    };
    site.client
        .switch(&app("api"), &of_release)
        .await
        .expect("a switch");
    let asked_by = async |host: &str| {
        until("a check by that name", async || {
            let asked = one.asked();
            let last = asked.last()?.header("host")?;
            (last == host).then_some(())
        })
        .await;
    };
    let story = async {
        asked_by("release.example").await;
        let www = domain("own.example").redirected_www().expect("a redirect");
        let domains = vec![www, domain("bücher.example/v1"), domain("own.example")];
        let put = PutDomains { domains };
        site.client.put_domains(&app("api"), &put).await.expect("domains");
        asked_by("xn--bcher-kva.example").await;
        assert_eq!(
            one.asked()
                .last()
                .and_then(|asked| asked.header("x-forwarded-proto")),
            None
        );
        let put = PutDomains {
            domains: vec![domain("own.example")],
        };
        site.client.put_domains(&app("api"), &put).await.expect("domains");
        asked_by("own.example").await;
        let asked = one.asked();
        assert_eq!(
            asked.last().and_then(|asked| asked.header("x-forwarded-proto")),
            Some("https")
        );
    };
    tokio::select! {
        () = story => {}
        () = monitor(site.switch(), |host| host == "own.example", CHECKS, drop) => unreachable!("it watches for ever"),
    }
}
