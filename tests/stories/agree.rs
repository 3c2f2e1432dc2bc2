//! Everything that must agree once an app is at rest: branch, record, link, container, route; and nothing half done.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use gokku_tests::{App, Output, PATIENCE, Server, wait_until};

/// What the app's bare repository has as `main`.
#[track_caller]
pub(crate) fn branch(app: &App<'_>) -> String {
    let repository = app.repository();
    let output = Output::of(
        std::process::Command::new("git")
            .arg("-C")
            .arg(repository)
            .args(["rev-parse", "refs/heads/main"]),
    );
    output.ok().line().to_owned()
}

/// The app is at rest, runs this version, and the branch is at its commit.
#[track_caller]
pub(crate) fn assert_agrees(server: &Server, app: &App<'_>, version: &str, commit: &str) {
    wait_until("the end of the workers", PATIENCE, || {
        server.workers().is_empty().then_some(())
    });
    assert_eq!(app.version(), version);
    assert_eq!(branch(app), commit, "the branch");
    let status = app.gokku(["status", "--json"]).ok().json();
    assert_eq!(status["commit"], commit, "{status}");
    assert_eq!(status["traffic"], "routed", "{status}");
    assert_eq!(status["busy"], serde_json::Value::Null, "{status}");
    assert_eq!(status["waiting"], serde_json::json!([]), "{status}");
    let release = status["release"].as_str().unwrap();
    let containers = app.containers();
    let [container] = &containers[..] else {
        panic!("{containers:?}")
    };
    assert_eq!(
        (&container.name, container.state.as_str()),
        (&app.blue(), "running")
    );
    assert_eq!(container.labels["gokku.release"], release);
    let current = fs::read_link(app.path("current")).unwrap();
    assert_eq!(current, Path::new("releases").join(release));

    let releases = app.gokku(["releases", "--json"]).ok().json();
    let mut kept = BTreeSet::new();
    for one in releases.as_array().unwrap() {
        match one["state"].as_str().unwrap() {
            "good" | "active" => kept.insert(one["id"].as_str().unwrap().to_owned()),
            "failed" | "pruned" => false,
            other => panic!("a release is {other}: {releases}"),
        };
    }
    assert_eq!(app.code(), kept, "code");
    assert_eq!(app.images(), kept, "images");
    for folder in ["incoming", "queue"] {
        assert_eq!(app.names_in(folder), BTreeSet::new(), "{folder}");
    }
    assert!(!app.path("journal.toml").exists());
    for folder in ["", "shared", "releases", "deploys"] {
        let mut left = app.names_in(folder);
        left.retain(|name| {
            name.starts_with(".gokku-tmp") || Path::new(name).extension().is_some_and(|end| end == "abort")
        });
        assert_eq!(left, BTreeSet::new(), "{folder}");
    }
}
