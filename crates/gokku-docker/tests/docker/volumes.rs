//! Volumes, folders that are mounted, and networks of a name that somebody chose.

use std::os::unix::fs::symlink;

use gokku_core::ImageId;
use gokku_core::containers::{Mount, MountSource, Why, labels};
use gokku_docker::Error;

use crate::support::{Folder, Lab, docker};

fn volume(lab: &Lab, name: &str, target: &str) -> Mount {
    Mount {
        source: MountSource::Volume {
            name: name.to_owned(),
            labels: lab.labels(&[(labels::APP, "api")]),
        },
        target: target.to_owned(),
        read_only: false,
    }
}

fn folder(path: &std::path::Path, target: &str, read_only: bool) -> Mount {
    Mount {
        source: MountSource::Folder(path.to_str().unwrap().to_owned()),
        target: target.to_owned(),
        read_only,
    }
}

/// Made with its labels by the first container that has it, kept when that goes, and removed by its name.
#[tokio::test]
async fn a_volume_is_made_with_labels_and_outlives_its_container() {
    let lab = Lab::new().await;
    let (image, name) = (lab.image().await, lab.name("data"));
    let mine = [lab.label(), (labels::APP, "api")];
    assert_eq!(lab.engine.volume(&name).await.unwrap(), None);
    let mut spec = lab.spec(&image, &["sleep", "60000"]);
    spec.mounts = vec![volume(&lab, &name, "/data")];
    let id = lab.engine.create(&spec).await.unwrap();
    let made = lab.engine.volume(&name).await.unwrap().unwrap();
    assert_eq!(made.labels, lab.labels(&[(labels::APP, "api")]));
    assert_eq!(lab.engine.volumes(&mine).await.unwrap(), [made]);
    let refused = lab.engine.remove_volume(&name).await.unwrap_err();
    assert!(matches!(refused, Error::Conflict { .. }), "{refused}");
    lab.engine.remove(&id).await.unwrap();
    assert!(lab.engine.volume(&name).await.unwrap().is_some());
    lab.engine.remove_volume(&name).await.unwrap();
    lab.engine.remove_volume(&name).await.unwrap();
    assert_eq!(lab.engine.volumes(&mine).await.unwrap(), []);
}

/// An image that declares volumes in whichever way, with content in one.
async fn declaring(lab: &Lab, paths: &[&str]) -> ImageId {
    let dockerfile = format!("FROM scratch\nCOPY app /app\nCOPY content /data/\nVOLUME {paths:?}\n");
    let folder = Folder::new(&dockerfile).file("content", "of the image");
    let (built, lines) = lab.build(&lab.request(folder.path())).await;
    built.unwrap_or_else(|error| panic!("{error}\n{}", lines.join("\n")))
}

/// What an image declares is known by where the engine mounts it, however it is written; what is mounted there takes its
/// place, and where nothing is, the engine makes a volume: that it did is seen.
#[tokio::test]
async fn what_an_image_declares_is_known_as_the_engine_mounts_it() {
    let lab = Lab::new().await;
    let written = ["data", "/data/", "/tmp/../x y/", "/data//sub", "/own/", "/cache"];
    let image = declaring(&lab, &written).await;
    let places = ["/cache", "/data", "/data/sub", "/own", "/x y"];
    let facts = lab.engine.image(image.as_str()).await.unwrap().unwrap();
    assert_eq!(facts.volumes, places);
    let mut spec = lab.spec(&image, &["/app"]);
    let own = lab.name("own");
    let anonymous = Mount {
        source: MountSource::Anonymous,
        target: "/cache".to_owned(),
        read_only: false,
    };
    spec.mounts = vec![
        volume(&lab, &own, "/own"),
        volume(&lab, &lab.name("data"), "/data"),
        anonymous,
    ];
    let id = lab.engine.create(&spec).await.unwrap();
    let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
    let mut volumes = facts.details.unwrap().volumes;
    volumes.sort_by(|one, other| one.target.cmp(&other.target));
    let whys: Vec<(&str, Why)> = volumes.iter().map(|one| (one.target.as_str(), one.why)).collect();
    let expected = [
        ("/cache", Why::Anonymous),
        ("/data", Why::Named),
        // The engine takes `data` for another place than `/data`; the app sees what was asked for.
        ("/data", Why::Named),
        ("/data/sub", Why::Image),
        ("/own", Why::Named),
        ("/x y", Why::Image),
    ];
    assert_eq!(whys, expected);
    assert_eq!(volumes[4].name, own);

    // Nobody has said that what is in the image's own may go.
    let is_there = async |name: &str| lab.engine.volume(name).await.unwrap().is_some();
    lab.engine.remove(&id).await.unwrap();
    for one in &volumes {
        assert!(is_there(&one.name).await, "{one:?}");
        lab.engine.remove_volume(&one.name).await.unwrap();
    }

    // Where everything was asked for, what is the container's own goes with it.
    let all = lab.name("one");
    spec.mounts = places.iter().map(|place| volume(&lab, &all, place)).collect();
    spec.mounts[0].source = MountSource::Anonymous;
    let id = lab.engine.create(&spec).await.unwrap();
    let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
    let volumes = facts.details.unwrap().volumes;
    assert!(volumes.iter().all(|one| one.why != Why::Image), "{volumes:?}");
    lab.engine.remove(&id).await.unwrap();
    for one in &volumes {
        let named = one.name == all;
        assert_eq!(is_there(&one.name).await, named, "{one:?}");
    }
    lab.engine.remove_volume(&all).await.unwrap();

    spec.mounts = Vec::new();
    let id = lab.engine.create(&spec).await.unwrap();
    let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
    let volumes = facts.details.unwrap().volumes;
    assert!(volumes.iter().all(|one| one.why == Why::Image), "{volumes:?}");
    lab.engine.remove_with_volumes(&id).await.unwrap();
    for one in &volumes {
        assert!(!is_there(&one.name).await, "{one:?}");
    }
}

