//! How many releases stay: P32.

use gokku_tests::{App, PATIENCE, Server, docker, wait_until};

fn states(api: &App<'_>) -> Vec<String> {
    let releases = api.gokku(["releases", "--json"]).ok().json();
    let all = releases.as_array().unwrap().iter();
    all.map(|release| release["state"].as_str().unwrap().to_owned())
        .collect()
}

/// P32: the newest 5 by default; what is pruned cannot be gone back to, and says so; the code goes with the image.
#[test]
fn p32_the_newest_five_stay() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    for number in 1..=7 {
        dev.release(&format!("v{number}")).ok();
    }
    assert_eq!(api.images().len(), 5);
    assert_eq!(
        states(&api),
        ["active", "good", "good", "good", "good", "pruned", "pruned"]
    );
    assert_eq!(api.code().len(), 5);
    let releases = api.gokku(["releases", "--json"]).ok().json();
    let pruned = releases[6]["id"].as_str().unwrap();
    api.gokku(["rollback", pruned]).exits(3).complains("pruned");

    // Whoever prunes may be killed in its midst: the daemon finishes it.
    let left = api.path(&format!("releases/{pruned}"));
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("app"), "code").unwrap();
    server.kill_daemon();
    let _daemon = server.start_gokku(["proxy", "run"]);
    wait_until("the end of the pruning", PATIENCE, || {
        (!left.exists() && api.images().len() == 5).then_some(())
    });
    assert_eq!(api.version(), "v7");
}

/// P32: the active release and the rollback's target are never pruned, however old; failed builds leave nothing.
#[test]
fn p32_the_active_one_and_the_way_back_stay() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy_with("    deployment:\n      keep_images: 1\n");
    api.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=1"]).ok();
    dev.release("v1").ok();
    dev.release("v2").ok();
    assert_eq!(
        states(&api),
        ["active", "good"],
        "the way back stays beside the one that is kept"
    );
    dev.release("v3").ok();
    assert_eq!(states(&api), ["active", "good", "pruned"]);
    dev.release_with("v4", &["fail-health"]).rejected();
    dev.write("Dockerfile", "FROM scratch\nCOPY nothing-like-it /\n");
    dev.commit("v5");
    dev.push().rejected().says("nothing-like-it");
    assert_eq!(api.images().len(), 2, "failed ones leave no image");
    let dangling = docker([
        "images",
        "--quiet",
        "--filter",
        "dangling=true",
        "--filter",
        &format!("label=gokku.app={}", api.name()),
    ])
    .ok();
    assert_eq!(dangling.stdout, "");
    api.gokku(["rollback"]).ok();
    assert_eq!(api.version(), "v2");
}
