//! What the app prints: P19.

use gokku_tests::{Output, PATIENCE, Server, wait_until};

/// P19: follows the active container, and goes on across deploys.
#[test]
fn p19_following_goes_on_across_a_deploy() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let logs = server.start_gokku(api.named(["logs", "-f"]));
    logs.wait_for("version v1 starts");
    api.get("/log?line=first-line").unwrap();
    logs.wait_for("first-line");
    dev.release("v2").ok();
    logs.wait_for("version v2 starts");
    api.get("/log?line=second-line").unwrap();
    logs.wait_for("second-line");
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    dev.release("v3").ok();
    logs.wait_for("version v3 starts");
    api.gokku(["rollback"]).ok();
    api.get("/log?line=third-line").unwrap();
    logs.wait_for("third-line");
    logs.signal("INT");
    let told = logs.wait();
    for line in ["first-line", "second-line", "third-line", "version v3 starts"] {
        assert_eq!(told.stdout.matches(line).count(), 1, "{line}: {told}");
    }
}

/// `-n`, `--since`, and no end of it that hangs.
#[test]
fn p19_the_last_lines_and_those_since() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["logs"]).exits(3).complains("push");
    api.working_copy().release("v1").ok();
    for number in 1..=5 {
        api.get(&format!("/log?line=line-{number}")).unwrap();
    }
    let lines = |words: &[&str]| -> Vec<String> {
        let logs: Output = api.gokku(["logs"].iter().chain(words)).ok();
        logs.stdout.lines().map(str::to_owned).collect()
    };
    wait_until("all lines", PATIENCE, || (lines(&[]).len() == 7).then_some(()));
    assert_eq!(lines(&[])[0], "version v1 starts");
    assert_eq!(lines(&["-n", "2"]), ["line-4", "line-5"]);
    assert_eq!(lines(&["-n", "0"]), [""; 0]);
    assert_eq!(lines(&["--since", "1h"]).len(), 7);
    assert_eq!(lines(&["--since", "2099-01-01T00:00:00Z"]), [""; 0]);
    api.gokku(["logs", "--since", "yesterday"])
        .exits(2)
        .complains("2024-01-15T11:30:00Z");
    api.gokku(["logs", "-n", "many"]).exits(2);
    // Those of a stopped app can still be read.
    api.gokku(["stop"]).ok();
    assert_eq!(lines(&["-n", "1"]), ["version v1 stopped"]);
}
