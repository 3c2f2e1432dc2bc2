//! What is true of every engine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use gokku_core::build::image_sources::ownership::Neighbours;
use gokku_core::containers::{
    Apart, BuildRequest, ContainerFacts, ContainerSpec, ContainerState, Error, Isolated, Isolation,
    NewNetwork, Secrets, labels,
};
use gokku_core::machine::subnet::{RANGE, Subnet};
use gokku_core::{ContainerId, ImageId};
use gokku_server::engine::runtime::Runtime;

const GRACE: Duration = Duration::from_millis(10);

/// An engine with an image on it, for one test.
pub(crate) struct Bench<'a> {
    engine: &'a dyn Runtime,
    root: String,
    image: ImageId,
}

impl<'a> Bench<'a> {
    pub(crate) async fn new(engine: &'a dyn Runtime, folder: &Path, root: &str) -> Self {
        let mut bench = Self {
            engine,
            root: root.to_owned(),
            image: ImageId::new(""),
        };
        let request = BuildRequest {
            folder,
            dockerfile: "Dockerfile",
            generated: None,
            tag: bench.tag("first"),
            labels: bench.labels(&[]),
            args: Vec::new(),
            secrets: Secrets::new(),
            logins: Vec::new(),
            apart: Apart {
                neighbours: Neighbours {
                    root: root.to_owned(),
                    own: "lab".parse().unwrap(),
                    others: BTreeSet::new(),
                },
                caches: root.to_owned(),
            },
            cache: true,
        };
        bench.image = engine.build(&request, &mut |_| {}).await.unwrap();
        bench
    }

    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.root)
    }

    fn tag(&self, tag: &str) -> String {
        format!("{}:{tag}", self.root)
    }

    fn labels(&self, more: &[(&str, &str)]) -> BTreeMap<String, String> {
        let root = [(labels::ROOT, self.root.as_str())];
        let all = root.iter().chain(more);
        all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn spec(&self, name: &str, command: &[&str]) -> ContainerSpec {
        ContainerSpec {
            name: self.name(name),
            image: self.image.to_string(),
            labels: self.labels(&[(labels::APP, name)]),
            network: "none".to_owned(),
            command: Some(command.iter().map(|word| (*word).to_owned()).collect()),
            ..ContainerSpec::default()
        }
    }

    async fn facts(&self, id: &ContainerId) -> ContainerFacts {
        self.engine.container(id.as_str()).await.unwrap().unwrap()
    }

    fn network(&self, app: &str) -> NewNetwork {
        NewNetwork {
            names: vec![self.name(app), self.name(&format!("{app}-2"))],
            labels: self.labels(&[(labels::APP, app)]),
            containers: 3,
            range: RANGE,
            avoid: Vec::new(),
        }
    }
}

pub(crate) async fn a_container_lives_from_made_to_removed(bench: &Bench<'_>) {
    let engine = bench.engine;
    let network = engine
        .network_of_range(&bench.network("life"))
        .await
        .unwrap()
        .name;
    let spec = ContainerSpec {
        network: network.clone(),
        ..bench.spec("green", &["serve", "8000", "ok"])
    };
    let id = engine.create(&spec).await.unwrap();
    let made = bench.facts(&id).await;
    assert_eq!(
        (&made.name, &made.image, made.state),
        (&spec.name, &bench.image, ContainerState::Created)
    );
    assert_eq!(made.labels, spec.labels);
    assert!(made.addresses.is_empty(), "{made:?}");

    engine.start(&id).await.unwrap();
    engine
        .start(&id)
        .await
        .expect("one that runs already is no error");
    let running = engine.container(&spec.name).await.unwrap().unwrap();
    assert_eq!((&running.id, running.state), (&id, ContainerState::Running));
    assert_eq!(running.addresses.keys().collect::<Vec<_>>(), [&network]);
    assert!(running.details.unwrap().started_at.starts_with("20"));
    assert!(engine.network_is_used(&network).await.unwrap());
    assert!(
        !engine.remove_network(&network).await.unwrap(),
        "something is on it"
    );

    let blue = bench.name("blue");
    engine.rename(&id, &blue).await.unwrap();
    assert!(engine.container(&spec.name).await.unwrap().is_none());
    assert_eq!(bench.facts(&id).await.name, blue);

    engine.stop(&id, GRACE).await.unwrap();
    engine
        .stop(&id, GRACE)
        .await
        .expect("one that does not run is no error");
    let stopped = bench.facts(&id).await;
    assert_eq!(stopped.state, ContainerState::Exited);
    assert!(stopped.addresses.is_empty(), "{stopped:?}");
    assert_ne!(stopped.details.unwrap().exit_code, 0);
    engine.start(&id).await.unwrap();
    assert_eq!(bench.facts(&id).await.state, ContainerState::Running);

    engine.remove(&id).await.expect("also one that runs");
    engine
        .remove(&id)
        .await
        .expect("one that is not there is no error");
    assert!(engine.container(id.as_str()).await.unwrap().is_none());
    assert!(!engine.network_is_used(&network).await.unwrap());
    assert!(engine.remove_network(&network).await.unwrap());
    assert!(engine.network(&network).await.unwrap().is_none());
}

