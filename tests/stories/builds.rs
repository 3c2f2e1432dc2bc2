//! What is built, what is not, and what a build says.

use gokku_tests::{App, Server};

const NOTHING: &str = "nothing to build";

/// The release that runs.
fn active(app: &App<'_>) -> String {
    let status = app.gokku(["status", "--json"]).ok().json();
    status["release"].as_str().unwrap().to_owned()
}

/// The id of a release's image, by its name.
fn image(app: &App<'_>, release: &str) -> String {
    let name = format!("{}:release-{release}", app.name());
    let shown = app.docker(["image", "inspect", "--format", "{{.Id}}", &name]);
    shown.ok().line().to_owned()
}

/// A tree that was built is not built again while its image is there; everything else is.
#[test]
fn what_was_built_is_not_built_again() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy_with("    deployment:\n      keep_images: 2\n");
    let builds = |version: &str| {
        let push = dev.release(version).ok();
        assert!(!push.output.contains(NOTHING), "{push}");
        assert_eq!(api.version(), version);
        active(&api)
    };
    let skips = |version: &str, like: &str| {
        let push = dev.release(version).ok();
        let push = push.says(&format!(
            "{NOTHING}: the code and what it is built with are those of {like}"
        ));
        assert!(!push.output.contains("COPY"), "{push}");
        assert_eq!(api.version(), version);
        active(&api)
    };

    let first = builds("v1");
    let tree = dev.git(["rev-parse", "HEAD^{tree}"]).ok();
    let record = server.read(format!("apps/{}/releases/{first}.toml", api.name()));
    assert!(
        record.contains(&format!("build = \"{}-", tree.line())),
        "{record}"
    );
    let of_v1 = image(&api, &first);
    // Another commit of the same files: a release of its own in everything but the image.
    let second = skips("v1", &first);
    assert_ne!(second, first);
    assert_eq!(image(&api, &second), of_v1);
    let container = &api.containers()[0];
    assert_eq!(container.labels["gokku.release"], second);
    let latest = format!("{}:latest", api.name());
    let shown = api.docker(["image", "inspect", "--format", "{{.Id}}", &latest]);
    assert_eq!(shown.ok().line(), of_v1);

    // What is pruned takes nothing from a release with the same image.
    let third = builds("v2");
    assert_eq!(api.images(), [second.clone(), third.clone()].into());
    assert_eq!(image(&api, &second), of_v1);
    let fourth = skips("v1", &second);
    let fifth = skips("v2", &third);
    assert_eq!(api.images(), [fourth.clone(), fifth.clone()].into());
    api.gokku(["rollback"]).ok();
    assert_eq!((api.version(), active(&api)), ("v1".to_owned(), fourth.clone()));
    api.gokku(["rollback", &fifth]).ok();

    // An image that somebody removed is built, and one that was pruned.
    let name = format!("{}:release-{fourth}", api.name());
    api.docker(["rmi", &name]).ok();
    builds("v1");
    builds("v3");
    builds("v4");
    let pruned = builds("v1");

    // The same commit: git has nothing to push, `gokku deploy` does it.
    dev.push().ok().says("Everything up-to-date");
    let deploy = api.gokku(["deploy"]).ok();
    deploy.complains(&format!(
        "{NOTHING}: the code and what it is built with are those of {pruned}"
    ));
    let before = image(&api, &active(&api));
    let rebuild = api.gokku(["deploy", "--rebuild"]).ok();
    for word in [NOTHING, "cached"] {
        assert!(!rebuild.stderr.contains(word), "{rebuild}");
    }
    assert_ne!(image(&api, &active(&api)), before);
    // What fails leaves the image to the release that has it.
    api.gokku([
        "config",
        "set",
        "--no-restart",
        "HEALTH_CHECK_PATH=/nowhere",
        "HEALTH_CHECK_TIMEOUT=1",
    ])
    .ok();
    let kept = active(&api);
    let failed = api.gokku(["deploy"]).exits(1).complains(NOTHING);
    assert_eq!(active(&api), kept, "{failed}");
    assert_eq!(api.images().len(), 2, "{:?}", api.images());
    image(&api, &kept);
}
