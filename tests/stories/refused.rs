//! A version that is not good enough: the push is rejected, and nobody notices.

use gokku_tests::{Load, LoadPlan, PATIENCE, Server, Timeline, docker, get, wait_until};

/// P02, P03, P14, P21: a version that is never healthy never receives one client request; blue is untouched; the
/// pusher is told why, with green's last lines; the ref has not moved.
#[test]
fn p03_an_unhealthy_version_never_receives_a_request() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=true", "HEALTH_CHECK_TIMEOUT=4"])
        .ok();
    dev.write_app("v1", &[]);
    let good = dev.commit("v1");
    dev.push().ok();
    let before = api.containers();

    let load = Load::start(LoadPlan {
        keep_alive: 2,
        fresh: 2,
        ..LoadPlan::none(api.address())
    });
    // A name that no other test gives: once green is gone, its address may be another container's.
    dev.write_app("never-healthy", &["fail-health"]);
    dev.commit("never healthy");
    let push = dev.start_push();
    let green = wait_until("green's address", PATIENCE, || {
        let containers = api.containers();
        let green = containers.iter().find(|one| one.name == api.green())?;
        green.address.parse::<std::net::IpAddr>().ok()
    });
    // From the outside and from within: green itself says how many client requests it got. Asked for as long as it
    // is there; the last answer counts.
    let mut asked = 0;
    let mut got = None;
    wait_until("green's end", PATIENCE, || {
        match get((green, 8080).into(), "/requests") {
            Ok(answer) if answer.version() == Some("never-healthy") => {
                asked += 1;
                got = Some(answer.text());
                None
            }
            _ => (asked > 0).then_some(()),
        }
    });
    assert_eq!(got.as_deref(), Some("0"), "asked {asked} times");
    let push = push.wait();
    assert_ne!(push.code, Some(0), "{push}");
    for told in [
        "the new release did not pass its health check",
        "500",
        "version never-healthy starts",
        "The former release goes on serving, untouched.",
        "[remote rejected]",
    ] {
        assert!(push.stderr.contains(told), "no {told:?} in\n{push}");
    }
    load.stop().assert_clean(&Timeline::new("v1"));
    assert_eq!(
        api.containers(),
        before,
        "blue is untouched, and there is no green"
    );
    assert_eq!(head(&api), good, "the ref has not moved");
    let releases = api.gokku(["releases", "--json"]).ok().json();
    assert_eq!(releases[0]["state"], "failed");
    assert!(
        releases[0]["reason"].as_str().unwrap().contains("health check"),
        "{releases}"
    );
    assert_eq!(releases[1]["state"], "active");
    // Nothing of it stays: no image, no code.
    let id = releases[0]["id"].as_str().unwrap();
    let tag = format!("{}:release-{id}", api.name());
    assert_eq!(docker(["images", "--quiet", &tag]).ok().stdout, "");
    assert!(!api.path(&format!("releases/{id}")).exists());
}

/// P14: the same commit can be pushed again, and is then deployed.
#[test]
fn p14_a_rejected_commit_can_be_pushed_again() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku([
        "config",
        "set",
        "HEALTH_CHECK_PATH=/status?code=503",
        "HEALTH_CHECK_TIMEOUT=1",
    ])
    .ok();
    dev.write_app("v1", &[]);
    dev.commit("v1");
    dev.push().rejected().says("503").says("Nothing runs.");
    assert_eq!(api.container_names(), [""; 0]);
    api.gokku(["config", "unset", "HEALTH_CHECK_PATH"]).ok();
    dev.push().ok();
    assert_eq!(api.version(), "v1");
    // And once it is there, git itself has nothing to push.
    dev.push().ok().says("Everything up-to-date");
}

/// P21 in the other mode: the old one was stopped for the new one, and is started again.
#[test]
fn p21_without_zero_downtime_the_old_one_comes_back() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=1"]).ok();
    dev.release("v1").ok();
    let before = api.containers();
    let load = Load::start(LoadPlan {
        keep_alive: 2,
        fresh: 2,
        ..LoadPlan::none(api.address())
    });
    let push = dev
        .release_with("v2", &["fail-health"])
        .rejected()
        .says("did not pass its health check")
        .says("The former release was stopped meanwhile. It has been started again and serves.");
    assert!(!push.output.contains("untouched"), "{push}");
    load.stop().assert_clean(&Timeline::new("v1"));
    let after = api.containers();
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].id, before[0].id, "the same container, started again");
    assert_eq!(after[0].state, "running");
    assert_eq!(api.version(), "v1");
}

/// P21: a version that exits ends the wait at once, and its words and its code are told.
#[test]
fn p21_a_version_that_exits_is_told_at_once() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=true", "HEALTH_CHECK_TIMEOUT=3600"])
        .ok();
    dev.release("v1").ok();
    dev.release_with("v2", &["exit-at-start=3"])
        .rejected()
        .says("exited")
        .says("3")
        .says("cannot start: told to exit with 3");
    assert_eq!(api.version(), "v1");
    assert_eq!(api.container_names(), [api.blue()]);
}

/// What the app's bare repository has as `main`.
fn head(app: &gokku_tests::App<'_>) -> String {
    let repository = app.repository();
    let output = gokku_tests::Output::of(
        std::process::Command::new("git")
            .arg("-C")
            .arg(repository)
            .args(["rev-parse", "refs/heads/main"]),
    );
    output.ok().line().to_owned()
}
