//! The routes on disk: kept through stops, kills, damage and full disks.

use std::fs;

use gokku_proxy::control::api::{Clear, PutRoute, Refused, SwitchTo};
use gokku_proxy::server::proxy::StartError;

use crate::support::{Named, PATIENCE, Site, Wire, app, get, refused, until};

/// A site that serves `blue` and has served `old` before.
async fn served() -> (Site, Named, Named, u16) {
    let site = Site::new().await;
    let (old, blue) = (Named::new("old").await, Named::new("blue").await);
    let port = site.serve(old.target()).await;
    site.switch_to(blue.target()).await;
    (site, old, blue, port)
}

async fn unreadable(site: &mut Site) -> String {
    match site.start().await {
        Err(error @ StartError::Table(_)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn routes_survive_a_stop() {
    let (mut site, _old, blue, port) = served().await;
    let before = site.route().await;
    let ended = site.stop(PATIENCE).await.unwrap();
    ended.end().await;
    site.start().await.unwrap();
    site.all_run().await;
    let after = site.route().await;
    assert_eq!((after.port, &after.targets), (before.port, &before.targets));
    assert_eq!(after.requests, 0, "they are counted from the start");
    assert_eq!(get(port, "/").await.text(), "blue");
    assert_eq!(site.client.status().await.unwrap().trouble, None);
    drop(blue);
}

#[tokio::test]
async fn routes_survive_a_kill() {
    let (mut site, _old, _blue, port) = served().await;
    let web = site
        .client
        .put(&app("web"), PutRoute::From(port + 1))
        .await
        .unwrap();
    // As soon as a change is acknowledged, it is kept.
    site.restart().await;
    assert_eq!(get(port, "/").await.text(), "blue");
    assert_eq!(get(web.port.unwrap(), "/").await.status(), 503);
    site.client.delete(&app("web")).await.unwrap();
    site.restart().await;
    let routes = site.client.status().await.unwrap().routes;
    let apps: Vec<_> = routes.iter().map(|route| route.app.to_string()).collect();
    assert_eq!(apps, ["api"]);
}

/// Containers may have come back elsewhere while nobody watched.
#[tokio::test]
async fn after_a_start_nothing_is_sent_before_a_target_is_known_to_run() {
    let (mut site, _old, blue, port) = served().await;
    site.kill().await;
    site.start().await.unwrap();
    assert!(site.route().await.targets[0].down);
    let asking = tokio::spawn(async move { get(port, "/").await });
    until("the request to be there", async || {
        (site.route().await.requests == 1).then_some(())
    })
    .await;
    assert_eq!(blue.asked().len(), 0);
    let container = blue.target().container;
    let address = blue.address().ip();
    site.switch().mark_up(&container, address).await.unwrap();
    assert_eq!(asking.await.unwrap().text(), "blue");
}

#[tokio::test]
async fn a_damaged_table_is_told_and_its_last_good_copy_used() {
    for damage in ["", "{", "{\"version\": 1, \"routes\": {\"api\": 5}}", "\0\0\0\0"] {
        let (mut site, old, _blue, port) = served().await;
        site.kill().await;
        fs::write(site.table(), damage).unwrap();
        site.start().await.unwrap();
        site.all_run().await;
        let trouble = site.client.status().await.unwrap().trouble.expect("a trouble");
        assert!(
            trouble.contains("damaged") && trouble.contains(site.table().to_str().unwrap()),
            "{trouble}"
        );
        // The copy is one change older.
        assert_eq!(get(port, "/").await.text(), "old");
        drop(old);
    }
}

#[tokio::test]
async fn a_missing_table_is_told_too() {
    let (mut site, _old, _blue, port) = served().await;
    site.kill().await;
    fs::remove_file(site.table()).unwrap();
    site.start().await.unwrap();
    site.all_run().await;
    let trouble = site.client.status().await.unwrap().trouble.expect("a trouble");
    assert!(trouble.contains("not there"), "{trouble}");
    assert_eq!(get(port, "/").await.text(), "old");
}

/// After the next change the good copy is still good: another damage loses nothing more.
#[tokio::test]
async fn a_damaged_table_never_becomes_the_last_good_copy() {
    let (mut site, _old, blue, port) = served().await;
    site.kill().await;
    fs::write(site.table(), "damaged").unwrap();
    site.start().await.unwrap();
    site.switch_to(blue.target()).await;
    assert_ne!(fs::read(site.last_good()).unwrap(), b"damaged");
    site.kill().await;
    fs::write(site.table(), "damaged again").unwrap();
    site.start().await.unwrap();
    site.all_run().await;
    assert_eq!(site.route().await.port.unwrap(), port);
    assert_eq!(get(port, "/").await.status(), 200);
}

#[tokio::test]
async fn with_both_copies_damaged_it_does_not_start_empty() {
    let (mut site, _old, _blue, _port) = served().await;
    site.kill().await;
    for (table, copy) in [
        (Some("damaged"), Some("damaged")),
        (None, Some("damaged")),
        (Some("damaged"), None),
    ] {
        for (path, content) in [(site.table(), table), (site.last_good(), copy)] {
            let _ = fs::remove_file(&path);
            if let Some(content) = content {
                fs::write(&path, content).unwrap();
            }
        }
        let why = unreadable(&mut site).await;
        assert!(
            why.contains(site.table().to_str().unwrap()) && why.contains("damaged"),
            "{why}"
        );
        assert!(site.client.status().await.is_err());
        // It did not touch them either.
        assert_eq!(fs::read_to_string(site.table()).ok().as_deref(), table);
        assert_eq!(fs::read_to_string(site.last_good()).ok().as_deref(), copy);
    }
}

/// A newer program's table is not damaged: it is only not for this one.
#[tokio::test]
async fn a_table_of_an_unknown_version_is_refused() {
    let (mut site, _old, _blue, _port) = served().await;
    site.kill().await;
    for table in [
        "{\"version\": 6, \"routes\": {}}",
        "{\"version\": 6, \"routes\": [], \"names\": {}}",
    ] {
        fs::write(site.table(), table).unwrap();
        fs::write(site.last_good(), table).unwrap();
        let why = unreadable(&mut site).await;
        assert!(why.contains("version 6"), "{why}");
    }
}

/// A change that cannot be kept is not made.
#[tokio::test]
async fn where_the_table_cannot_be_written_nothing_changes() {
    let (mut site, old, blue, port) = served().await;
    let folder = site.table().parent().unwrap().to_owned();
    let away = folder.with_extension("away");
    fs::rename(&folder, &away).unwrap();

    let table = |result| {
        let why = refused(result);
        assert!(matches!(why, Refused::Table { .. }), "{why:?}");
    };
    let to = SwitchTo {
        targets: vec![old.target()],
        ..SwitchTo::default()
    };
    table(site.client.switch(&app("api"), &to).await);
    table(site.client.clear(&app("api"), &Clear::default()).await);
    table(site.client.put(&app("api"), PutRoute::Port(port + 1)).await);
    table(site.client.put(&app("web"), PutRoute::Port(port + 1)).await);
    let why = refused(site.client.delete(&app("api")).await);
    assert!(matches!(why, Refused::Table { .. }), "{why:?}");
    assert_eq!(get(port, "/").await.text(), "blue");
    assert_eq!(site.route().await.port.unwrap(), port);
    // The port it would have had is free again.
    drop(std::net::TcpListener::bind(("127.0.0.1", port + 1)).unwrap());

    fs::rename(&away, &folder).unwrap();
    site.switch_to(old.target()).await;
    assert_eq!(get(port, "/").await.text(), "old");
    site.restart().await;
    assert_eq!(get(port, "/").await.text(), "old");
    drop(blue);
}

/// Whoever asks for a change and goes away at once has still asked for it: what is written is what is done.
#[tokio::test]
async fn a_change_that_has_begun_is_made() {
    let (site, old, blue, _port) = served().await;
    for round in 0..40 {
        let new = if round % 2 == 0 { &old } else { &blue };
        let body = serde_json::to_string(&SwitchTo {
            targets: vec![new.target()],
            ..SwitchTo::default()
        })
        .unwrap();
        let mut gone = Wire::unix(site.client.socket()).await;
        gone.send(format!(
            "POST /v1/routes/api/switch HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
        drop(gone);
        until("the switch", async || {
            (site.route().await.targets[0].container == new.target().container).then_some(())
        })
        .await;
        let written: serde_json::Value = serde_json::from_slice(&fs::read(site.table()).unwrap()).unwrap();
        assert_eq!(
            written["routes"]["api"]["targets"][0]["container"],
            new.target().container.as_str()
        );
    }
}

/// Writing leaves the table and its copy, and nothing else, also where it fails.
#[tokio::test]
async fn writing_leaves_nothing_behind() {
    let (site, old, blue, _port) = served().await;
    let spare = site.table().with_extension("json.spare");
    // What a program that was killed left in the way.
    fs::write(&spare, "left over").unwrap();
    site.switch_to(old.target()).await;
    // A folder cannot be removed like a file: from here on each write fails.
    fs::create_dir(&spare).unwrap();
    let to = SwitchTo {
        targets: vec![blue.target()],
        ..SwitchTo::default()
    };
    let why = refused(site.client.switch(&app("api"), &to).await);
    assert!(matches!(why, Refused::Table { .. }), "{why:?}");
    fs::remove_dir(&spare).unwrap();
    let mut names: Vec<_> = fs::read_dir(site.table().parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["routes.json", "routes.json.last-good"]);
}
