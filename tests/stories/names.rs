//! Names: P34, and what cannot be one.

use gokku_tests::{Server, unique};

/// P34: on the server, the app with or without its environment.
#[test]
fn p34_an_app_is_named_with_or_without_its_environment() {
    let server = Server::new();
    let name = unique("api");
    let app = |name: &str| server.gokku(["config", "get", "-a", name, "X"]);
    server
        .gokku(["apps", "create", &name, "--environment", "staging"])
        .ok();
    server.gokku(["config", "set", "-a", &name, "X=1"]).ok();
    let staging = format!("{name}-staging");
    assert_eq!(app(&name).ok().line(), "1");
    assert_eq!(app(&staging).ok().line(), "1");
    app(&format!("{name}-production")).exits(3).complains("staging");
    // An app that is named like another with its environment is itself.
    server.gokku(["apps", "create", &staging]).ok();
    server.gokku(["config", "set", "-a", &staging, "X=2"]).ok();
    assert_eq!(app(&staging).ok().line(), "2");
    assert_eq!(app(&name).ok().line(), "1");
    let list = server.gokku(["apps", "list", "--json"]).ok().json();
    let names: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|app| app["name"].clone())
        .collect();
    assert_eq!(names, [name.as_str(), staging.as_str()]);
}

#[test]
fn what_cannot_be_a_name_is_refused_everywhere() {
    let server = Server::new();
    let long = "a".repeat(41);
    for bad in [
        "", "Api", "a_b", "a.b", "-a", "a-", "a b", "a/b", "..", "../x", "/etc", "a\nb", "ä", "x-blue",
        "x-green", "$(id)", "a;b", &long,
    ] {
        let bad = if bad.starts_with('-') {
            format!("./{bad}")
        } else {
            bad.to_owned()
        };
        server
            .gokku(["apps", "create", &bad])
            .exits(2)
            .complains("gokku: ");
        let used = server.gokku(["status", "-a", &bad]);
        assert!(matches!(used.code, Some(2 | 3)), "{used}");
        let environment = ["apps", "create", "fine", "--environment", &bad];
        // Only an app's name could be mistaken for a container's.
        if !bad.ends_with("-blue") && !bad.ends_with("-green") {
            server.gokku(environment).exits(2);
        }
    }
    assert_eq!(
        server.gokku(["apps", "list", "--json"]).ok().json(),
        serde_json::json!([])
    );
    for folder in ["apps", "repos"] {
        let made = std::fs::read_dir(server.path(folder)).map_or(0, Iterator::count);
        assert_eq!(made, 0, "{folder}");
    }
    server.gokku(["apps", "create", &"a".repeat(40)]).ok();
}

#[test]
fn an_app_that_is_not_there_is_told_by_every_command() {
    let server = Server::new();
    let other = server.create("other");
    for words in [
        &["status"][..],
        &["releases"],
        &["logs"],
        &["rollback"],
        &["deploy"],
        &["deploy", "--abort"],
        &["restart"],
        &["stop"],
        &["start"],
        &["run", "x"],
        &["exec", "x"],
        &["config", "list"],
        &["config", "get", "X"],
        &["config", "set", "X=1"],
        &["config", "unset", "X"],
    ] {
        let words = ["-a", "nowhere"].iter().chain(words);
        server
            .gokku(words)
            .exits(3)
            .complains("there is no app nowhere")
            .complains(other.name());
    }
    server.gokku(["apps", "destroy", "nowhere", "--yes"]).exits(3);
    server.gokku(["status", "-a"]).exits(2);
    server.gokku(["logs"]).exits(2).complains("-a APP");
}

#[test]
fn a_name_is_given_once() {
    let server = Server::new();
    let api = server.create("api");
    server
        .gokku(["apps", "create", api.name()])
        .exits(1)
        .complains("already");
    let dev = api.working_copy();
    dev.release("v1").ok();
    server
        .gokku(["apps", "destroy", api.name()])
        .exits(2)
        .complains("--yes");
    assert_eq!(api.version(), "v1");
    server.gokku(["apps", "destroy", api.name(), "--yes"]).ok();
    assert_eq!(api.containers(), []);
    assert!(!api.repository().exists() && !api.path("").exists());
    let images = gokku_tests::docker(["images", "--quiet", api.name()]).ok();
    assert_eq!(images.stdout, "");
    assert!(api.get("/version").is_err(), "nobody listens there any more");
    // And the name is free again, with nothing of before.
    server.gokku(["apps", "create", api.name()]).ok();
    assert_eq!(
        api.gokku(["releases", "--json"]).ok().json(),
        serde_json::json!([])
    );
}
