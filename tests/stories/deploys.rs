//! The first push and the ones after it.

use gokku_tests::{EngineEvent, EngineEvents, PATIENCE, Server, docker, wait_until};

use crate::told::last_steps;

/// P12, P25: extracted, built, started as green, healthy, and then blue; answered through the traffic switch.
#[test]
fn p12_the_first_push_becomes_the_running_version() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    let listening = EngineEvents::of(&api);
    let push = dev.release("v1").ok();

    assert_eq!(api.version(), "v1");
    let health = api.get("/health").unwrap();
    assert_eq!((health.status, health.text().as_str()), (200, "healthy"));
    assert_eq!(api.container_names(), [api.blue()]);

    // P14: the pusher saw each step, and where to look.
    let told = push.remote_lines().join("\n");
    for heading in [
        "-----> Extracting the code",
        "-----> Building the image",
        "-----> Starting",
        "-----> Waiting until",
        "-----> Switching the traffic",
        "-----> Done: http://localhost:",
    ] {
        assert!(told.contains(heading), "no {heading:?} in:\n{told}");
    }
    let lives: Vec<String> = listening
        .told()
        .iter()
        .map(EngineEvent::words)
        .filter(|event| !event.starts_with("exec"))
        .collect();
    assert_eq!(
        lives,
        [
            format!("create {}", api.green()),
            format!("start {}", api.green()),
            format!("rename {}", api.blue())
        ]
    );
}

/// P02, P04, P05, P11, P13: green is started and healthy before the switch; only then blue is stopped and removed,
/// and green takes its name. The engine's own events are the witness.
#[test]
fn p13_a_later_push_goes_to_green_first_and_then_takes_blues_place() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    api.gokku(["config", "set", "ZERO_DOWNTIME=true", "--no-restart"])
        .ok();
    let old = api.containers().remove(0);
    let listening = EngineEvents::of(&api);
    dev.release("v2").ok();

    assert_eq!(api.version(), "v2");
    assert_eq!(api.container_names(), [api.blue()]);
    assert_ne!(api.containers()[0].id, old.id);
    let lives: Vec<String> = listening
        .told()
        .iter()
        .map(EngineEvent::words)
        .filter(|event| !event.starts_with("exec") && !event.starts_with("kill"))
        .collect();
    let (green, blue) = (api.green(), api.blue());
    assert_eq!(
        lives,
        [
            format!("create {green}"),
            format!("start {green}"),
            format!("die {blue}"),
            format!("stop {blue}"),
            format!("destroy {blue}"),
            format!("rename {blue}"),
        ]
    );
    let steps = last_steps(&api);
    let at = |name: &str| {
        steps
            .iter()
            .position(|step| step == name)
            .unwrap_or_else(|| panic!("no {name} in {steps:?}"))
    };
    let order = [
        "extract", "build", "create", "start", "health", "switch", "stop", "remove", "rename",
    ];
    assert!(order.windows(2).all(|two| at(two[0]) < at(two[1])), "{steps:?}");
}

/// P01, P03, P11: while green is not healthy yet, both run, `docker ps` shows both, and blue answers.
#[test]
fn p01_blue_and_green_run_side_by_side() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=yes"]).ok();
    dev.release("v1").ok();
    dev.write_app("v2", &["slow-health-ms=1500"]);
    dev.commit("v2");
    let push = dev.start_push();
    let both = wait_until("blue and green beside each other", PATIENCE, || {
        let containers = api.containers();
        (containers.len() == 2 && containers.iter().all(|one| one.state == "running")).then_some(containers)
    });
    let names: Vec<_> = both.iter().map(|one| one.name.clone()).collect();
    assert_eq!(names, [api.blue(), api.green()]);
    assert_eq!(api.version(), "v1", "green is not healthy yet");
    let shown = docker([
        "ps",
        "--format",
        "{{.Names}}",
        "--filter",
        &format!("name=^{}-", api.name()),
    ])
    .ok();
    let mut shown: Vec<_> = shown.stdout.lines().collect();
    shown.sort_unstable();
    assert_eq!(shown, names);
    push.wait().ok();
    assert_eq!(api.version(), "v2");
    assert_eq!(api.container_names(), [api.blue()]);
}

