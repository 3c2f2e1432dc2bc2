//! The proof under load: through any number of deploys and rollbacks, no client sees anything of it.

#![expect(clippy::print_stdout, reason = "the counts are part of the proof")]

use gokku_tests::{App, Load, LoadPlan, Server, Timeline, WorkingCopy, docker};

const DEPLOYS: usize = 20;

/// How many of them happen under answers that take 5 seconds. Each of these waits for them, and shows the same.
const DEPLOYS_WITH_LONG_ANSWERS: usize = 4;

/// P04, P06 with `ZERO_DOWNTIME=true`.
#[test]
fn p06_zero_downtime_nobody_notices_20_deploys_and_5_rollbacks() {
    nobody_notices("true");
}

/// P06, P08 with `ZERO_DOWNTIME=false`: requests wait, and are answered.
#[test]
fn p08_stop_first_nobody_notices_20_deploys_and_5_rollbacks() {
    nobody_notices("false");
}

/// Keep-alive clients, new connections, 1 MB uploads, 5-second responses, streams and WebSockets run without pause.
fn nobody_notices(zero_downtime: &str) {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", &format!("ZERO_DOWNTIME={zero_downtime}")])
        .ok();
    dev.release("v0").ok();

    let mut ids = Vec::new();
    let mut timeline = Timeline::new("v0");
    let load = Load::start(LoadPlan {
        slow_ms: 5000,
        ..LoadPlan::small(api.address())
    });
    for number in 1..=DEPLOYS_WITH_LONG_ANSWERS {
        deploy(&api, &dev, &mut timeline, number);
        ids.push(active(&api));
    }
    let report = load.stop();
    println!("ZERO_DOWNTIME={zero_downtime}, answers of 5 s: {report}");
    report.assert_clean(&timeline);

    let mut timeline = Timeline::new(&format!("v{DEPLOYS_WITH_LONG_ANSWERS}"));
    let load = Load::start(LoadPlan {
        slow_ms: 1000,
        ..LoadPlan::small(api.address())
    });
    for number in DEPLOYS_WITH_LONG_ANSWERS + 1..=DEPLOYS {
        deploy(&api, &dev, &mut timeline, number);
        ids.push(active(&api));
    }
    // Back to the previous one, and to named ones.
    let mut now = DEPLOYS;
    for to in [DEPLOYS - 1, DEPLOYS - 2, DEPLOYS, DEPLOYS - 3, DEPLOYS - 1] {
        let id = ids[to - 1].clone();
        let previous = to + 1 == now;
        timeline.change(&format!("v{to}"), || {
            if previous {
                api.gokku(["rollback"]).ok()
            } else {
                api.gokku(["rollback", &id]).ok()
            }
        });
        assert_eq!(active(&api), id);
        assert_one_container(&api);
        now = to;
    }
    let report = load.stop();
    println!("ZERO_DOWNTIME={zero_downtime}: {report}");
    report.assert_clean(&timeline);
}

fn deploy(api: &App<'_>, dev: &WorkingCopy<'_>, timeline: &mut Timeline, number: usize) {
    let version = format!("v{number}");
    dev.write_app(&version, &[]);
    dev.commit(&version);
    timeline.change(&version, || dev.push().ok());
    assert_one_container(api);
}

/// Exactly one container, running, named blue: asked of plain docker.
fn assert_one_container(api: &App<'_>) {
    let filter = format!("label=gokku.app={}", api.name());
    let all = docker([
        "ps",
        "--all",
        "--filter",
        &filter,
        "--format",
        "{{.Names}} {{.State}}",
    ])
    .ok();
    assert_eq!(all.stdout, format!("{} running\n", api.blue()));
}

fn active(api: &App<'_>) -> String {
    let status = api.gokku(["status", "--json"]).ok().json();
    status["release"].as_str().expect("an active release").to_owned()
}
