//! The health check: what it asks, how long it waits, and what it says of what it found.

use gokku_tests::Server;

/// P15: `GET /health` must answer 200; 204 is no 200.
#[test]
fn p15_the_default_is_200_from_health() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=1"]).ok();
    dev.release_with("v1", &["health-status=204"])
        .rejected()
        .says("/health")
        .says("204");
    dev.release("v2").ok();
}

/// P16: another path replaces it.
#[test]
fn p16_another_path_can_be_asked() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "HEALTH_CHECK_PATH=/version"]).ok();
    // Its /health would never do.
    dev.release_with("v1", &["fail-health"]).ok();
    assert_eq!(api.version(), "v1");
    api.gokku(["config", "set", "HEALTH_CHECK_PATH=health"])
        .exits(2)
        .complains("begins with /");
    server.write(
        format!("apps/{}/shared/.env", api.name()),
        "HEALTH_CHECK_PATH=health
",
    );
    dev.release("v2").rejected().says("HEALTH_CHECK_PATH");
    assert_eq!(api.version(), "v1");
}

/// P17: the limit counts from green's start, in whole seconds; a bad value is an error before anything starts.
#[test]
fn p17_the_limit_is_whole_seconds() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    for bad in ["0", "-1", "1.5", "10s", "soon", "999999"] {
        let set = format!("HEALTH_CHECK_TIMEOUT={bad}");
        api.gokku(["config", "set", &set])
            .exits(2)
            .complains("HEALTH_CHECK_TIMEOUT");
    }
    // One that was written by hand is found before anything is built.
    server.write(
        format!("apps/{}/shared/.env", api.name()),
        "HEALTH_CHECK_TIMEOUT=soon\n",
    );
    let push = dev.release("v1").rejected().says("HEALTH_CHECK_TIMEOUT");
    assert!(!push.output.contains("Building"), "{push}");
    api.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=1"]).ok();
    dev.release_with("v2", &["slow-start-ms=60000"])
        .rejected()
        .says("did not pass its health check");
    api.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=30"]).ok();
    dev.release_with("v3", &["slow-start-ms=1500"]).ok();
}

/// The likely cause is named: 127.0.0.1 only.
#[test]
fn p21_an_app_that_listens_on_127_0_0_1_is_told_so() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=2"]).ok();
    api.working_copy()
        .release_with("v1", &["listen=127.0.0.1"])
        .rejected()
        .says("127.0.0.1")
        .says("0.0.0.0");
}

/// The likely cause is named: IPv6 only.
#[test]
fn p21_an_app_that_listens_on_ipv6_only_is_told_so() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=2"]).ok();
    api.working_copy()
        .release_with("v1", &["listen=::"])
        .rejected()
        .says("it listens on [::]:8080, by IPv6 only, and requests come by IPv4: let it listen on 0.0.0.0");
}

/// The likely cause is named: another port.
#[test]
fn p21_an_app_that_listens_on_another_port_is_told_so() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=2"]).ok();
    api.working_copy()
        .release_with("v1", &["listen-port=9999"])
        .rejected()
        .says("9999")
        .says("8080");
}

/// The likely cause is named: it redirects.
#[test]
fn p21_an_app_that_redirects_is_told_where() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=1"]).ok();
    api.working_copy()
        .release_with("v1", &["redirect-health"])
        .rejected()
        .says("302")
        .says("/login");
}

/// The likely cause is named: it wants another Host.
#[test]
fn p21_an_app_that_wants_another_host_is_told_so() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=1"]).ok();
    let dev = api.working_copy();
    dev.release_with("v1", &["want-host=example.com"])
        .rejected()
        .says("400")
        .says("it wants another Host");
    dev.release_with("v2", &["health-status=403"])
        .rejected()
        .says("403")
        .says("it wants another Host");
}
