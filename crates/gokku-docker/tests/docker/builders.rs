//! What a good build gives.

use std::collections::BTreeMap;

use gokku_core::containers::{BuildRequest, Generated};
use gokku_core::machine::stream::Stream;

use crate::support::{Folder, Lab, docker, text};

/// Runs the image's program, and gives what it says.
async fn run(lab: &Lab, image: &gokku_core::ImageId, command: &[&str]) -> String {
    let mut pieces = Vec::new();
    let spec = lab.spec(image, command);
    let code = lab
        .engine
        .run_one_off(&spec, &mut |piece| pieces.push(piece))
        .await
        .unwrap();
    assert_eq!(code, 0, "{}", text(&pieces, Stream::Err));
    text(&pieces, Stream::Out)
}

/// P26: the image is known by its id, and by the name it was given.
#[tokio::test]
async fn p26_a_build_gives_the_id_of_the_image_that_has_the_tag() {
    let lab = Lab::new().await;
    let folder =
        Folder::new("FROM scratch\nCOPY app /app\nENTRYPOINT [\"/app\"]\nEXPOSE 9090/tcp 53/udp 8080\n");
    let request = BuildRequest {
        tag: format!("{}:release-20240115-113000", lab.root),
        ..lab.request(folder.path())
    };
    let (built, lines) = lab.build(&request).await;
    let id = built.unwrap_or_else(|error| panic!("{error}\n{lines:?}"));
    assert!(
        id.as_str().starts_with("sha256:") && id.as_str().len() == 71,
        "{id}"
    );

    let image = lab.engine.image(&request.tag).await.unwrap().unwrap();
    assert_eq!(image.id, id);
    assert_eq!(image.tags, std::slice::from_ref(&request.tag));
    assert_eq!(image.exposed, [8080, 9090], "TCP only, sorted");
    assert!(image.size > 100_000, "{}", image.size);
    assert_eq!(run(&lab, &id, &["say", "hello"]).await, "hello\n");
}

/// P50: what is built without the cache, because that may have lost its content, takes no layer that the engine
/// has.
#[tokio::test]
async fn what_is_built_without_the_cache_has_layers_of_its_own() {
    let lab = Lab::new().await;
    let folder = Folder::new("FROM scratch\nCOPY app /app\n").file("data/one", "1");
    let layers = async |cache: bool| {
        let request = BuildRequest {
            cache,
            ..lab.request(folder.path())
        };
        let (built, lines) = lab.build(&request).await;
        let id = built.unwrap_or_else(|error| panic!("{error}\n{lines:?}"));
        docker(&["inspect", "--format", "{{json .RootFS.Layers}}", id.as_str()])
    };
    let first = layers(true).await;
    assert_ne!(layers(false).await, first);
    assert!(first.contains("sha256:"), "{first}");
}

