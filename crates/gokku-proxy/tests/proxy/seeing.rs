//! Which containers run, as the switch sees it by itself: nobody else tells it anything here.

use gokku_core::ContainerId;
use gokku_proxy::control::api::Target;

use crate::support::{Contained, Named, Site, get, soon, until};

/// Where the app answers, as this container's address.
fn at(named: &Named, container: &Contained) -> Target {
    named.target_of(&container.id)
}

/// Waits until the switch sees the container's process.
async fn seen(site: &Site, container: &Contained) {
    until("its process", async || {
        let targets = site.route().await.targets;
        let target = targets
            .iter()
            .find(|one| one.container.as_str() == container.id)?;
        (target.process == container.first()).then_some(())
    })
    .await;
}

async fn down(site: &Site, container: &Contained) -> bool {
    let targets = site.route().await.targets;
    let target = targets.iter().find(|one| one.container.as_str() == container.id);
    target.expect("it has traffic").down
}

/// P51: after a start, what runs where it was is served without anybody's word.
#[tokio::test]
async fn after_a_start_what_is_seen_to_run_is_served_at_once() {
    let mut site = Site::new().await;
    let (blue, container) = (Named::new("blue").await, Contained::new());
    let port = site.serve(at(&blue, &container)).await;
    for _ in 0..2 {
        site.kill().await;
        site.start().await.unwrap();
        assert!(!down(&site, &container).await);
        assert_eq!(site.route().await.targets[0].process, container.first());
        assert_eq!(get(port, "/").await.text(), "blue");
    }
}

/// P49: nor is anything sent to what might be another's by now.
#[tokio::test]
async fn after_a_start_what_is_not_seen_where_it_was_gets_nothing() {
    let mut site = Site::new().await;
    let blue = Named::new("blue").await;
    let (gone, runs) = (Contained::new(), Contained::new());
    // It runs, and the address is not its own.
    let moved = Contained::elsewhere();
    for (app, container) in [("gone", &gone), ("moved", &moved), ("runs", &runs)] {
        site.open_other(app, at(&blue, container)).await;
    }
    site.kill().await;
    gone.kill();
    until("its end", async || gone.first().is_none().then_some(())).await;
    site.start().await.unwrap();
    let routes = site.client.status().await.unwrap().routes;
    for (container, is_down) in [(&gone, true), (&moved, true), (&runs, false)] {
        let mut targets = routes.iter().flat_map(|route| &route.targets);
        let target = targets.find(|target| target.container.as_str() == container.id);
        assert_eq!(target.map(|target| target.down), Some(is_down), "{routes:?}");
    }
}

/// Its end is seen when it happens: from then on another container may have its address.
#[tokio::test]
async fn when_its_process_ends_nothing_more_is_sent() {
    let site = Site::new().await;
    let (blue, container) = (Named::new("blue").await, Contained::new());
    let port = site.serve(at(&blue, &container)).await;
    assert_eq!(get(port, "/").await.text(), "blue");
    seen(&site, &container).await;

    container.kill();
    let ended = soon("its end", site.switch().next_ended()).await;
    assert_eq!(ended, ContainerId::new(&*container.id));
    let asked = blue.asked().len();
    assert!(down(&site, &container).await);
    assert_eq!(get(port, "/").await.status(), 502);
    assert_eq!(blue.asked().len(), asked, "the app there is another one's");

    // It is started again, and ends again.
    let container = container.again();
    let address = blue.address().ip();
    for _ in 0..2 {
        let id = ContainerId::new(&*container.id);
        site.switch().mark_up(&id, address).await.unwrap();
        seen(&site, &container).await;
        assert_eq!(get(port, "/").await.text(), "blue");
    }
    container.kill();
    assert_eq!(soon("its end", site.switch().next_ended()).await, ended);
    assert!(down(&site, &container).await);

    // Whoever says that it runs has looked too early.
    site.switch().mark_up(&ended, address).await.unwrap();
    until("that it is not there", async || {
        down(&site, &container).await.then_some(())
    })
    .await;
}

/// While nobody can tell which containers run, those go on that are seen.
#[tokio::test]
async fn in_doubt_only_what_is_seen_is_served() {
    let site = Site::new().await;
    let (seen_one, other) = (Named::new("seen").await, Named::new("other").await);
    let container = Contained::new();
    let port = site.serve(at(&seen_one, &container)).await;
    let other_port = site.open_other("other", other.target()).await;
    seen(&site, &container).await;
    site.switch().mark_unseen_down();
    assert_eq!(get(port, "/").await.text(), "seen");
    assert_eq!(get(other_port, "/").await.status(), 502);
    assert_eq!(other.asked().len(), 0);
    // It is told of again.
    let repaired = site
        .switch()
        .mark_up(&other.target().container, other.address().ip())
        .await;
    repaired.unwrap();
    assert_eq!(get(other_port, "/").await.text(), "other");
}
