//! The guide's whole session, typed as it stands there, with the Flask example: P07, P10, P14 to P18, P20, P22, P25,
//! P28, P29.

use std::fs;

use gokku_tests::{Output, Server, docker, ensure_python, workspace};

/// A Flask app under gunicorn, from the first push to a rollback.
#[test]
fn p14_the_guides_session_with_flask() {
    ensure_python();
    let server = Server::new();
    let app = server.create("flask");
    let dev = app.working_copy();
    let example = workspace().join("examples/flask");
    for file in ["Dockerfile", "app.py", "requirements.txt"] {
        dev.write(file, fs::read(example.join(file)).unwrap());
    }
    // Its gokku.yml, with a name and a port that nobody else has.
    let yml = fs::read_to_string(example.join("gokku.yml")).unwrap();
    let ours = yml
        .replace("  flask:", &format!("  {}:", app.name()))
        .replace("8000:8000", &format!("{}:8000", app.port()));
    assert_ne!(ours, yml);
    dev.write("gokku.yml", ours);
    dev.commit("Say hello");
    // What users type: the app and its environment, which is also the remote's name.
    let pair = format!("{}-production", app.name());
    dev.git(["remote", "rename", "production", &pair]).ok();
    let gokku = |words: &[&str]| -> Output { server.gokku(words.iter().chain(&["-a", pair.as_str()])) };
    gokku(&["config", "set", "ZERO_DOWNTIME=true"]).ok();
    gokku(&["config", "set", "HEALTH_CHECK_PATH=/health"]).ok();
    gokku(&["config", "set", "HEALTH_CHECK_TIMEOUT=60"]).ok();
    gokku(&["config", "set", "MIGRATION_COMMAND=python3 -c 'print(6 * 7)'"]).ok();
    gokku(&["config", "set", "DATABASE_URL=postgres://user:p@ss/db?x=1"]).ok();

    let push = dev.push_to(&pair, &["main"]).ok();
    assert!(
        push.remote_lines().contains(&"       42"),
        "the migration: {push}"
    );
    let body = |path: &str| app.get(path).unwrap().text();
    assert_eq!(body("/"), "Hello from Flask!\n");
    assert_eq!(body("/health").trim(), r#"{"status":"healthy"}"#);
    gokku(&["status"])
        .ok()
        .says("healthy")
        .says(&format!("http://localhost:{}", app.port()));

    // A change, and back.
    let code = fs::read_to_string(example.join("app.py")).unwrap();
    dev.write("app.py", code.replace("Hello from Flask!", "Hello again!"));
    dev.commit("Say it again");
    dev.push_to(&pair, &["main"]).ok();
    assert_eq!(body("/"), "Hello again!\n");
    assert_eq!(app.container_names(), [app.blue()]);

    // With plain docker, as the guide shows.
    let env = docker(["exec", &app.blue(), "env"]).ok();
    env.says("DATABASE_URL=postgres://user:p@ss/db?x=1");
    let logs = docker(["logs", &app.blue()]).ok();
    assert!(logs.stderr.contains("Booting worker"), "{logs}");
    gokku(&["logs"]).ok();

    gokku(&["rollback"]).ok();
    assert_eq!(body("/"), "Hello from Flask!\n");
    assert_eq!(app.container_names(), [app.blue()]);
}
