//! `ZERO_DOWNTIME=false`: requests wait at the traffic switch while no version runs. P08.

use std::thread;

use gokku_tests::{PATIENCE, Server, get, wait_until};

/// P08: what arrives while no version runs waits, and is answered by the new one.
#[test]
fn p08_requests_wait_for_the_new_version() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    dev.write_app("v2", &["slow-start-ms=2000"]);
    dev.commit("v2");
    let push = dev.start_push();
    wait_until("the hold", PATIENCE, || {
        let status = api.gokku(["status", "--json"]).ok().json();
        (status["traffic"] == "held").then_some(())
    });
    let address = api.address();
    let clients: Vec<_> = (0..20)
        .map(|_| thread::spawn(move || get(address, "/version")))
        .collect();
    for client in clients {
        let answer = client.join().unwrap().expect("an answer");
        assert_eq!((answer.status, answer.text().as_str()), (200, "v2"));
    }
    push.wait().ok();
}

/// P08: there is a limit, and then the client is told to come back.
#[test]
fn p08_a_wait_has_a_limit() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "HOLD_TIMEOUT=1"]).ok();
    dev.release("v1").ok();
    dev.write_app("v2", &["slow-start-ms=5000"]);
    dev.commit("v2");
    let push = dev.start_push();
    wait_until("the hold", PATIENCE, || {
        let status = api.gokku(["status", "--json"]).ok().json();
        (status["traffic"] == "held").then_some(())
    });
    let answer = get(api.address(), "/version").unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    assert_eq!(answer.version(), None);
    push.wait().ok();
    assert_eq!(api.version(), "v2");
}

/// P07, P08: the mode can be changed at any time, and holds from the next transition on.
#[test]
fn p07_the_words_for_yes_and_no() {
    let server = Server::new();
    let api = server.create("api");
    for good in [
        "true", "1", "yes", "on", "TRUE", "Yes", "false", "0", "no", "off", "OFF",
    ] {
        api.gokku(["config", "set", &format!("ZERO_DOWNTIME={good}")])
            .ok();
    }
    for bad in ["ja", "2", "", "truee", "enabled"] {
        api.gokku(["config", "set", &format!("ZERO_DOWNTIME={bad}")])
            .exits(2)
            .complains("ZERO_DOWNTIME")
            .complains("true, 1, yes, on, false, 0, no or off");
    }
    assert_eq!(api.gokku(["config", "get", "ZERO_DOWNTIME"]).ok().line(), "OFF");

    let dev = api.working_copy();
    dev.release("v1").ok();
    api.gokku(["config", "set", "ZERO_DOWNTIME=On"]).ok();
    let load = gokku_tests::Load::start(gokku_tests::LoadPlan {
        fresh: 2,
        ..gokku_tests::LoadPlan::none(api.address())
    });
    let mut timeline = gokku_tests::Timeline::new("v1");
    timeline.change("v2", || dev.release("v2").ok());
    load.stop().assert_clean(&timeline);
    let steps = crate::told::last_steps(&api);
    assert!(!steps.contains(&"hold".to_owned()), "{steps:?}");
}
