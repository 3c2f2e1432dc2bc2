//! What a build or a migration prints without end is kept up to a limit, which is said, and its end is kept: the pusher
//! and whoever follows see what the log has.

use gokku_tests::{App, PushOutcome, Server, WorkingCopy, await_event, logs};
use serde_json::Value;

/// The limit, in bytes.
const MOST: u64 = 100 << 10;
const SAID: &str =
    "what follows is not kept, but for its last lines: this log has 100 kB (max_log below [deploy]";

fn server() -> Server {
    let server = Server::new();
    server.write(
        "config.toml",
        "[proxy]\nbind = \"127.0.0.1\"\n\n[deploy]\nmax_log = \"100k\"\n\n[logs]\nmax_size = \"2m\"\nmax_files = 2\n",
    );
    server
}

/// The log of the one transition since, which is no larger than it may be but for the last lines of each step.
#[track_caller]
fn log_since(api: &App<'_>, before: &std::collections::BTreeSet<std::path::PathBuf>) -> String {
    let all = logs(api);
    let new: Vec<_> = all.difference(before).collect();
    let [log] = new[..] else { panic!("{new:?}") };
    let text = std::fs::read_to_string(log).unwrap();
    assert!(text.len() as u64 <= MOST + (256 << 10), "{} bytes", text.len());
    text
}

/// What of an output is there: its beginning, the word for what is not, once, and its end; in what people read, or in a log.
#[track_caller]
fn assert_cut(told: &str, last: &str) {
    let (said, left_out) = if told.starts_with('{') {
        (
            r#"{"output-limited":{"limit":102400}}"#,
            r#"{"output-left-out":{"lines":"#,
        )
    } else {
        (SAID, " are not kept")
    };
    assert_eq!(told.matches(said).count(), 1, "{said}");
    let (before, after) = told.split_once(said).unwrap();
    assert!(before.contains("0 all work and no play"));
    assert!(after.contains(left_out), "{after}");
    assert!(after.contains(last), "{after}");
}

fn release(dev: &WorkingCopy<'_>, version: &str) -> PushOutcome {
    dev.commit(version);
    dev.push()
}

#[test]
fn a_migration_that_prints_without_end_is_kept_to_the_limit_and_deployed() {
    let server = server();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "MIGRATION_COMMAND=/app flood 30"])
        .ok();
    dev.write_app("v1", &[]);
    let before = logs(&api);
    dev.commit("v1");
    let push = dev.start_push();
    let running = |event: &Value| event["event"]["step-started"]["step"] == "migrate";
    await_event(&api, &before, "its migration", running);
    // Whoever follows sees it from its beginning to its end.
    let followed = api.gokku(["deploy", "--attach"]).ok();
    let pushed = push.wait().ok();
    let pushed = format!("{}{}", pushed.stdout, pushed.stderr);
    let log = log_since(&api, &before);
    for told in [&log, &pushed, &format!("{}{}", followed.stdout, followed.stderr)] {
        assert_cut(told, "flooded");
    }
    assert_eq!(api.version(), "v1");

    // One line is no way round: neither in the log nor in memory.
    api.gokku(["config", "set", "--no-restart", "MIGRATION_COMMAND=/app line 30"])
        .ok();
    dev.write_app("v2", &[]);
    let before = logs(&api);
    let push = release(&dev, "v2")
        .ok()
        .says("(cut: the line is longer than 16 kB)")
        .says("ended");
    assert!(!push.output.contains(SAID));
    assert!(log_since(&api, &before).len() < 100 << 10);

    // The engine keeps no more of what the app itself prints than was said.
    let inspected = api
        .docker([
            "inspect",
            "--format",
            "{{json .HostConfig.LogConfig}}",
            &api.blue(),
        ])
        .ok();
    assert!(
        inspected.stdout.contains("\"max-size\":\"2097152\""),
        "{inspected}"
    );
    assert!(inspected.stdout.contains("\"max-file\":\"2\""), "{inspected}");
}

#[test]
fn a_build_that_prints_without_end_is_kept_to_the_limit() {
    let server = server();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.write_app("v1", &[]);
    let dockerfile = std::fs::read_to_string(dev.folder().join("Dockerfile")).unwrap();
    // Docker's BuildKit itself tells no more than 200 kB of a step a second.
    let floods = |then: &str| {
        dockerfile.replace(
            "EXPOSE",
            &format!("RUN [\"/app\", \"flood\", \"1\"]\n{then}EXPOSE"),
        )
    };
    dev.write("Dockerfile", floods(""));
    let before = logs(&api);
    let push = release(&dev, "v1").ok();
    assert_cut(&push.output, "Successfully tagged");
    assert_cut(&log_since(&api, &before), "Successfully tagged");
    // A build that fails then says why.
    dev.write("Dockerfile", floods("RUN [\"/app\", \"exit\", \"7\"]\n"));
    let before = logs(&api);
    release(&dev, "v2").rejected().says("exit code 7");
    assert!(log_since(&api, &before).contains("exit code 7"));
    assert_eq!(api.version(), "v1");
}
