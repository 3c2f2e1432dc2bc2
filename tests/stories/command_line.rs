//! The command line: streams, exit codes, JSON, programs in containers.

use gokku_tests::{Output, PATIENCE, Server, wait_until};

/// `stop`, `start`, `restart`.
#[test]
fn an_app_is_stopped_started_and_restarted() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["restart"]).exits(3).complains("no release yet");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let first = api.containers().remove(0);
    api.gokku(["restart"]).ok();
    assert_eq!(api.version(), "v1");
    assert_ne!(api.containers()[0].id, first.id);
    api.gokku(["stop"]).ok();
    assert_eq!(api.containers()[0].state, "exited");
    let refused = api.get("/version");
    assert!(
        refused.is_err() || refused.is_ok_and(|answer| answer.status == 503 && answer.version().is_none())
    );
    api.gokku(["status"]).ok().says("stopped");
    api.gokku(["stop"]).ok();
    api.gokku(["start"]).ok();
    let running = api.containers();
    api.gokku(["start"]).ok().complains("runs already");
    assert_eq!(api.containers(), running);
    assert_eq!(api.version(), "v1");
    assert_eq!(api.container_names(), [api.blue()]);
    // A push to a stopped app starts it.
    api.gokku(["stop"]).ok();
    dev.release("v2").ok();
    assert_eq!(api.version(), "v2");
    // The same commit once more, as a new release.
    let before = api.gokku(["releases", "--json"]).ok().json();
    api.gokku(["deploy"]).ok();
    let after = api.gokku(["releases", "--json"]).ok().json();
    assert_eq!(
        after.as_array().unwrap().len(),
        before.as_array().unwrap().len() + 1
    );
    assert_eq!(after[0]["commit"], before[0]["commit"]);
    assert_eq!(api.version(), "v2");
}

/// `run`: a container of its own, with the app's env; words, streams and exit code pass through, and nothing stays.
#[test]
fn run_runs_a_program_beside_the_app() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["run", "/app", "version"]).exits(3).complains("push");
    api.working_copy().release("v1").ok();
    api.gokku(["config", "set", "GREETING=it's $HOME"]).ok();
    assert_eq!(api.gokku(["run", "/app", "version"]).ok().stdout, "v1\n");
    assert_eq!(
        api.gokku(["run", "/app", "env", "GREETING"]).ok().stdout,
        "it's $HOME"
    );
    assert_eq!(
        api.gokku(["run", "/app", "words", "two words", "$X", "-n", "--", ""])
            .ok()
            .stdout,
        "two words\n$X\n-n\n--\n\n"
    );
    api.gokku(["run", "/app", "exit", "42"]).exits(42);
    let cat = server.gokku_with_input(b"one\ntwo\n\x00\xff", ["run", "-a", api.name(), "/app", "cat"]);
    assert_eq!(cat.ok().stdout_bytes, b"one\ntwo\n\x00\xff");
    api.gokku(["run", "/no/such"]).exits(127).complains("/no/such");
    assert_eq!(api.container_names(), [api.blue()]);
}

/// `exec`: in the running container.
#[test]
fn exec_runs_a_program_in_the_app() {
    let server = Server::new();
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    assert_eq!(api.gokku(["exec", "/app", "version"]).ok().stdout, "v1\n");
    api.gokku(["exec", "/app", "exit", "7"]).exits(7);
    let cat = server.gokku_with_input(b"in and out", ["exec", "-a", api.name(), "/app", "cat"]);
    assert_eq!(cat.ok().stdout, "in and out");
    let missing = api.gokku(["exec", "/no/such"]);
    assert!(matches!(missing.code, Some(126 | 127)), "{missing}");
    api.gokku(["stop"]).ok();
    api.gokku(["exec", "/app", "version"])
        .exits(1)
        .complains("gokku start");
}

