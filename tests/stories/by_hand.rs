//! What people do to containers, links and tables behind gokku's back: it is mended where that is safe, and told where
//! not. `gokku events` has all of it.

use std::fs;

use gokku_tests::{App, Load, LoadPlan, PATIENCE, Server, docker, unique, wait_until};
use serde_json::Value;

/// The changes of an app, oldest first.
fn changes(api: &App<'_>) -> Vec<Value> {
    let lines = api.gokku(["events", "--json"]).ok().stdout;
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Waits until a change is told that has these words.
#[track_caller]
fn told(api: &App<'_>, words: &str) {
    wait_until(&format!("an event with {words:?}"), PATIENCE, || {
        api.gokku(["events"]).ok().stdout.contains(words).then_some(())
    });
}

/// Nothing is left to be mended.
#[track_caller]
fn settled(api: &App<'_>) {
    let status = wait_until("a status without trouble", PATIENCE, || {
        let status = api.gokku(["status", "--json"]).ok().json();
        (status["trouble"] == serde_json::json!([]) && status["busy"].is_null()).then_some(status)
    });
    assert_eq!(
        (&status["traffic"], &status["health"]),
        (&"routed".into(), &"healthy".into())
    );
    assert_eq!(api.container_names(), [api.blue()]);
}

#[test]
fn a_container_that_was_removed_is_made_again() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let before = api.containers();
    docker(["rm", "--force", &api.blue()]).ok();
    api.await_version("v1");
    settled(&api);
    assert_ne!(api.containers()[0].id, before[0].id);
    told(&api, "its container is gone");
    let all = changes(&api);
    let restart = all
        .iter()
        .find(|change| change.pointer("/change/transition-finished/what") == Some(&"restart".into()));
    let restart = restart.unwrap_or_else(|| panic!("no restart in {all:#?}"));
    assert_eq!(restart["by"], "gokku");
    assert_eq!(restart["change"]["transition-finished"]["outcome"], "succeeded");
    dev.release("v2").ok();
    assert_eq!(api.version(), "v2");
}

#[test]
fn a_removed_container_that_cannot_be_made_again_is_told_and_left() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy_with("    deployment:\n      restart_policy: no\n");
    dev.release("v1").ok();
    docker(["rm", "--force", &api.blue()]).ok();
    told(&api, "its container is gone");
    api.gokku(["status"])
        .ok()
        .says("its container is gone")
        .says(&format!("gokku restart -a {}", api.name()));
    assert_eq!(api.container_names(), Vec::<String>::new());
    api.gokku(["restart"]).ok();
    settled(&api);
}

#[test]
fn names_strays_and_links_are_mended_and_strangers_are_left_alone() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let load = Load::start(LoadPlan {
        keep_alive: 1,
        fresh: 1,
        ..LoadPlan::none(api.address())
    });
    let active = api.containers()[0].clone();
    let image = format!("{}:release-{}", api.name(), active.labels["gokku.release"]);

    // Somebody's own container, from the app's image and with a name that looks like the app's.
    let stranger = format!("{}-green", unique(api.name()));
    docker(["create", "--name", &stranger, &image]).ok();
    // One that a process left which nobody knows of.
    let labels: Vec<String> = active
        .labels
        .iter()
        .flat_map(|(name, value)| ["--label".to_owned(), format!("{name}={value}")])
        .collect();
    let green = api.green();
    let network = format!("gokku.{}", api.name());
    let mut words = vec!["run", "--detach", "--name", &green, "--network", &network];
    words.extend(labels.iter().map(String::as_str));
    words.push(&image);
    docker(words).ok();
    let renamed = unique("mine");
    docker(["rename", &api.blue(), &renamed]).ok();
    // A link that somebody set to nothing.
    let current = api.path("current");
    let link = fs::read_link(&current).unwrap();
    fs::remove_file(&current).unwrap();

    told(&api, &format!("mended: the container {green} has no traffic"));
    told(
        &api,
        &format!("mended: the container {} has the name {renamed}", api.blue()),
    );
    told(&api, "mended: the traffic goes to release");
    assert!(!api.gokku(["status"]).ok().stdout.contains(&stranger));
    docker(["rm", &stranger]).ok();
    settled(&api);
    assert_eq!(fs::read_link(&current).unwrap(), link);
    assert_eq!(api.containers()[0].id, active.id);
    let report = load.stop();
    assert_eq!(
        report.total().failed(),
        0,
        "{report}\n{}",
        report.failures.join("\n")
    );
}

