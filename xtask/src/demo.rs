//! `cargo xtask demo`: the main job from nothing, on a real engine, shown as a user sees it.
//!
//! Everything is in a temporary folder and in containers of its own, and goes with the demo. It shows the gokku that the
//! stories try: built of the crates that this program is built of, so there is little left to build.

use std::ffi::OsStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gokku_tests::{App, Load, LoadPlan, Server, Timeline, WorkingCopy};

use crate::{engine, packages};

/// Shows it; an error where anything was not as it should be.
pub(crate) fn run() -> Result<(), String> {
    packages::install_missing()?;
    engine::ensure()?;
    // Who interrupts the demo ends the command that runs; we go on, to clean up.
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupted))
        .map_err(|error| error.to_string())?;
    let shown = catch_unwind(AssertUnwindSafe(|| show(&interrupted)));
    println!("\n==> cleaned up");
    shown.map_err(|_| "something was not as it should be; see above".to_owned())
}

fn show(interrupted: &AtomicBool) {
    println!("==> building gokku");
    gokku_tests::gokku_program();
    let server = Server::new();
    let stage = Stage {
        server: &server,
        interrupted,
    };
    stage.says("An app is created");
    let app = server.create("demo");
    stage.gokku(
        &app,
        &["config", "set", "ZERO_DOWNTIME=true", "HEALTH_CHECK_TIMEOUT=3"],
        true,
    );

    stage.says("Version 1 is pushed");
    let dev = app.working_copy();
    stage.push(&dev, "v1", &[], true);
    stage.answers(&app, "v1");

    stage.says("Version 2 is pushed under load: nobody notices");
    let load = Load::start(LoadPlan {
        slow_ms: 1500,
        ..LoadPlan::small(app.address())
    });
    let mut timeline = Timeline::new("v1");
    timeline.change("v2", || stage.push(&dev, "v2", &[], true));
    let answered = gokku_tests::wait_until("answers of v2", Duration::from_secs(60), || {
        Some(load.answers_of("v2")).filter(|count| *count > 500)
    });
    stage.answers(&app, "v2");

    stage.says("Version 3 never becomes healthy: it is refused, and never gets a request");
    stage.push(&dev, "v3", &["fail-health"], false);
    stage.answers(&app, "v2");
    let report = load.stop();
    println!("\n{report}");
    report.assert_clean(&timeline);
    assert!(answered > 0);

    stage.says("Back to version 1");
    stage.gokku(&app, &["rollback"], true);
    stage.answers(&app, "v1");

    stage.says("What runs, what was deployed, what it printed");
    stage.gokku(&app, &["status"], true);
    stage.gokku(&app, &["releases"], true);
    stage.gokku(&app, &["logs", "-n", "5"], true);
    stage.runs(
        server
            .command("docker")
            .args(["ps", "--filter", &format!("name={}", app.name())])
            .args(["--format", "table {{.Names}}\t{{.Image}}\t{{.Status}}"]),
        true,
    );
    // The rule in the machine's firewall goes with the last server only when that leaves.
    server.kill_daemon();
    server.gokku(["leave", "--data"]).ok();
}

/// Where it is shown.
struct Stage<'a> {
    server: &'a Server,
    interrupted: &'a AtomicBool,
}

impl Stage<'_> {
    fn says(&self, heading: &str) {
        assert!(!self.interrupted.load(Ordering::Relaxed), "interrupted");
        println!("\n==> {heading}");
    }

    /// Runs a command as it is; whether it succeeds must be as expected.
    fn runs(&self, command: &mut Command, well: bool) {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
        let line = words.join(" ");
        println!("\n$ {line}");
        let status = command
            .status()
            .unwrap_or_else(|error| panic!("`{line}` could not be run: {error}"));
        assert!(!self.interrupted.load(Ordering::Relaxed), "interrupted");
        assert!(status.success() == well, "`{line}` ended with {status}");
    }

    fn gokku(&self, app: &App<'_>, words: &[&str], well: bool) {
        self.runs(self.server.command("gokku").args(app.named(words)), well);
    }

    fn push(&self, dev: &WorkingCopy<'_>, version: &str, behaviours: &[&str], well: bool) {
        dev.write_app(version, behaviours);
        dev.commit(version);
        let mut push = self.server.command("git");
        push.current_dir(dev.folder())
            .args(["push", "production", "main"]);
        self.runs(&mut push, well);
    }

    fn answers(&self, app: &App<'_>, version: &str) {
        assert!(!self.interrupted.load(Ordering::Relaxed), "interrupted");
        let answer = app.version();
        println!("\nhttp://{}/version answers {answer}", app.address());
        assert_eq!(answer, version);
    }
}
