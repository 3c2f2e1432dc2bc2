//! `MIGRATION_COMMAND`: P28.

use gokku_tests::{EngineEvent, EngineEvents, PATIENCE, Server, docker, wait_until};

use crate::told::last_steps;

/// P28: in a one-off container of the new image, with the app's env, before green starts; its output is shown; it
/// leaves nothing behind; it runs for deploys only, once for each.
#[test]
fn p28_a_migration_runs_once_before_green_starts() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku([
        "config",
        "set",
        "MIGRATION_COMMAND=/app migrate 'two words' \"$HOME\" last",
        "ZERO_DOWNTIME=true",
    ])
    .ok();
    let push = dev.release("v1").ok();
    let told = push.remote_lines().join("\n");
    for line in [
        "-----> Running the migration",
        "argument: two words",
        "argument: $HOME",
        "argument: last",
        "migrated",
    ] {
        assert!(told.contains(line), "no {line:?} in\n{told}");
    }
    assert_eq!(told.matches("migrated").count(), 1, "{told}");
    let steps = last_steps(&api);
    let at = |name: &str| steps.iter().position(|step| step == name).unwrap();
    assert!(
        at("build") < at("migrate") && at("migrate") < at("start"),
        "{steps:?}"
    );
    assert_eq!(api.container_names(), [api.blue()]);

    let listening = EngineEvents::of(&api);
    api.gokku(["rollback"]).exits(3).complains("no good release");
    api.gokku(["restart"]).ok();
    api.gokku(["config", "set", "X=1"]).ok();
    let created = listening
        .told()
        .iter()
        .map(EngineEvent::words)
        .filter(|event| event.starts_with("create"))
        .count();
    assert_eq!(created, 2, "a container for each, and none for a migration");
}

/// P28: a failure ends the deploy; blue is untouched, green was never there.
#[test]
fn p28_a_failed_migration_ends_the_deploy() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    // With the stop-first mode too: nothing is stopped before the migration went well.
    api.gokku(["config", "set", "MIGRATION_COMMAND=/app migrate"])
        .ok();
    dev.release("v1").ok();
    let before = api.containers();
    let listening = EngineEvents::of(&api);
    dev.release_with("v2", &["migrate-exit=7"])
        .rejected()
        .says("the migration failed")
        .says("7")
        .says("migration failed with 7")
        .says("goes on serving, untouched");
    assert_eq!(api.containers(), before);
    let lives: Vec<String> = listening.told().iter().map(EngineEvent::words).collect();
    assert!(
        !lives.iter().any(|event| event.contains(&api.green())),
        "{lives:?}"
    );
    assert!(
        !lives.iter().any(|event| event.contains(&api.blue())),
        "{lives:?}"
    );
    // A command that cannot be is found before anything is built.
    api.gokku(["config", "set", "MIGRATION_COMMAND=/app 'never closed"])
        .exits(2)
        .complains("MIGRATION_COMMAND");
    api.gokku([
        "config",
        "set",
        "MIGRATION_COMMAND=/no/such/program",
        "--no-restart",
    ])
    .ok();
    dev.release("v3")
        .rejected()
        .says("the migration failed")
        .says("/no/such/program");
    assert_eq!(api.version(), "v1");
}

/// P28: a migration that was cut off is reported, and never silently run again. The worker is killed in the midst
/// of it; the daemon ends the deploy.
#[test]
fn p28_a_migration_that_was_cut_off_is_told_and_not_repeated() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku([
        "config",
        "set",
        "MIGRATION_COMMAND=/app migrate",
        "ZERO_DOWNTIME=true",
    ])
    .ok();
    dev.release("v1").ok();
    let listening = EngineEvents::of(&api);
    dev.write_app("v2", &["migrate-sleep-ms=3600000"]);
    dev.commit("v2");
    let push = dev.start_push();
    push.wait_for("migrating");
    server.kill_worker();
    let push = push.wait();
    assert_ne!(push.code, Some(0), "{push}");
    wait_until("the end of the deploy", PATIENCE, || {
        let status = api.gokku(["status", "--json"]).ok().json();
        let outcome = status["last"]["outcome"].as_str()?.to_owned();
        outcome.contains("migration was cut off").then_some(())
    });
    assert_eq!(api.version(), "v1");
    wait_until("that nothing of it is left", PATIENCE, || {
        (api.container_names() == [api.blue()]).then_some(())
    });
    let migrations = listening
        .told()
        .iter()
        .map(EngineEvent::words)
        .filter(|event| event.starts_with("start"))
        .count();
    assert_eq!(migrations, 1, "it ran once");
    let filter = format!("label=gokku.app={}", api.name());
    let left = docker(["ps", "--all", "--quiet", "--filter", &filter]).ok();
    assert_eq!(left.stdout.lines().count(), 1, "{left}");
    // The next push is a new deploy, with its own.
    dev.release("v3").ok().says("migrated");
    assert_eq!(api.version(), "v3");
}
