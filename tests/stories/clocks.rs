//! The server's clock is set ahead and back: what was recorded, and the order it was recorded in, decide.

use gokku_tests::{App, Output, PushOutcome, Server, WorkingCopy};

/// What lies to a program about the wall clock, from Debian's package `faketime`; `$LIB` is the machine's, see `ld.so(8)`.
const FAKETIME: &str = "/usr/$LIB/faketime/libfaketime.so.1";

/// Pushes a version while the wall clock is so far off for everything that the push starts; the engine's and the daemon's is
/// right. The clock for durations goes on as it is.
fn release_at(dev: &WorkingCopy<'_>, offset: &str, version: &str) -> PushOutcome {
    dev.write_app(version, &[]);
    dev.commit(version);
    let mut push = dev.command("git");
    push.args(["push", "production", "main"])
        .env("LD_PRELOAD", FAKETIME)
        .env("FAKETIME", offset)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let output = Output::of(&mut push);
    PushOutcome {
        accepted: output.code == Some(0),
        output: format!("{}{}", output.stdout, output.stderr),
    }
}

fn releases(api: &App<'_>) -> Vec<serde_json::Value> {
    let releases = api.gokku(["releases", "--json"]).ok().json();
    releases.as_array().unwrap().clone()
}

#[test]
fn a_clock_a_year_ahead_and_a_year_back_changes_no_order() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy_with("    deployment:\n      keep_images: 2\n");
    dev.release("v1").ok();
    release_at(&dev, "+365d", "v2").ok();
    assert_eq!(api.version(), "v2");
    // The clock is right again, and then behind.
    dev.release("v3").ok();
    release_at(&dev, "-365d", "v4").ok();
    assert_eq!(api.version(), "v4");
    let all = releases(&api);
    let ids: Vec<&str> = all.iter().map(|one| one["id"].as_str().unwrap()).collect();
    let states: Vec<&str> = all.iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert!(ids.is_sorted_by(|newer, older| newer > older), "{ids:?}");
    assert_eq!(
        states,
        ["active", "good", "pruned", "pruned"],
        "those of the future fill no place of later ones"
    );
    // When one was made is told as it was, whatever its id had to be.
    let made: Vec<&str> = all.iter().map(|one| one["created"].as_str().unwrap()).collect();
    assert!(
        made[1] < made[2],
        "v3 was made when the clock was right again: {made:?}"
    );
    assert!(made[0] < made[1], "{made:?}");

    api.gokku(["rollback"]).ok();
    assert_eq!(api.version(), "v3");
    api.gokku(["restart"]).ok();
    assert_eq!(api.version(), "v3");
    // No time that a transition or a step took is a year.
    let log = api.gokku(["events", "--json"]).ok().stdout;
    for line in log.lines() {
        let told: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(ms) = told["change"]["transition-finished"]["ms"].as_u64() {
            assert!(ms < 600_000, "{line}");
        }
    }
    assert!(log.contains("transition-finished"), "{log}");
}