/// P08's default: without `ZERO_DOWNTIME`, never two at once.
#[test]
fn p08_by_default_the_old_one_stops_before_the_new_one_starts() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let listening = EngineEvents::of(&api);
    dev.release("v2").ok();
    assert_eq!(api.version(), "v2");
    let lives: Vec<String> = listening.told().iter().map(EngineEvent::words).collect();
    let at = |wanted: String| {
        lives
            .iter()
            .position(|event| *event == wanted)
            .unwrap_or_else(|| panic!("no {wanted:?} in {lives:?}"))
    };
    assert!(
        at(format!("die {}", api.blue())) < at(format!("start {}", api.green())),
        "{lives:?}"
    );
}

/// P18, P26: what the guide does with plain docker works: `ps`, `logs`, `inspect`, `images`; and the images are
/// named as promised.
#[test]
fn p18_plain_docker_shows_everything() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    dev.release("v2").ok();
    api.get("/log?line=hello").unwrap();
    let blue = api.blue();
    wait_until("the line in docker logs", PATIENCE, || {
        let logs = docker(["logs", &blue]).ok();
        logs.stdout.contains("hello").then_some(())
    });
    let running = docker(["inspect", "--format", "{{.State.Running}} {{.Image}}", &blue]).ok();
    let (running, image) = running.line().split_once(' ').unwrap();
    assert_eq!(running, "true");

    // `docker exec` needs something to run in a scratch image: the app itself, which says its version.
    docker(["exec", &blue, "/app", "version"]).ok().says("v2");

    let status = api.gokku(["status", "--json"]).ok().json();
    let release = status["release"].as_str().unwrap();
    let tag = format!("{}:release-{release}", api.name());
    let latest = format!("{}:latest", api.name());
    for name in [&tag, &latest] {
        let id = docker(["image", "inspect", "--format", "{{.Id}}", name]).ok();
        assert_eq!(id.line(), image, "{name}");
    }
    // And `docker ps` shows which release it is.
    let filter = format!("name=^{blue}$");
    docker(["ps", "--format", "{{.Image}}", "--filter", &filter])
        .ok()
        .says(&tag);
    let tags = docker(["images", "--format", "{{.Tag}}", api.name()]).ok();
    assert_eq!(tags.stdout.lines().count(), 3, "two releases and latest: {tags}");
}

/// P20: what `gokku status` knows.
#[test]
fn p20_status_tells_what_runs() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["status"]).ok().says("never deployed");
    let dev = api.working_copy();
    dev.write_app("v1", &[]);
    let commit = dev.commit("v1");
    dev.push().ok();
    let status = api.gokku(["status", "--json"]).ok().json();
    assert_eq!(status["app"], api.name());
    assert_eq!(status["environment"], "production");
    assert_eq!(status["commit"], commit.as_str());
    assert_eq!(status["traffic"], "routed");
    assert_eq!(status["health"], "healthy");
    assert_eq!(status["port"], api.port());
    assert_eq!(status["last"]["what"], "deploy");
    assert_eq!(status["last"]["outcome"], "succeeded");
    let container = &status["containers"][0];
    assert_eq!(container["name"], api.blue().as_str());
    assert_eq!(container["slot"], "blue");
    assert_eq!(container["state"], "running");
    assert!(container["started"].as_str().unwrap().contains('T'));
    assert!(container["address"].as_str().unwrap().ends_with(":8080"));

    let shown = api.gokku(["status"]).ok();
    for fact in [
        &commit[..7],
        &api.blue(),
        "healthy",
        "running",
        &format!("http://localhost:{}", api.port()),
        "deploy",
        "succeeded",
        "up ",
    ] {
        assert!(shown.stdout.contains(fact), "no {fact:?} in\n{shown}");
    }
    server.gokku(["status"]).ok().says(api.name());
}
