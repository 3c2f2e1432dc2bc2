//! The test app, run without a container: it does what the stories rely on, and a load on it is clean.

use std::net::SocketAddr;
use std::process::Command;

use gokku_tests::{
    Kind, Load, LoadPlan, Output, PATIENCE, Running, Timeline, free_port, get, send, test_app_program,
    wait_until,
};

/// The app on a port of its own.
struct App {
    address: SocketAddr,
    running: Running,
}

impl App {
    fn start(env: &[(&str, &str)]) -> Self {
        let port = free_port();
        let mut command = Command::new(test_app_program());
        command
            .env_clear()
            .env("PORT", port.to_string())
            .env("APP_VERSION", "v1")
            .envs(env.iter().copied());
        let running = Running::start(&mut command);
        running.wait_for("listens on");
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            running,
        }
    }

    fn text(&self, path: &str) -> String {
        get(self.address, path).unwrap().text()
    }
}

#[test]
fn the_program_needs_nothing_of_its_image() {
    let file = Output::of(Command::new("ldd").arg(test_app_program()));
    let said = format!("{}{}", file.stdout, file.stderr);
    assert!(
        said.contains("statically linked") || said.contains("not a dynamic executable"),
        "{file}"
    );
}

#[test]
fn it_says_its_version_and_counts_client_requests_only() {
    let app = App::start(&[]);
    assert_eq!(app.text("/"), "v1");
    assert_eq!(app.text("/version"), "v1");
    assert_eq!(app.text("/health"), "healthy");
    assert_eq!(app.text("/requests"), "2");
}

#[test]
fn it_gives_its_environment_byte_for_byte() {
    let value = "a\nb \"c\" $d `e` 'f' = ü\\";
    let app = App::start(&[("ODD", value), ("EMPTY", "")]);
    assert_eq!(app.text("/env?name=ODD"), value);
    assert_eq!(app.text("/env?name=EMPTY"), "");
    assert_eq!(get(app.address, "/env?name=MISSING").unwrap().status, 404);
    assert!(app.text("/env-dump").contains(&format!("ODD={value}\0")));
}

#[test]
fn it_reads_uploads_in_both_framings() {
    let app = App::start(&[]);
    let body = vec![b'x'; 300_000];
    let plain = send(
        app.address,
        "POST",
        "/upload",
        &[("Expect", "100-continue")],
        &body,
    )
    .unwrap();
    assert_eq!(plain.text(), "300000 v1");
    let chunked = send(
        app.address,
        "POST",
        "/upload",
        &[("Transfer-Encoding", "chunked")],
        b"5\r\nhello\r\n0\r\n\r\n",
    );
    assert_eq!(chunked.unwrap().text(), "5 v1");
}

#[test]
fn it_misbehaves_as_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("behaviour");
    std::fs::write(&file, "health-status=503\nwant-host=api.example.com").unwrap();
    let app = App::start(&[("BEHAVIOUR_FILE", file.to_str().unwrap())]);
    let host = [("Host", "api.example.com")];
    assert_eq!(
        send(app.address, "GET", "/health", &host, b"").unwrap().status,
        503
    );
    assert_eq!(get(app.address, "/").unwrap().status, 400);
}

#[test]
fn it_migrates_as_it_is_told() {
    let mut migrate = Command::new(test_app_program());
    let output = Output::of(
        migrate
            .args(["migrate", "--to", "latest"])
            .env("MIGRATE_EXIT", "3"),
    )
    .exits(3);
    assert_eq!(output.stdout, "migrating\nargument: --to\nargument: latest\n");
}

#[test]
fn on_sigterm_it_finishes_what_is_in_flight_and_then_exits_with_0() {
    let app = App::start(&[]);
    let address = app.address;
    let slow = std::thread::spawn(move || get(address, "/slow?ms=1500&body-ms=300"));
    // The request itself is counted before it is slow.
    wait_until("the slow request", PATIENCE, || {
        (app.text("/requests") == "1").then_some(())
    });
    app.running.signal("TERM");
    assert_eq!(slow.join().unwrap().unwrap().text(), "v1\n");
    app.running.wait().ok().says("version v1 stopped");
}

#[test]
fn a_load_on_it_is_clean_in_every_kind() {
    let app = App::start(&[]);
    let plan = LoadPlan {
        slow_ms: 200,
        echoes: 3,
        ..LoadPlan::small(app.address)
    };
    let load = Load::start(plan);
    wait_until("some requests", PATIENCE, || {
        (load.answers_of("v1") > 200).then_some(())
    });
    let report = load.stop();
    report.assert_clean(&Timeline::new("v1"));
    assert!(
        Kind::ALL.iter().all(|kind| report.of(*kind).answered > 0),
        "{report}"
    );
    assert_eq!(report.total().requests(), report.by_version()["v1"]);
    assert_eq!(
        app.text("/requests"),
        report.total().requests().to_string(),
        "each request arrived once"
    );
}

#[test]
fn a_load_sees_that_it_is_killed() {
    let app = App::start(&[]);
    let load = Load::start(LoadPlan {
        keep_alive: 1,
        fresh: 1,
        slow: 1,
        slow_ms: 300,
        ..LoadPlan::none(app.address)
    });
    drop(app.running);
    wait_until("a failure of each kind", PATIENCE, || {
        (load.failures() > 3).then_some(())
    });
    let total = load.stop().total();
    assert!(total.refused > 0 && total.reset > 0, "{total:?}");
}
