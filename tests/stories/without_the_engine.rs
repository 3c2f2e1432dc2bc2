//! The Docker Engine takes connections and answers nothing, or answers all but one call: P51. What runs goes on, and what
//! happens to one app costs no other one.

use std::process::Command;
use std::time::{Duration, Instant};

use gokku_tests::{App, Hanging, Output, PATIENCE, Server, WorkingCopy, docker, wait_until};

/// A server whose engine can be told to hang.
fn server() -> (Hanging, Server) {
    let engine = Hanging::in_front_of_the_machines();
    let mut server = Server::new();
    server.set_env("DOCKER_HOST", &engine.host().to_string_lossy());
    (engine, server)
}

/// An app that is started again a second after it has ended.
fn deploy<'a>(server: &'a Server, base: &str) -> (App<'a>, WorkingCopy<'a>) {
    let app = server.create(base);
    let dev = app.working_copy_with("    deployment:\n      restart_delay: 1\n");
    dev.release("v1").ok();
    (app, dev)
}

/// Kills an app's first process, as a crash would; nobody asks the engine for that.
fn crash(app: &App<'_>) {
    let number = docker(["inspect", "--format", "{{.State.Pid}}", &app.blue()])
        .ok()
        .line()
        .to_owned();
    Output::of(Command::new("kill").args(["-s", "KILL", &number])).ok();
}

/// What the switch knows of the container that has an app's traffic.
fn target(server: &Server, app: &App<'_>) -> serde_json::Value {
    let status = server.gokku(["proxy", "status", "--json"]).ok().json();
    let routes = status["routes"].as_array().unwrap();
    let route = routes.iter().find(|route| route["app"] == app.name());
    route.unwrap()["targets"][0].clone()
}

/// Waits until an app answers; how long that took.
fn answered(app: &App<'_>) -> Duration {
    let began = Instant::now();
    app.await_version("v1");
    began.elapsed()
}

/// P51: a switch that is killed comes back with its routes, although nobody says which containers run; and what ends
/// meanwhile gets nothing more.
#[test]
fn p51_routes_are_served_without_the_engine() {
    let (engine, server) = server();
    let (api, _api) = deploy(&server, "api");
    let (web, _web) = deploy(&server, "web");

    engine.hang_all();
    server.kill_daemon();
    let mut switch = server.start_gokku(["proxy", "run"]);
    let took = answered(&api).max(answered(&web));
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(target(&server, &api)["down"], false);

    // Its end is seen, and the engine cannot be asked: nothing is sent to where it was.
    crash(&web);
    wait_until("the end of web to be seen", Duration::from_secs(5), || {
        (target(&server, &web)["down"] == true).then_some(())
    });
    assert_eq!(web.get("/version").unwrap().status, 502);
    assert_eq!(api.version(), "v1");

    // Once the engine goes on, it is started again.
    engine.go_on();
    web.await_version("v1");
    assert_eq!(api.version(), "v1");
    assert!(!switch.has_ended());
}

/// P51: whichever call of one container hangs, another app's crash is mended as always; and the one that it was about is
/// not forgotten.
#[test]
fn p51_one_hanging_call_costs_no_other_app() {
    let (engine, server) = server();
    let (api, _api) = deploy(&server, "api");
    let (web, _web) = deploy(&server, "web");
    let id = target(&server, &web)["container"].as_str().unwrap().to_owned();

    for call in ["GET /containers/{}/json", "POST /containers/{}/start"] {
        engine.hang(&call.replace("{}", &id));
        crash(&web);
        crash(&api);
        // The engine that answers all the rest has much less to do than these 8 s.
        wait_until("api to be down", PATIENCE, || {
            (target(&server, &api)["down"] == true).then_some(())
        });
        let took = answered(&api);
        assert!(took < Duration::from_secs(8), "{call}: {took:?}");
        engine.go_on();
        web.await_version("v1");
    }
}

/// P51: an engine that tells of nothing is found out by what happens to the containers.
#[test]
fn p51_events_that_do_not_come_are_not_waited_for() {
    let (engine, server) = server();
    let (api, _api) = deploy(&server, "api");
    engine.hang_events();
    crash(&api);
    wait_until("api to be down", Duration::from_secs(5), || {
        (target(&server, &api)["down"] == true).then_some(())
    });
    api.await_version("v1");
    let exited = "has exited (code 137) and is started again in 1 s";
    server.gokku(["events", "-a", api.name()]).ok().says(exited);
}
