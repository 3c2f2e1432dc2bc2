//! What is not there: the Docker Engine, the traffic switch.

use gokku_tests::{Server, docker};

/// No engine: exit code 5, what was tried, what to do; a push is rejected; and what needs no engine works.
#[test]
fn without_an_engine_it_says_so() {
    let mut server = Server::new();
    let missing = server.path("no-engine.sock");
    server.set_env("DOCKER_HOST", &format!("unix://{}", missing.display()));
    let api = server.create("api");
    api.gokku(["config", "set", "X=1"]).ok();
    assert_eq!(api.gokku(["config", "get", "X"]).ok().line(), "1");
    for words in [
        &["status"][..],
        &["logs"],
        &["run", "x"],
        &["exec", "x"],
        &["stop"],
    ] {
        api.gokku(words)
            .exits(5)
            .complains("no-engine.sock")
            .complains("gokku doctor");
    }
    api.working_copy().release("v1").rejected().says("no-engine.sock");
    server
        .gokku(["doctor"])
        .exits(1)
        .says("MISSING")
        .says("Docker Engine")
        .says("mend it:");
    // A host that is no socket is refused, not ignored.
    let name = api.name().to_owned();
    server.set_env("DOCKER_HOST", "tcp://example.com:2375");
    server
        .gokku(["status", "-a", &name])
        .exits(5)
        .complains("DOCKER_HOST");
}

/// No traffic switch: the commands that need it say so; a deploy starts it.
#[test]
fn without_a_traffic_switch_it_says_so() {
    let server = Server::new();
    let api = server.create("api");
    server
        .gokku(["proxy", "status"])
        .exits(5)
        .complains("gokku proxy run");
    let status = api.gokku(["status", "--json"]).ok().json();
    assert!(
        status["trouble"][0].as_str().unwrap().contains("traffic switch"),
        "{status}"
    );
    assert_eq!(server.daemon(), None);
    api.working_copy().release("v1").ok();
    assert!(server.daemon().is_some());
    let proxy = server.gokku(["proxy", "status", "--json"]).ok().json();
    assert_eq!(proxy["routes"][0]["app"], api.name());
    server.gokku(["proxy", "status"]).ok().says(api.name());
    // There is only ever one.
    server.gokku(["proxy", "run"]).exits(1).complains("runs already");
    server.gokku(["doctor"]).ok();
    // docker's own view of it: no port of a container is published.
    let ports = docker(["port", &api.blue()]).ok();
    assert_eq!(ports.stdout, "");
}