/// A `run` that is interrupted takes its container with it.
#[test]
fn an_interrupted_run_leaves_nothing() {
    let server = Server::new();
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    let run = server.start_gokku(api.named(["run", "/app", "wait"]));
    run.wait_for("waiting");
    assert_eq!(api.containers().len(), 2);
    run.signal("INT");
    assert_eq!(run.wait().code, Some(130));
    wait_until("that it is gone", PATIENCE, || {
        (api.containers().len() == 1).then_some(())
    });
}

/// Results go to stdout, everything else to stderr; `-q` leaves results and errors; colours only where asked for.
#[test]
fn streams_and_colours() {
    let server = Server::new();
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    let restart = api.gokku(["restart"]).ok();
    assert_eq!(restart.stdout, "");
    assert!(restart.stderr.contains("-----> "), "{restart}");
    assert!(!restart.stderr.contains('\u{1b}'), "{restart}");
    let quiet = api.gokku(["restart", "-q"]).ok();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let coloured = api.gokku(["restart", "--color", "always"]).ok();
    assert!(coloured.stderr.contains('\u{1b}'), "{coloured}");
    // Each event is a line of JSON.
    let events = api.gokku(["restart", "--json"]).ok();
    let events: Vec<serde_json::Value> = events
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(events[0].pointer("/event/started").is_some(), "{events:?}");
    assert!(
        events
            .last()
            .unwrap()
            .pointer("/event/finished/outcome/succeeded")
            .is_some(),
        "{events:?}"
    );
    for words in [
        &["releases", "--json"][..],
        &["status", "--json"],
        &["config", "list", "--json"],
    ] {
        api.gokku(words).ok().json();
    }
    for words in [
        &["apps", "list", "--json"][..],
        &["proxy", "status", "--json"],
        &["doctor", "--json"],
    ] {
        server.gokku(words).ok().json();
    }
}

/// In a terminal a step that runs is a live line, which stays with the time it took.
#[test]
fn a_terminal_shows_the_running_step() {
    let server = Server::new();
    let api = server.create("api");
    api.working_copy().release("v1").ok();
    // script(1) gives it a terminal.
    let run = |words: &str, term: &str| {
        let words = format!("gokku {words} -a {}", api.name());
        Output::of(server.command("script").env("TERM", term).args([
            "--quiet",
            "--return",
            "--command",
            &words,
            "/dev/null",
        ]))
        .ok()
    };
    let live = run("restart", "xterm");
    let heading = format!("-----> Waiting until {} is healthy", api.green());
    assert!(live.stdout.contains(&format!("{heading} (0.")), "{live}");
    assert!(live.stdout.contains("\u{1b}[2K"), "a line is redrawn: {live}");
    let dumb = run("restart", "dumb");
    assert!(dumb.stdout.contains(&heading), "{dumb}");
    assert!(!dumb.stdout.contains("\u{1b}[2K"), "{dumb}");
    // A build's line shows the instruction that runs.
    let build = run("deploy --rebuild", "xterm");
    let heading = "-----> Building the image";
    let parts = build.stdout.split(heading).filter(|after| {
        let after = after.trim_start_matches("\u{1b}[0m");
        after.starts_with(" [2/2] COPY version behaviour / ")
    });
    assert!(parts.count() > 0, "{build}");
    assert!(build.stdout.contains(&format!("{heading} (")), "{build}");
}

/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such thing; 4 and 5 are in `stuck` and `no_engine`.
#[test]
fn wrong_usage_is_2() {
    let server = Server::new();
    for words in [
        &["nonsense"][..],
        &["apps"],
        &["apps", "create"],
        &["config", "set", "-a", "x"],
        &["logs", "--bogus"],
        &["--color", "sometimes", "status"],
        &["run", "-a", "x"],
        &["completion", "klingon"],
        &["worker"],
    ] {
        server.gokku(words).exits(2);
    }
    server.gokku(["apps", "lst"]).exits(2).complains("list");
    server.gokku(["--help"]).ok().says("rollback");
    server.gokku(["--version"]).ok().says("gokku ");
    for shell in ["bash", "zsh", "fish"] {
        let script: Output = server.gokku(["completion", shell]).ok();
        assert!(script.stdout.contains("rollback"), "{shell}");
    }
}