/// Labels are how images are found again: what they hold arrives as it is.
#[tokio::test]
async fn labels_arrive_as_they_are() {
    let lab = Lab::new().await;
    let odd = [
        ("gokku.app", "api"),
        ("quotes", r#"a "b" 'c' `d`"#),
        ("dollars", "$HOME ${PATH} $$"),
        ("back", r"a\b\nc\"),
        ("spaces", "  two  spaces  "),
        ("equals", "a=b=c"),
        ("percent", "100%&x=1+2"),
        ("unicode", "grün 緑 🟢"),
        ("empty", ""),
    ];
    let folder = Folder::new("FROM scratch\nCOPY app /app\n");
    let request = BuildRequest {
        labels: lab.labels(&odd),
        ..lab.request(folder.path())
    };
    let (built, lines) = lab.build(&request).await;
    let id = built.unwrap_or_else(|error| panic!("{error}\n{lines:?}"));
    let image = lab.engine.image(id.as_str()).await.unwrap().unwrap();
    assert_eq!(image.labels, lab.labels(&odd));
}

/// The builder gets the text, and the folder stays as it was.
#[tokio::test]
async fn a_dockerfile_that_is_in_no_folder_is_built() {
    let lab = Lab::new().await;
    let folder = Folder::new("");
    std::fs::remove_file(folder.path().join("Dockerfile")).unwrap();
    let request = BuildRequest {
        dockerfile: ".gokku.Dockerfile",
        generated: Some(Generated {
            dockerfile: "FROM scratch\nLABEL by=gokku\nCOPY [\"app\", \"/app\"]\n".to_owned(),
            dockerignore: "",
        }),
        ..lab.request(folder.path())
    };
    let (built, lines) = lab.build(&request).await;
    let id = built.unwrap_or_else(|error| panic!("{error}\n{lines:?}"));
    let image = lab.engine.image(id.as_str()).await.unwrap().unwrap();
    assert_eq!(image.labels["by"], "gokku");
    assert!(!folder.path().join(".gokku.Dockerfile").exists());
}

#[tokio::test]
async fn build_arguments_reach_the_steps_as_they_are() {
    let lab = Lab::new().await;
    let folder = Folder::new(
        "FROM scratch\nCOPY app /app\nARG WHO=nobody\nARG OTHER=default\nARG MARK\n\
             RUN [\"/app\", \"env\", \"WHO\"]\nRUN [\"/app\", \"env\", \"OTHER\"]\nENTRYPOINT [\"/app\"]\n",
    );
    let who = r#"a "b" $HOME 'c' = & + 100% 緑"#;
    let request = BuildRequest {
        args: vec![
            ("WHO".to_owned(), who.to_owned()),
            // Of each run, so that no step comes from the cache and says nothing.
            ("MARK".to_owned(), lab.name("mark")),
        ],
        ..lab.request(folder.path())
    };
    let (built, lines) = lab.build(&request).await;
    let id = built.unwrap_or_else(|error| panic!("{error}\n{lines:?}"));
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    assert!(lines.contains(&who), "{lines:?}");
    assert!(lines.contains(&"default"), "{lines:?}");
    // They are the build's: the container has none of them.
    assert_eq!(run(&lab, &id, &["env", "WHO"]).await, "-\n");
}

/// What is committed is what is built: modes, links, folders, names.
#[tokio::test]
async fn p12_files_arrive_with_their_modes_and_links() {
    let lab = Lab::new().await;
    let long = format!("{}/{}", "d".repeat(90), "f".repeat(120));
    let folder = Folder::new("FROM scratch\nCOPY app /app\nCOPY tree /t\nENTRYPOINT [\"/app\"]\n")
        .file("tree/run.sh", "#!/bin/sh")
        .mode("tree/run.sh", 0o755)
        .file("tree/plain", "one")
        .mode("tree/plain", 0o644)
        .file("tree/naïve 緑 $x", "two")
        .mode("tree/naïve 緑 $x", 0o600)
        .file("tree/sub/empty", "")
        .mode("tree/sub/empty", 0o644)
        .file(&format!("tree/{long}"), "far")
        .mode(&format!("tree/{long}"), 0o644)
        .link("tree/link", "sub/../plain")
        .link("tree/broken", "/no/such");
    let (built, lines) = lab.build(&lab.request(folder.path())).await;
    let id = built.unwrap_or_else(|error| panic!("{error}\n{lines:?}"));
    let found = run(&lab, &id, &["tree", "/t"]).await;
    let (above, below) = long.split_once('/').unwrap();
    let expected = [
        "/t/broken -> /no/such".to_owned(),
        format!("/t/{above}/"),
        format!("/t/{above}/{below} 644 \"far\""),
        "/t/link -> sub/../plain".to_owned(),
        "/t/naïve 緑 $x 600 \"two\"".to_owned(),
        "/t/plain 644 \"one\"".to_owned(),
        "/t/run.sh 755 \"#!/bin/sh\"".to_owned(),
        "/t/sub/".to_owned(),
        "/t/sub/empty 644 \"\"".to_owned(),
    ];
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_dockerfile_of_another_name_in_a_folder_is_found() {
    let lab = Lab::new().await;
    let folder = Folder::new("FROM scratch\nRUN this is not the one\n")
            .file("deploy/web.Dockerfile", "FROM scratch\nCOPY app /app\nENTRYPOINT [\"/app\"]\n")
            // Even where it is left out: the builder needs it.
            .file(".dockerignore", "deploy\n");
    let request = BuildRequest {
        dockerfile: "deploy/web.Dockerfile",
        ..lab.request(folder.path())
    };
    let (built, lines) = lab.build(&request).await;
    let id = built.unwrap_or_else(|error| panic!("{error}\n{lines:?}"));
    assert_eq!(run(&lab, &id, &["say", "web"]).await, "web\n");
}

/// No image is fetched that the engine has: a release builds where no registry can be reached.
#[tokio::test]
async fn an_image_of_the_engine_is_built_upon_without_a_registry() {
    let lab = Lab::new().await;
    let base = lab.image().await;
    let name = lab.name("base");
    lab.engine.tag(base.as_str(), &name, "1").await.unwrap();
    let folder = Folder::empty().file("Dockerfile", format!("FROM {name}:1\nCMD [\"say\", \"upon\"]\n"));
    let (built, lines) = lab.build(&lab.request(folder.path())).await;
    let id = built.unwrap_or_else(|error| panic!("{error}\n{lines:?}"));
    let mut pieces = Vec::new();
    let spec = gokku_core::containers::ContainerSpec {
        command: None,
        ..lab.spec(&id, &[])
    };
    lab.engine
        .run_one_off(&spec, &mut |piece| pieces.push(piece))
        .await
        .unwrap();
    assert_eq!(text(&pieces, Stream::Out), "upon\n");
}

/// P32: the same content is the same image again, and takes no room.
#[tokio::test]
async fn p32_the_same_folder_is_built_from_the_cache() {
    let lab = Lab::new().await;
    // Steps of its own from the first on: another test that removes its image takes shared ones away.
    let dockerfile = format!(
        "FROM scratch\nLABEL of={0}\nCOPY app /app\nRUN [\"/app\", \"say\", \"{0}\"]\n",
        lab.name("step")
    );
    let folder = Folder::new(&dockerfile);
    let (first, lines) = lab.build(&lab.request(folder.path())).await;
    let first = first.unwrap_or_else(|error| panic!("{error}\n{lines:?}"));
    // Another folder, made at another time.
    let folder = Folder::new(&dockerfile);
    let (second, lines) = lab.build(&lab.request(folder.path())).await;
    let second = second.unwrap_or_else(|error| panic!("{error}\n{lines:?}"));
    assert_eq!(second, first, "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("cached")), "{lines:?}");
    // Of itself the step would say it again.
    let said = format!("{}\"", lab.name("step"));
    let steps = lines
        .iter()
        .filter(|line| line.trim() == said.trim_end_matches('"'));
    assert_eq!(steps.count(), 0, "{lines:?}");
}

/// P29: secrets are no part of a build: an image has in it what the Dockerfile says, and no more env than that.
#[tokio::test]
async fn p29_an_image_has_only_the_env_of_its_dockerfile() {
    let lab = Lab::new().await;
    let folder = Folder::new("FROM scratch\nENV FROM_DOCKERFILE=yes\nCOPY app /app\n");
    let (built, _) = lab.build(&lab.request(folder.path())).await;
    let id = built.unwrap();
    let env = docker(&["inspect", id.as_str(), "--format", "{{json .Config.Env}}"]);
    let env: Vec<String> = serde_json::from_str(&env).unwrap();
    assert!(env.contains(&"FROM_DOCKERFILE=yes".to_owned()), "{env:?}");
    let other: BTreeMap<_, _> = env.iter().filter_map(|one| one.split_once('=')).collect();
    let names: Vec<_> = other.keys().filter(|name| **name != "PATH").collect();
    assert_eq!(names, [&"FROM_DOCKERFILE"]);
}

/// Mounts of today's Dockerfiles work.
#[tokio::test]
async fn a_step_has_its_cache_mount() {
    let lab = Lab::new().await;
    let folder = Folder::new(
        "FROM scratch\nCOPY app /app\nRUN --mount=type=cache,target=/cache [\"/app\", \"tree\", \"/cache\"]\n",
    );
    let (built, lines) = lab.build(&lab.request(folder.path())).await;
    built.unwrap_or_else(|error| panic!("{error}\n{lines:?}"));
}