/// Docker follows links at every start of a container: so nobody who writes to one folder may be able to replace another,
/// and one that was replaced already is not mounted.
#[tokio::test]
async fn there_is_no_way_out_of_a_folder() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let temporary = tempfile::tempdir().unwrap();
    let outer = temporary.path().canonicalize().unwrap();
    let inner = outer.join("inner");
    std::fs::create_dir(&inner).unwrap();
    let with = |mounts: Vec<Mount>| {
        let mut spec = lab.spec(&image, &["sleep", "60000"]);
        spec.mounts = mounts;
        spec
    };
    let refused = async |mounts: Vec<Mount>, why: &str| {
        let error = lab.engine.create(&with(mounts)).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    };
    let both = vec![folder(&outer, "/outer", false), folder(&inner, "/inner", true)];
    refused(both, "which the same app has").await;
    let read_only = vec![folder(&outer, "/outer", true), folder(&inner, "/inner", false)];
    let id = lab.engine.create(&with(read_only)).await.unwrap();
    // Of another container, also of one that does not run.
    refused(vec![folder(&outer, "/outer", false)], "which the container ").await;
    lab.engine.remove(&id).await.unwrap();
    let id = lab
        .engine
        .create(&with(vec![folder(&outer, "/outer", false)]))
        .await
        .unwrap();
    refused(vec![folder(&inner, "/inner", true)], "one lies in the other").await;
    lab.engine.remove(&id).await.unwrap();
    std::fs::remove_dir(&inner).unwrap();
    symlink("/", &inner).unwrap();
    refused(vec![folder(&inner, "/inner", true)], "has become something else").await;
    // A folder that is not there is not made.
    let missing = outer.join("missing");
    let error = lab.engine.create(&with(vec![folder(&missing, "/x", true)])).await;
    let words = error.unwrap_err().to_string();
    assert!(words.contains(missing.to_str().unwrap()), "{words}");
    assert!(!missing.exists());
    let left = lab.engine.containers(&[lab.label()]).await.unwrap();
    assert!(left.is_empty(), "what was refused is removed: {left:?}");
}

/// Made with labels once, used as it is when it is there, and in use as long as a container is on it, running or not.
#[tokio::test]
async fn a_network_that_somebody_chose() {
    let lab = Lab::new().await;
    let name = lab.name("chosen");
    let mine = [lab.label(), (labels::APP, "api")];
    assert_eq!(lab.engine.network(&name).await.unwrap(), None);
    let made = lab
        .engine
        .network_or_make(&lab.named(&name, &mine))
        .await
        .unwrap();
    assert_eq!(
        (made.name.as_str(), made.driver.as_str()),
        (name.as_str(), "bridge")
    );
    assert_eq!(made.labels[labels::APP], "api");
    let again = lab.engine.network_or_make(&lab.named(&name, &[])).await.unwrap();
    assert_eq!(again, made);
    assert_eq!(lab.engine.networks_with(&mine).await.unwrap(), [made]);
    let image = lab.image().await;
    let mut spec = lab.spec(&image, &["exit", "0"]);
    spec.network.clone_from(&name);
    let id = lab.start(&spec).await;
    lab.engine.wait_exit(&id).await.unwrap();
    assert!(lab.engine.network_is_used(&name).await.unwrap());
    lab.engine.remove(&id).await.unwrap();
    assert!(!lab.engine.network_is_used(&name).await.unwrap());
    assert!(lab.engine.remove_network(&name).await.unwrap());
    assert_eq!(
        docker(&["network", "ls", "--quiet", "--filter", &format!("name={name}")]),
        ""
    );
}