pub(crate) async fn what_is_not_there_is_told_from_what_stands_in_the_way(bench: &Bench<'_>) {
    let engine = bench.engine;
    let first = engine.create(&bench.spec("one", &["exit", "0"])).await.unwrap();
    let second = engine.create(&bench.spec("two", &["exit", "0"])).await.unwrap();
    let taken = engine.create(&bench.spec("one", &["exit", "0"])).await;
    assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
    let taken = engine.rename(&second, &bench.name("one")).await;
    assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
    assert_eq!(bench.facts(&second).await.name, bench.name("two"));

    let nobody = ContainerId::new("f".repeat(64));
    for (what, missing) in [
        ("start", engine.start(&nobody).await),
        ("stop", engine.stop(&nobody, GRACE).await),
        ("rename", engine.rename(&nobody, &bench.name("three")).await),
        ("wait", engine.wait_exit(&nobody).await.map(drop)),
        (
            "create",
            engine
                .create(&ContainerSpec {
                    image: bench.tag("none"),
                    ..bench.spec("x", &[])
                })
                .await
                .map(drop),
        ),
        ("tag", engine.tag(&bench.tag("none"), &bench.root, "other").await),
    ] {
        assert!(matches!(missing, Err(Error::NotFound(_))), "{what}: {missing:?}");
    }
    assert!(engine.container(nobody.as_str()).await.unwrap().is_none());
    assert!(
        engine.container(&bench.name("on")).await.unwrap().is_none(),
        "a part of a name is none"
    );
    assert!(engine.image(&bench.tag("none")).await.unwrap().is_none());
    assert!(engine.network(&bench.name("none")).await.unwrap().is_none());
    assert!(engine.volume(&bench.name("none")).await.unwrap().is_none());
    for id in [first, second] {
        engine.remove(&id).await.unwrap();
    }
}

pub(crate) async fn a_program_that_ends_gives_its_exit_code(bench: &Bench<'_>) {
    let engine = bench.engine;
    let id = engine
        .create(&bench.spec("fails", &["fail", "3", "it went wrong"]))
        .await
        .unwrap();
    engine.start(&id).await.unwrap();
    assert_eq!(engine.wait_exit(&id).await.unwrap(), 3);
    let ended = bench.facts(&id).await;
    assert_eq!(
        (ended.state, ended.details.unwrap().exit_code),
        (ContainerState::Exited, 3)
    );
    assert_eq!(engine.last_lines(&id, 5).await.unwrap(), ["it went wrong"]);
    engine.remove(&id).await.unwrap();
}

pub(crate) async fn a_one_off_container_is_gone_when_it_ends(bench: &Bench<'_>) {
    let engine = bench.engine;
    for (command, code, said) in [
        (&["say", "hello"][..], 0, "hello\n"),
        (&["fail", "4", "no"], 4, "no\n"),
    ] {
        let (spec, mut output) = (bench.spec("once", command), Vec::new());
        let mut never = std::future::pending();
        let ended = engine
            .run_one_off(&mut never, &spec, &mut |piece| output.extend(piece.bytes))
            .await;
        assert_eq!(ended.unwrap(), Some(code));
        assert_eq!(String::from_utf8(output).unwrap(), said);
        assert!(engine.container(&spec.name).await.unwrap().is_none());
    }
    let spec = bench.spec("stopped", &["deaf", "here"]);
    let mut now = std::future::ready(());
    assert_eq!(
        engine.run_one_off(&mut now, &spec, &mut |_| {}).await.unwrap(),
        None
    );
    assert!(engine.container(&spec.name).await.unwrap().is_none());
}

