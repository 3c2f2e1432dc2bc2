//! What is built, what is not, and what a build says.

use std::collections::BTreeSet;
use std::fs;

use gokku_tests::{App, Output, Server};

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

/// P29: a build is given what `gokku.yml` names, and nothing else; a secret stays nowhere.
#[test]
fn p29_a_build_has_the_arguments_and_secrets_that_are_named() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy_with(
        "    build:\n      args: {RELEASE_NAME: spring tide}\n      secrets: [NPM_TOKEN]\n",
    );
    dev.write_app("v1", &[]);
    // Of each run, so that no step comes from the cache and says nothing.
    let mark = server.root().display();
    dev.write(
        "Dockerfile",
        format!(
            "FROM scratch\nENV MARK={mark}\nCOPY app /app\nARG RELEASE_NAME\n\
         RUN --mount=type=secret,id=NPM_TOKEN,target=/version [\"/app\", \"version\"]\n\
         RUN [\"/app\", \"env\", \"RELEASE_NAME\"]\n\
         COPY version behaviour /\nEXPOSE 8080\nENTRYPOINT [\"/app\"]\n"
        ),
    );
    dev.commit("v1");
    let name = api.name();
    dev.push().rejected().says(&format!(
        "gokku.yml:6:17: build.secrets: {name} has no NPM_TOKEN: `gokku config set NPM_TOKEN=… -a {name}` gives it one"
    ));

    let token = gokku_tests::unique("the-token");
    api.gokku(["config", "set", &format!("NPM_TOKEN={token}")]).ok();
    let push = dev.push().ok().says("  spring tide").says("  [NPM_TOKEN]");
    assert!(!push.output.contains(&token), "{push}");
    let image = image(&api, &active(&api));
    let history = api.docker(["history", "--no-trunc", &image]).ok();
    assert!(history.stdout.contains("RELEASE_NAME=spring tide"), "{history}");
    assert!(!history.stdout.contains(&token), "{history}");
    let inspected = api.docker(["inspect", &image]).ok();
    assert!(!inspected.stdout.contains(&token), "{inspected}");
    let saved = server.home().join("image.tar");
    api.docker(["save", "--output", saved.to_str().unwrap(), &image])
        .ok();
    let found = |word: &str| {
        let mut grep = server.command("grep");
        let found = Output::of(grep.args(["-rlF", word]).arg(server.root()).arg(&saved));
        let files = found.stdout.lines().map(str::to_owned);
        files.collect::<BTreeSet<String>>()
    };
    let env = api.path("shared/.env").display().to_string();
    assert_eq!(found(&token), [env].into());
    assert!(found("RELEASE_NAME").contains(&saved.display().to_string()));

    // A release whose image is gone is built again when it is gone back to, and has them again.
    let first = active(&api);
    dev.write("version", "v2\n");
    dev.commit("v2");
    dev.push().ok();
    api.docker(["rmi", &format!("{name}:release-{first}")]).ok();
    api.gokku(["rollback"]).ok();
    assert_eq!((api.version(), active(&api)), ("v1".to_owned(), first));

    // Another value is no other build; another name is.
    api.gokku(["config", "set", "--no-restart", "NPM_TOKEN=another-token"])
        .ok();
    api.gokku(["deploy"]).ok().complains(NOTHING);
    dev.write(
        "gokku.yml",
        fs::read_to_string(dev.folder().join("gokku.yml"))
            .unwrap()
            .replace("[NPM_TOKEN]", "[NPM_TOKEM]"),
    );
    dev.commit("misspelt");
    dev.push()
        .rejected()
        .says("NPM_TOKEM would do nothing: Dockerfile has no");
}

/// Taking the code out of the repository is done before there is a worker, and counts: in its step and in all.
#[test]
fn the_table_counts_the_time_that_taking_the_code_out_takes() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.write_app("v1", &[]);
    dev.write(".dockerignore", "many\n");
    for number in 0..4000 {
        dev.write(&format!("many/{}/{number}", number % 40), number.to_string());
    }
    dev.commit("v1");
    dev.push().ok();
    let log = gokku_tests::logs(&api).into_iter().next().expect("a log");
    let events = gokku_tests::events(&log);
    let told = |what: &str, is_it: &dyn Fn(&serde_json::Value) -> bool| {
        let mut all = events.iter().filter(|event| is_it(&event["event"][what]));
        all.next().unwrap_or_else(|| panic!("no {what} in {events:?}"))
    };
    let extracts = |event: &serde_json::Value| event["step"] == "extract";
    let (began, ended) = (told("step-started", &extracts), told("step-finished", &extracts));
    let number = |value: &serde_json::Value| value.as_i64().expect("a number");
    let (took, seen) = (
        number(&ended["event"]["step-finished"]["ms"]),
        number(&ended["at"]) - number(&began["at"]),
    );
    // In the step the code is only put in its place. Four thousand files are not written in so short a time anywhere.
    assert!(took >= seen + 20, "{took} ms, of which the worker took {seen}");
    let whole = told("finished", &serde_json::Value::is_object);
    assert!(number(&whole["event"]["finished"]["ms"]) >= took);
}
