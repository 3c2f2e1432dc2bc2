//! A deploy that hangs can be freed: P24.

use gokku_tests::{PATIENCE, Running, Server, docker, wait_until};

/// A push whose green never becomes healthy, for an hour.
fn stuck(server: &Server) -> (gokku_tests::App<'_>, gokku_tests::WorkingCopy<'_>, Running) {
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=true", "HEALTH_CHECK_TIMEOUT=3600"])
        .ok();
    dev.release("v1").ok();
    dev.write_app("v2", &["fail-health"]);
    dev.commit("v2");
    let push = dev.start_push();
    wait_until("green", PATIENCE, || {
        let containers = api.containers();
        containers
            .iter()
            .any(|one| one.name == api.green() && one.state == "running")
            .then_some(())
    });
    (api, dev, push)
}

#[track_caller]
fn ends_as_failed(api: &gokku_tests::App<'_>, push: Running) -> gokku_tests::Output {
    let push = push.wait();
    assert_ne!(push.code, Some(0), "{push}");
    assert_eq!(api.version(), "v1");
    assert_eq!(api.container_names(), [api.blue()]);
    push
}

/// P24: `docker stop <app>-green`, as the guide shows.
#[test]
fn p24_docker_stop_frees_a_stuck_deploy() {
    let server = Server::new();
    let (api, dev, push) = stuck(&server);
    docker(["stop", &api.green()]).ok();
    ends_as_failed(&api, push);
    dev.release("v3").ok();
}

/// P24: `docker rm -f <app>-green`.
#[test]
fn p24_docker_rm_frees_a_stuck_deploy() {
    let server = Server::new();
    let (api, dev, push) = stuck(&server);
    docker(["rm", "--force", &api.green()]).ok();
    let push = ends_as_failed(&api, push);
    assert!(
        push.stderr.contains("removed by somebody else") || push.stderr.contains("SIGKILL"),
        "{push}"
    );
    dev.release("v3").ok();
}

/// P24: `gokku deploy --abort`.
#[test]
fn p24_abort_frees_a_stuck_deploy() {
    let server = Server::new();
    let (api, dev, push) = stuck(&server);
    api.gokku(["deploy", "--abort"]).ok();
    let push = ends_as_failed(&api, push);
    assert!(push.stderr.contains("it was aborted"), "{push}");
    dev.release("v3").ok();
    api.gokku(["deploy", "--abort"])
        .exits(3)
        .complains("nothing is under way");
}

/// P24 during a build that hangs.
#[test]
fn p24_abort_ends_a_build() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    dev.write_app("v2", &["migrate-sleep-ms=3600000"]);
    let dockerfile = std::fs::read_to_string(dev.folder().join("Dockerfile")).unwrap();
    dev.write("Dockerfile", format!("{dockerfile}RUN [\"/app\", \"migrate\"]\n"));
    dev.commit("v2");
    let push = dev.start_push();
    push.wait_for("migrating");
    api.gokku(["deploy", "--abort"]).ok();
    let push = ends_as_failed(&api, push);
    assert!(push.stderr.contains("it was aborted"), "{push}");
    dev.release("v3").ok();
    assert_eq!(api.version(), "v3");
}

/// While a deploy is under way, others say so and do not wait: exit code 4, with who it is.
#[test]
fn who_comes_meanwhile_is_told_who_is_at_it() {
    let server = Server::new();
    let (api, _dev, push) = stuck(&server);
    for words in [&["rollback"][..], &["restart"], &["stop"], &["deploy"]] {
        api.gokku(words).exits(4).complains("deploy").complains("--abort");
    }
    api.gokku(["status"]).ok().says("busy");
    let attached = server.start_gokku(api.named(["deploy", "--attach"]));
    attached.wait_for("-----> Building the image");
    api.gokku(["deploy", "--abort"]).ok();
    assert_eq!(attached.wait().code, Some(1));
    ends_as_failed(&api, push);
}
