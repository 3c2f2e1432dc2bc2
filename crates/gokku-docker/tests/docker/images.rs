//! Images: their names, what is known of them, and which are removed.

use gokku_core::ImageId;
use gokku_core::containers::BuildRequest;
use gokku_docker::Error;

use crate::support::{Folder, Lab};

/// An image that is like no other, by this name.
async fn build(lab: &Lab, name: &str, content: &str, labels: &[(&str, &str)]) -> ImageId {
    let folder = Folder::new("FROM scratch\nCOPY app /app\nCOPY content /\nENTRYPOINT [\"/app\"]\n")
        .file("content", lab.name(content));
    let request = BuildRequest {
        tag: lab.name(name),
        labels: lab.labels(labels),
        ..lab.request(folder.path())
    };
    let (built, lines) = lab.build(&request).await;
    built.unwrap_or_else(|error| panic!("{error}\n{lines:?}"))
}

async fn id_of(lab: &Lab, name: &str) -> Option<ImageId> {
    lab.engine
        .image(&lab.name(name))
        .await
        .unwrap()
        .map(|image| image.id)
}

/// P26: `latest` is the active release's; each release keeps its own name, and what runs is known by its id.
#[tokio::test]
async fn p26_latest_moves_and_what_runs_keeps_its_image() {
    let lab = Lab::new().await;
    let repository = lab.name("api");
    let one = build(&lab, "api:release-1", "one", &[]).await;
    let two = build(&lab, "api:release-2", "two", &[]).await;
    assert_ne!(one, two);

    lab.engine.tag(one.as_str(), &repository, "latest").await.unwrap();
    assert_eq!(id_of(&lab, "api:latest").await, Some(one.clone()));
    let mut tags = lab.engine.image(one.as_str()).await.unwrap().unwrap().tags;
    tags.sort();
    assert_eq!(tags, [lab.name("api:latest"), lab.name("api:release-1")]);
    let spec = gokku_core::containers::ContainerSpec {
        image: lab.name("api:latest"),
        ..lab.spec(&one, &["deaf", "ready"])
    };
    let id = lab.start(&spec).await;

    lab.engine.tag(two.as_str(), &repository, "latest").await.unwrap();
    lab.engine
        .tag(two.as_str(), &repository, "latest")
        .await
        .expect("again is no error");
    assert_eq!(id_of(&lab, "api:latest").await, Some(two));
    assert_eq!(id_of(&lab, "api:release-1").await, Some(one.clone()));
    assert_eq!(
        lab.engine.container(id.as_str()).await.unwrap().unwrap().image,
        one
    );
    let listed = lab.engine.containers(&[lab.label()]).await.unwrap();
    assert_eq!(listed[0].image, one);
}

#[tokio::test]
async fn tagging_what_is_not_there_says_so() {
    let lab = Lab::new().await;
    let absent = ImageId::new(format!("sha256:{}", "f".repeat(64)));
    assert!(lab.engine.image(absent.as_str()).await.unwrap().is_none());
    assert!(lab.engine.image(&lab.name("absent:1")).await.unwrap().is_none());
    let error = lab
        .engine
        .tag(absent.as_str(), &lab.name("api"), "latest")
        .await
        .unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
}

#[tokio::test]
async fn images_are_found_by_all_their_labels() {
    let lab = Lab::new().await;
    let api = build(&lab, "api:1", "a", &[("gokku.app", "api")]).await;
    let api2 = build(&lab, "api-2:1", "b", &[("gokku.app", "api-2")]).await;
    let find = async |app: &str| {
        let found = lab
            .engine
            .images(&[lab.label(), ("gokku.app", app)])
            .await
            .unwrap();
        found.into_iter().map(|image| image.id).collect::<Vec<_>>()
    };
    assert_eq!(find("api").await, std::slice::from_ref(&api));
    assert_eq!(find("api-2").await, [api2]);
    assert!(find("ap").await.is_empty());
    let found = lab
        .engine
        .images(&[lab.label(), ("gokku.app", "api")])
        .await
        .unwrap();
    let close = lab.engine.image(api.as_str()).await.unwrap().unwrap();
    assert_eq!((&found[0].tags, &found[0].labels), (&close.tags, &close.labels));
    assert_eq!(found[0].size, close.size);
    assert!(close.size > 0);
}

/// P32: a name goes; the image goes with its last name, and not before.
#[tokio::test]
async fn p32_an_image_goes_with_its_last_name() {
    let lab = Lab::new().await;
    let id = build(&lab, "api:release-1", "one", &[]).await;
    lab.engine
        .tag(id.as_str(), &lab.name("api"), "latest")
        .await
        .unwrap();
    lab.engine.remove_image(&lab.name("api:release-1")).await.unwrap();
    assert_eq!(id_of(&lab, "api:release-1").await, None);
    assert_eq!(id_of(&lab, "api:latest").await, Some(id.clone()));
    lab.engine.remove_image(&lab.name("api:latest")).await.unwrap();
    assert!(lab.engine.image(id.as_str()).await.unwrap().is_none());
    lab.engine
        .remove_image(&lab.name("api:latest"))
        .await
        .expect("one that is not there is no error");
}

/// P32: what a container is made of is never removed, running or not.
#[tokio::test]
async fn p32_an_image_in_use_stays() {
    let lab = Lab::new().await;
    let id = build(&lab, "api:release-1", "one", &[]).await;
    let container = lab.engine.create(&lab.spec(&id, &["deaf", "x"])).await.unwrap();
    for start in [false, true] {
        if start {
            lab.engine.start(&container).await.unwrap();
        }
        let error = lab
            .engine
            .remove_image(&lab.name("api:release-1"))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
        assert!(
            error.to_string().contains(&container.as_str()[..12]),
            "says by which: {error}"
        );
        assert_eq!(id_of(&lab, "api:release-1").await, Some(id.clone()));
    }
}

/// P32: pruned is what has our label, no name, and no container; nobody else's.
#[tokio::test]
async fn p32_only_our_own_nameless_images_are_pruned() {
    let lab = Lab::new().await;
    let label = ("gokku.app", "api");
    // A name given to a newer image leaves the older without one.
    let nameless = build(&lab, "api:1", "one", &[label]).await;
    let used = build(&lab, "api:1", "two", &[label]).await;
    lab.engine.create(&lab.spec(&used, &["deaf", "x"])).await.unwrap();
    let named = build(&lab, "api:1", "three", &[label]).await;
    let others = build(&lab, "api-2:1", "four", &[("gokku.app", "api-2")]).await;
    build(&lab, "api-2:1", "five", &[("gokku.app", "api-2")]).await;

    let all = lab.engine.images(&[lab.label()]).await.unwrap();
    assert_eq!(all.len(), 5);
    let listed = all.iter().find(|image| image.id == nameless).unwrap();
    assert!(listed.tags.is_empty(), "no name is none: {:?}", listed.tags);

    lab.engine.prune_images(&[lab.label(), label]).await.unwrap();
    let left = async |id: &ImageId| lab.engine.image(id.as_str()).await.unwrap().is_some();
    assert!(!left(&nameless).await);
    assert!(left(&used).await && left(&named).await && left(&others).await);
    // Nothing to do is no error.
    lab.engine.prune_images(&[lab.label(), label]).await.unwrap();
}