#[test]
fn what_a_person_stopped_is_told_once_and_stays() {
    let server = Server::new();
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    docker(["stop", &api.blue()]).ok();
    told(&api, "does not run");
    // Something that happens later to another app is told as well: by then this one would have been told again.
    let other = server.create("other");
    other.working_copy().release("v1").ok();
    docker(["rename", &other.blue(), &unique("mine")]).ok();
    told(&other, "mended:");
    let words = api.gokku(["events"]).ok().stdout;
    assert_eq!(words.matches("does not run").count(), 1, "{words}");
    api.gokku(["status"]).ok().says("does not run");
    docker(["start", &api.blue()]).ok();
    settled(&api);
}

/// Without its route table, and without the last good copy, a server still knows which apps should run.
#[test]
fn a_lost_route_table_is_made_again() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let stopped = server.create("stopped");
    stopped.working_copy().release("v1").ok();
    stopped.gokku(["stop"]).ok();
    server.kill_daemon();
    for entry in fs::read_dir(server.path("proxy")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::remove_file(path).unwrap();
        }
    }
    let _daemon = server.start_gokku(["proxy", "run"]);
    api.await_version("v1");
    told(&api, "it has no route and should run");
    settled(&api);
    dev.release("v2").ok();
    assert_eq!(api.version(), "v2");
}

/// Who did what, when, to which app; never a value.
#[test]
fn events_tell_who_did_what() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    let follower = server.start_gokku(api.named(["events", "--follow", "--json"]));
    let everything = server.start_gokku(["events", "-f"]);
    dev.release("v1").ok();
    api.gokku(["config", "set", "--no-restart", "TOKEN=marked-secret", "N=1"])
        .ok();
    api.gokku(["config", "unset", "--no-restart", "N"]).ok();
    let other = server.create("other");
    let _ = api.get("/exit?code=3");
    follower.wait_for("container-restarted");
    let told = follower.stdout();
    let all: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<&str> = all
        .iter()
        .map(|one| one["change"].as_object().unwrap().keys().next().unwrap().as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "app-created",
            "transition-started",
            "transition-finished",
            "env-changed",
            "env-changed",
            "container-exited",
            "container-restarted"
        ],
        "{told}"
    );
    assert!(all.iter().all(|one| one["app"] == api.name()), "{told}");
    let started = &all[1]["change"]["transition-started"];
    assert_eq!(started["what"], "deploy");
    assert_eq!(started["commit"].as_str().unwrap().len(), 40);
    let finished = &all[2]["change"]["transition-finished"];
    assert_eq!(
        (&finished["outcome"], &finished["id"]),
        (&"succeeded".into(), &started["id"])
    );
    assert_eq!(
        all[3]["change"]["env-changed"]["set"],
        serde_json::json!(["TOKEN", "N"])
    );
    assert_eq!(all[5]["change"]["container-exited"]["code"], 3);
    everything.wait_for("was started again");
    let words = everything.stdout();
    assert!(
        words.contains(other.name()) && words.contains("the traffic switch"),
        "{words}"
    );
    assert!(!format!("{told}{words}").contains("marked-secret"));
    let last = server.gokku(["events", "-n", "1"]).ok().stdout;
    assert_eq!(last.lines().count(), 1, "{last}");
    follower.signal("INT");
    everything.signal("INT");
}
