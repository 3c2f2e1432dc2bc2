//! Who is who: by label and id, never by a part of a name.

use std::collections::BTreeSet;

use gokku_core::ContainerId;
use gokku_core::containers::{ContainerSpec, labels};

use crate::support::{Lab, docker};

/// Names of apps and servers that hold each other.
const APPS: [&str; 5] = ["api", "api-2", "my-api", "ap", "apix"];

fn ids(all: &[gokku_core::containers::ContainerFacts]) -> BTreeSet<&ContainerId> {
    all.iter().map(|one| &one.id).collect()
}

/// P11: `api` and `api-2` are two apps, and so are all whose names hold one another.
#[tokio::test]
async fn p11_an_apps_containers_are_only_its_own() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let mut made = Vec::new();
    for app in APPS {
        for slot in ["blue", "green"] {
            let spec = ContainerSpec {
                name: lab.name(&format!("{app}-{slot}")),
                labels: lab.labels(&[(labels::APP, app), (labels::SLOT, slot)]),
                ..lab.spec(&image, &["deaf", "x"])
            };
            made.push((app, slot, lab.engine.create(&spec).await.unwrap()));
        }
    }
    assert_eq!(
        lab.engine.containers(&[lab.label()]).await.unwrap().len(),
        made.len()
    );
    for app in APPS {
        let found = lab
            .engine
            .containers(&[lab.label(), (labels::APP, app)])
            .await
            .unwrap();
        let own: BTreeSet<_> = made.iter().filter(|one| one.0 == app).map(|one| &one.2).collect();
        assert_eq!(ids(&found), own, "{app}");
    }
    for (app, slot, id) in &made {
        // All labels must be there, not one of them.
        let labels = [lab.label(), (labels::APP, app), (labels::SLOT, slot)];
        let found = lab.engine.containers(&labels).await.unwrap();
        assert_eq!(ids(&found), BTreeSet::from([id]), "{app}-{slot}");
        let name = lab.name(&format!("{app}-{slot}"));
        assert_eq!(lab.engine.container(&name).await.unwrap().unwrap().id, *id);
    }
    // A part of a name is nobody's.
    for part in ["api", "api-", "api-blu", "pi-blue", "api-2-blue-x"] {
        assert!(
            lab.engine.container(&lab.name(part)).await.unwrap().is_none(),
            "{part}"
        );
    }
}

/// P49: an image that says of itself what gokku says of containers is without effect.
#[tokio::test]
async fn p49_labels_of_an_image_say_nothing_of_its_containers() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let said = "LABEL gokku.kind=once gokku.process=clock-1 gokku.slot=blue gokku.port=1 gokku.restart=no gokku.app=other mine=1";
    let made = docker(&["create", "--network", "none", image.as_str(), "deaf", "x"]);
    let name = lab.name("labelled");
    docker(&["commit", "--change", said, &made, &name]);
    docker(&["rm", &made]);
    let spec = ContainerSpec {
        name: lab.name("api-green"),
        image: name.clone(),
        labels: lab.labels(&[(labels::APP, "api"), (labels::SLOT, "green")]),
        ..lab.spec(&image, &["deaf", "x"])
    };
    let id = lab.engine.create(&spec).await.unwrap();
    let listed = lab
        .engine
        .containers(&[lab.label(), (labels::APP, "api")])
        .await
        .unwrap();
    let looked = lab.engine.container(id.as_str()).await.unwrap().unwrap();
    for facts in listed.iter().chain([&looked]) {
        for (key, value) in [
            (labels::KIND, None),
            (labels::PROCESS, None),
            (labels::PORT, None),
            (labels::RESTART, None),
            (labels::SLOT, Some("green")),
            (labels::APP, Some("api")),
            ("mine", Some("1")),
        ] {
            assert_eq!(facts.label(key), value, "{key}");
        }
    }
    assert_eq!(listed.len(), 1);
    lab.engine.remove(&id).await.unwrap();
    lab.engine.remove_image(&name).await.unwrap();
}

/// P18: a container that a person made, with a name like ours, is not ours.
#[tokio::test]
async fn p18_a_container_without_labels_is_not_ours_whatever_its_name() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let name = lab.name("api-blue");
    let made = docker(&[
        "create",
        "--name",
        &name,
        "--network",
        "none",
        image.as_str(),
        "deaf",
        "x",
    ]);
    let found = lab.engine.containers(&[lab.label()]).await.unwrap();
    let by_name = lab.engine.container(&name).await.unwrap();
    docker(&["rm", &made]);
    // The image's labels are the container's too: this one has the root, and no more than that.
    let app = found.iter().filter(|one| one.label(labels::APP).is_some());
    assert_eq!(app.count(), 0);
    assert_eq!(by_name.unwrap().label(labels::APP), None);
}

/// A label's value is the whole of it: one server's root is not another's beginning.
#[tokio::test]
async fn a_root_is_not_the_beginning_of_another() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let longer = format!("{}2", lab.root);
    let mut labels = lab.labels(&[]);
    labels.insert("other.root".to_owned(), longer.clone());
    let spec = ContainerSpec {
        labels,
        ..lab.spec(&image, &["deaf", "x"])
    };
    lab.engine.create(&spec).await.unwrap();
    let found = async |value: &str| {
        lab.engine
            .containers(&[("other.root", value)])
            .await
            .unwrap()
            .len()
    };
    assert_eq!(found(&longer).await, 1);
    assert_eq!(found(&lab.root).await, 0);
    assert_eq!(found("").await, 0);
    assert_eq!(found(&longer[1..]).await, 0);
    assert_eq!(found("*").await, 0);
}

/// Paths have spaces and more in them.
#[tokio::test]
async fn labels_with_odd_characters_are_found() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    for odd in ["/opt/my gokku", r#"a"b'c\d"#, "a=b", "a,b&c?d", "grün 緑", "100%"] {
        let spec = ContainerSpec {
            labels: lab.labels(&[("odd", odd)]),
            ..lab.spec(&image, &["deaf", "x"])
        };
        let id = lab.engine.create(&spec).await.unwrap();
        let found = lab.engine.containers(&[lab.label(), ("odd", odd)]).await.unwrap();
        assert_eq!(ids(&found), BTreeSet::from([&id]), "{odd}");
        assert_eq!(found[0].label("odd"), Some(odd));
    }
}

/// The engine takes the beginning of an id for the whole: an app may be called like one.
#[tokio::test]
async fn a_name_is_not_the_beginning_of_an_id() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let id = lab
        .engine
        .create(&lab.spec(&image, &["deaf", "x"]))
        .await
        .unwrap();
    for length in [4, 12, 63] {
        let start = &id.as_str()[..length];
        assert!(lab.engine.container(start).await.unwrap().is_none(), "{start}");
    }
    assert!(lab.engine.container(id.as_str()).await.unwrap().is_some());
    let hash = image.as_str().trim_start_matches("sha256:");
    for length in [4, 12, 63] {
        assert!(
            lab.engine.image(&hash[..length]).await.unwrap().is_none(),
            "{hash}"
        );
    }
    assert!(lab.engine.image(image.as_str()).await.unwrap().is_some());
}
