//! Back to a release that was good: P22, P23.

use gokku_tests::{App, Server};

fn ids(api: &App<'_>) -> Vec<(String, String)> {
    let releases = api.gokku(["releases", "--json"]).ok().json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    releases
        .as_array()
        .unwrap()
        .iter()
        .map(|release| (text(&release["id"]), text(&release["state"])))
        .collect()
}

/// P22: the previous good release, through the same gate and switch; nothing is built.
#[test]
fn p22_rollback_goes_to_the_previous_good_release() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=true", "HEALTH_CHECK_TIMEOUT=2"])
        .ok();
    dev.release("v1").ok();
    dev.release("v2").ok();
    // A failed one in between does not count.
    dev.release_with("v3", &["fail-health"]).rejected();
    let rolled = api.gokku(["rollback"]).ok();
    assert!(!rolled.stderr.contains("Building"), "{rolled}");
    assert!(
        rolled.stderr.contains("-----> Waiting until"),
        "the same gate: {rolled}"
    );
    assert_eq!(api.version(), "v1");
    assert_eq!(api.container_names(), [api.blue()]);
    let states: Vec<_> = ids(&api).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["failed", "good", "active"]);
    // latest is what runs.
    let latest = format!("{}:latest", api.name());
    let latest = gokku_tests::docker(["image", "inspect", "--format", "{{.Id}}", &latest]).ok();
    assert_eq!(api.containers()[0].image, latest.line());
    // Before the first there is none.
    api.gokku(["rollback"])
        .exits(3)
        .complains("no good release before");
}

/// P23: a named one, forwards too; whatever cannot be had is refused, with what can.
#[test]
fn p23_rollback_to_a_named_release() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=2"]).ok();
    api.gokku(["rollback"]).exits(3).complains("no release yet");
    dev.release("v1").ok();
    dev.release("v2").ok();
    dev.release_with("v3", &["fail-health"]).rejected();
    let all = ids(&api);
    let [failed, second, first] = [0, 1, 2].map(|at| all[at].0.as_str());
    api.gokku(["rollback", first]).ok();
    assert_eq!(api.version(), "v1");
    api.gokku(["rollback", second]).ok();
    assert_eq!(api.version(), "v2");

    let before = api.containers();
    api.gokku(["rollback", failed])
        .exits(3)
        .complains("it failed")
        .complains(first);
    api.gokku(["rollback", second])
        .exits(3)
        .complains("active one already")
        .complains(first);
    api.gokku(["rollback", "20010101-000000"])
        .exits(3)
        .complains("no such release")
        .complains(first);
    for no_id in [
        "v1",
        "../../../etc",
        "latest",
        "20010101-000000/..",
        "20011301-000000",
    ] {
        api.gokku(["rollback", no_id])
            .exits(2)
            .complains("not a release id");
    }
    assert_eq!(api.containers(), before);
}

/// A rollback whose release does not become healthy any more is given up, as a deploy is.
#[test]
fn p22_the_gate_holds_for_rollbacks_too() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=true", "HEALTH_CHECK_TIMEOUT=2"])
        .ok();
    dev.release_with("v1", &["want-host=example.com"]).rejected();
    dev.release("v1").ok();
    dev.release("v2").ok();
    let before = api.containers();
    api.gokku([
        "config",
        "set",
        "HEALTH_CHECK_PATH=/status?code=500",
        "--no-restart",
    ])
    .ok();
    api.gokku(["rollback"])
        .exits(1)
        .complains("did not pass its health check");
    assert_eq!(api.version(), "v2");
    assert_eq!(api.containers(), before);
}