pub(crate) async fn labels_are_all_to_match(bench: &Bench<'_>) {
    let engine = bench.engine;
    let one = engine.create(&bench.spec("one", &["exit", "0"])).await.unwrap();
    let two = engine.create(&bench.spec("two", &["exit", "0"])).await.unwrap();
    let found = async |labels: &[(&str, &str)]| {
        let found = engine.containers(labels).await.unwrap();
        found.into_iter().map(|facts| facts.id).collect::<BTreeSet<_>>()
    };
    let root = (labels::ROOT, bench.root.as_str());
    assert_eq!(found(&[root]).await, BTreeSet::from([one.clone(), two.clone()]));
    assert_eq!(
        found(&[root, (labels::APP, "two")]).await,
        BTreeSet::from([two.clone()])
    );
    assert_eq!(found(&[root, (labels::APP, "tw")]).await, BTreeSet::new());
    let images = engine.images(&[root]).await.unwrap();
    assert_eq!(images.len(), 1);
    assert_eq!(
        (&images[0].id, &images[0].tags),
        (&bench.image, &vec![bench.tag("first")])
    );
    assert!(
        engine
            .images(&[root, (labels::APP, "two")])
            .await
            .unwrap()
            .is_empty()
    );
    for id in [one, two] {
        engine.remove(&id).await.unwrap();
    }
}

pub(crate) async fn names_of_images_move_and_go(bench: &Bench<'_>) {
    let engine = bench.engine;
    engine
        .tag(bench.image.as_str(), &bench.root, "second")
        .await
        .unwrap();
    let named = engine.image(&bench.tag("second")).await.unwrap().unwrap();
    assert_eq!(named.id, bench.image);
    assert_eq!(
        named.tags.iter().collect::<BTreeSet<_>>(),
        BTreeSet::from([&bench.tag("first"), &bench.tag("second")])
    );
    let id = engine.create(&bench.spec("user", &["exit", "0"])).await.unwrap();
    engine
        .remove_image(&bench.tag("second"))
        .await
        .expect("it is not the last");
    let used = engine.remove_image(&bench.tag("first")).await;
    assert!(matches!(used, Err(Error::Conflict(_))), "{used:?}");
    assert!(engine.image(&bench.tag("first")).await.unwrap().is_some());
    engine.remove(&id).await.unwrap();
    engine.remove_image(&bench.tag("first")).await.unwrap();
    engine
        .remove_image(&bench.tag("first"))
        .await
        .expect("one that is not there is no error");
    assert!(engine.image(bench.image.as_str()).await.unwrap().is_none());
}

pub(crate) async fn networks_are_found_by_their_labels(bench: &Bench<'_>) {
    let engine = bench.engine;
    let one = engine.network_of_range(&bench.network("one")).await.unwrap();
    assert_eq!(one.name, bench.name("one"));
    assert!(one.room() >= 3, "{one:?}");
    assert_eq!(engine.network_of_range(&bench.network("one")).await.unwrap(), one);
    let two = engine.network_of_range(&bench.network("two")).await.unwrap();
    assert_ne!((&two.name, &two.subnets), (&one.name, &one.subnets));
    let root = (labels::ROOT, bench.root.as_str());
    let names = async |labels: &[(&str, &str)]| {
        let all = engine.networks_with(labels).await.unwrap();
        all.into_iter().map(|network| network.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&[root]).await, [one.name.clone(), two.name.clone()]);
    let of_two = names(&[root, (labels::APP, "two")]).await;
    assert_eq!(of_two, std::slice::from_ref(&two.name));
    // One that is larger than what there is has another name.
    let large = NewNetwork {
        containers: 200,
        ..bench.network("one")
    };
    let large = engine.network_of_range(&large).await.unwrap();
    assert_eq!(large.name, bench.name("one-2"));
    let new = NewNetwork {
        names: vec![bench.name("chosen")],
        ..bench.network("chosen")
    };
    let chosen = engine.network_or_make(&new).await.unwrap();
    assert!(chosen.subnets.iter().all(|one| new.range.contains(*one)));
    assert_eq!(chosen.subnets.len(), 1);
    assert_eq!(engine.network_or_make(&new).await.unwrap(), chosen);
    assert_eq!(
        engine.network(&chosen.name).await.unwrap().unwrap().name,
        chosen.name
    );
    for name in [one.name, two.name, large.name, chosen.name] {
        assert!(engine.remove_network(&name).await.unwrap());
    }
    assert!(names(&[root]).await.is_empty());
}

/// The rule is made once; an engine that needs none says so each time.
pub(crate) async fn networks_are_kept_apart_once(bench: &Bench<'_>, range: Subnet) {
    let isolation = Isolation::of(bench.root.clone(), range, &[]);
    let mut found = Vec::new();
    for _ in 0..3 {
        found.push(bench.engine.isolate(&isolation).await.unwrap());
    }
    let needed = [Isolated::Now, Isolated::Already, Isolated::Already];
    assert!(found == needed || found == [Isolated::ByEngine; 3], "{found:?}");
}
