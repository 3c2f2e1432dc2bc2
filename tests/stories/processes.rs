//! An app of several processes: web containers that share the traffic, workers beside them, all or none of them new.

use std::net::SocketAddr;
use std::process::Command;

use gokku_tests::{
    App, EngineEvent, EngineEvents, HeldRequest, Load, LoadPlan, Output, PATIENCE, Server, Timeline,
    WorkingCopy, await_event, docker, events, get, logs, wait_until,
};
use serde_json::Value;

/// The names and states of the app's containers, asked of plain docker.
fn running(api: &App<'_>) -> Vec<String> {
    let filter = format!("label=gokku.app={}", api.name());
    let all = docker(["ps", "--filter", &filter, "--format", "{{.Names}}"]).ok();
    let mut names: Vec<String> = all
        .stdout
        .lines()
        .map(|name| name.replace(api.name(), "api"))
        .collect();
    names.sort();
    names
}

fn copy_with<'a>(api: &App<'a>, procfile: &str, yml: &str) -> WorkingCopy<'a> {
    let dev = api.working_copy_with(yml);
    dev.write("Procfile", procfile);
    dev
}

/// Sends a signal to a container's process from outside, so that it looks like a crash to the engine.
fn crash(container: &str) {
    let pid = docker(["inspect", "--format", "{{.State.Pid}}", container]).ok();
    Output::of(Command::new("kill").args(["-s", "KILL", pid.line()])).ok();
}

fn id(name: &str) -> String {
    let id = docker(["inspect", "--format", "{{.Id}}", name]).ok();
    id.line().to_owned()
}

/// Deploys, scaling up and down and going back between releases of other processes: nobody notices, and the names are
/// exact.
#[test]
fn nobody_notices_processes_that_come_and_go() {
    let server = Server::new();
    let api = server.create("api");
    let counts = "    processes:\n      web: {count: 2}\n      worker: {stay_up: 1}\n";
    let dev = copy_with(&api, "web: /app\nworker: /app\n", counts);
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    dev.release("v1").ok();
    let first = ["api-blue", "api-blue-web-2", "api-blue-worker-1"];
    assert_eq!(running(&api), first);

    let mut timeline = Timeline::new("v1");
    let load = Load::start(LoadPlan::small(api.address()));
    dev.write_app("v2", &[]);
    dev.commit("v2");
    timeline.change("v2", || dev.push().ok());
    assert_eq!(running(&api), first);
    // What there is already stays as it is.
    let ids = |names: &[&str]| -> Vec<String> {
        let named = |name: &&str| id(&name.replacen("api", api.name(), 1));
        names.iter().map(named).collect()
    };
    let before = ids(&first);
    api.gokku(["ps", "scale", "web=3", "worker=2"]).ok();
    assert_eq!(ids(&first), before);
    assert_eq!(
        running(&api),
        [
            "api-blue",
            "api-blue-web-2",
            "api-blue-web-3",
            "api-blue-worker-1",
            "api-blue-worker-2"
        ]
    );
    api.gokku(["ps", "scale", "web=1", "worker=0"]).ok();
    assert_eq!(running(&api), ["api-blue"]);
    assert_eq!(ids(&first[..1]), before[..1]);
    // With another env the old ones would be something else than the new ones.
    api.gokku(["config", "set", "--no-restart", "N=1"]).ok();
    api.gokku(["ps", "scale", "web=2", "worker=1"]).ok();
    assert_ne!(ids(&first[..1]), before[..1]);
    // What was scaled stays, and a release that has another process gets it.
    dev.write("Procfile", "web: /app\nclock: /app\n");
    dev.write(
        "gokku.yml",
        format!("apps:\n  {}:\n    ports: [\"{}:8080\"]\n", api.name(), api.port()),
    );
    dev.write_app("v3", &[]);
    dev.commit("v3");
    timeline.change("v3", || dev.push().ok());
    assert_eq!(running(&api), ["api-blue", "api-blue-clock-1", "api-blue-web-2"]);
    timeline.change("v2", || api.gokku(["rollback"]).ok());
    assert_eq!(running(&api), first);
    load.stop().assert_clean(&timeline);

    api.gokku(["stop"]).ok();
    assert_eq!(running(&api), Vec::<String>::new());
    api.gokku(["ps", "scale", "web=1"]).ok().complains("does not run");
    api.gokku(["start"]).ok();
    assert_eq!(running(&api), ["api-blue", "api-blue-worker-1"]);
    server.gokku(["apps", "destroy", api.name(), "--yes"]).ok();
    assert_eq!(api.container_names(), Vec::<String>::new());
}

/// A release is all or nothing: a worker that does not stay up is a failed deploy, and what ran runs on.
#[test]
fn a_worker_that_exits_fails_the_deploy() {
    let server = Server::new();
    let api = server.create("api");
    let dev = copy_with(&api, "web: /app\nworker: /app\n", "");
    for mode in ["true", "false"] {
        api.gokku(["config", "set", &format!("ZERO_DOWNTIME={mode}")])
            .ok();
        dev.write("Procfile", "web: /app\nworker: /app\n");
        dev.release(&format!("good-{mode}")).ok();
        let before = api.containers();
        dev.write("Procfile", "web: /app\nworker: /app exit 3\n");
        dev.release(&format!("bad-{mode}"))
            .rejected()
            .says("worker-1: it exited with code 3");
        let after = api.containers();
        assert_eq!(api.version(), format!("good-{mode}"));
        let seen = |all: &[gokku_tests::Container]| {
            let seen = all.iter().map(|one| (one.id.clone(), one.state.clone()));
            seen.collect::<Vec<_>>()
        };
        assert_eq!(seen(&before), seen(&after), "ZERO_DOWNTIME={mode}");
    }
    // The other way round: the worker is good, and the web is not.
    api.gokku(["config", "set", "ZERO_DOWNTIME=true", "HEALTH_CHECK_TIMEOUT=2"])
        .ok();
    let before = api.containers();
    dev.write("Procfile", "web: /app\nworker: /app\n");
    dev.release_with("ill", &["fail-health"])
        .rejected()
        .says("web-1: GET /health on port 8080 did not answer 200");
    assert_eq!(api.containers(), before);
}

/// What is not to run twice does not: not in a deploy, nor when one fails.
#[test]
fn two_of_a_process_never_overlap_when_told_not_to() {
    let server = Server::new();
    let api = server.create("api");
    let alone = "    processes:\n      clock: {overlap: false, stay_up: 1}\n";
    let dev = copy_with(&api, "web: /app\nclock: /app\n", alone);
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    let listening = EngineEvents::of(&api);
    dev.release("v1").ok();
    dev.release("v2").ok();
    dev.write("Procfile", "web: /app\nclock: /app exit 1\n");
    let web = id(&api.blue());
    let clock = id(&format!("{}-clock-1", api.blue()));
    dev.release("v3")
        .rejected()
        .says("clock-1: it exited with code 1");
    // The former one runs again, and its web never knew.
    assert_eq!(
        (id(&api.blue()), id(&format!("{}-clock-1", api.blue()))),
        (web, clock)
    );
    assert_eq!(running(&api), ["api-blue", "api-blue-clock-1"]);
    assert_eq!(api.version(), "v2");
    dev.write("Procfile", "web: /app\nclock: /app\n");
    dev.release("v4").ok();

    let told = listening.told();
    let clock = told.iter().filter(|event| event.process == "clock-1");
    let told: Vec<String> = clock.map(EngineEvent::words).collect();
    let mut at_once: i32 = 0;
    let mut starts = 0;
    for event in &told {
        match event.split_once(' ').map(|(action, _)| action) {
            Some("start") => {
                starts += 1;
                at_once += 1;
            }
            Some("die") => at_once -= 1,
            _ => {}
        }
        assert!((0..=1).contains(&at_once), "{told:?}");
    }
    assert_eq!(starts, 5, "v1, v2, v3 in vain, v2 again, v4: {told:?}");
}

/// One web container goes down and the others serve; what crashed comes back, workers as well.
#[test]
fn what_crashes_is_missed_by_nobody_and_comes_back() {
    let server = Server::new();
    let api = server.create("api");
    let yml = "    deployment:\n      restart_delay: 1\n    processes:\n      web: {count: 2}\n      worker: {stay_up: 1}\n";
    let dev = copy_with(&api, "web: /app\nworker: /app\n", yml);
    dev.release("v1").ok();
    let [second, worker] = ["web-2", "worker-1"].map(|process| format!("{}-{process}", api.blue()));
    // Both get some of it.
    let of = |name: &str| {
        let told = docker(["logs", name]).ok();
        told.stdout.len() + told.stderr.len()
    };
    assert!(of(&second) > 0);
    docker(["kill", &second]).ok();
    for _ in 0..50 {
        assert_eq!(api.version(), "v1");
    }
    let status = api.gokku(["status"]).ok();
    status
        .clone()
        .says(&format!("{second} does not run"))
        .says(&format!("health     {second} does not run"));
    docker(["start", &second]).ok();
    wait_until("a healthy app", PATIENCE, || {
        let status = api.gokku(["status", "--json"]).ok().json();
        (status["health"] == "healthy").then_some(())
    });

    let before = id(&worker);
    crash(&worker);
    wait_until("the worker", PATIENCE, || {
        let told = api.gokku(["events"]).ok().stdout;
        told.contains(&format!("{worker} was started again"))
            .then_some(())
    });
    assert_eq!((running(&api).len(), id(&worker)), (3, before));
    // One that was removed is made anew, and what is there stays.
    let web = id(&api.blue());
    docker(["rm", "--force", &worker]).ok();
    wait_until("a new worker", PATIENCE, || {
        (running(&api) == ["api-blue", "api-blue-web-2", "api-blue-worker-1"]).then_some(())
    });
    wait_until("an app at rest", PATIENCE, || {
        let status = api.gokku(["status", "--json"]).ok().json();
        (status["busy"].is_null() && status["trouble"] == serde_json::json!([])).then_some(())
    });
    assert_eq!(id(&api.blue()), web);
    // A scale that cannot be leaves everything as it was.
    dev.write("Procfile", "web: /app\nworker: /app\nfaulty: /app exit 3\n");
    dev.write(
        "gokku.yml",
        format!("apps:\n  {}:\n    ports: [\"{}:8080\"]\n    processes:\n      web: {{count: 2}}\n      faulty: {{count: 0}}\n", api.name(), api.port()),
    );
    dev.release("v2").ok();
    let before = api.containers();
    api.gokku(["ps", "scale", "web=1", "faulty=1"])
        .exits(1)
        .complains("faulty-1: it exited with code 3");
    assert_eq!(api.containers(), before);
}

/// A web container that fails its health check gets no requests while it does, and nobody notices; the last one always
/// does.
#[test]
fn a_web_container_that_fails_its_check_is_passed_over_until_it_is_good_again() {
    let server = Server::new();
    server.write(
        "config.toml",
        "[proxy]\nbind = \"127.0.0.1\"\n[proxy.health_check]\ninterval = 1\nfailures = 2\n",
    );
    let api = server.create("api");
    let dev = copy_with(&api, "web: /app\n", "    processes:\n      web: {count: 3}\n");
    dev.release("v1").ok();
    let status = || api.gokku(["status", "--json"]).ok().json();
    let before = status();
    let at = |name: &str| -> SocketAddr {
        let containers = before["containers"].as_array().unwrap().iter();
        let mut found = containers.filter(|one| one["name"] == name);
        found.next().unwrap()["address"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    };
    let second = format!("{}-web-2", api.blue());
    let asked = |name: &str| -> u64 { get(at(name), "/requests").unwrap().text().parse().unwrap() };
    let unhealthy = |wanted: usize| {
        wait_until(&format!("{wanted} unhealthy"), PATIENCE, || {
            let facts = api.gokku(["ps", "list", "--json"]).ok().json();
            (facts[0]["unhealthy"] == wanted).then_some(())
        });
    };
    let load = Load::start(LoadPlan::small(api.address()));
    get(at(&second), "/be?health=503").unwrap();
    unhealthy(1);
    api.gokku(["ps", "list"]).ok().says("3, 1 unhealthy");
    api.gokku(["status"])
        .ok()
        .says("running, unhealthy")
        .says(&format!("health     {second} answers 503"));
    // What was in flight has ended by now, and its own requests are the only ones that come.
    wait_until("the last requests", PATIENCE, || {
        let before = asked(&second);
        let others = asked(&api.blue());
        wait_until("requests to the others", PATIENCE, || {
            (asked(&api.blue()) > others + 20).then_some(())
        });
        (asked(&second) == before).then_some(())
    });
    get(at(&second), "/be?health=200").unwrap();
    unhealthy(0);
    let before = asked(&second);
    wait_until("requests to it", PATIENCE, || {
        (asked(&second) > before + 5).then_some(())
    });
    let all = [api.blue(), second.clone(), format!("{}-web-3", api.blue())];
    for name in &all {
        get(at(name), "/be?health=500").unwrap();
    }
    unhealthy(3);
    let before: Vec<u64> = all.iter().map(|name| asked(name)).collect();
    wait_until("requests to all of them", PATIENCE, || {
        let mut counts = all.iter().map(|name| asked(name)).zip(&before);
        counts.all(|(now, before)| now > before + 5).then_some(())
    });
    load.stop().assert_clean(&Timeline::new("v1"));
    let told = api.gokku(["events"]).ok().stdout;
    for line in [
        format!("{second} is unhealthy: it answers 503"),
        format!("{second} is healthy again"),
    ] {
        assert!(told.contains(&line), "{told}");
    }
}

/// A worker's own check is tried until it is good, and when it never is the deploy fails and says what it said.
#[test]
fn a_worker_says_itself_when_it_is_good() {
    let server = Server::new();
    let api = server.create("api");
    let checked = |check: &str| {
        let port = api.port();
        format!(
            "apps:\n  {}:\n    ports: [\"{port}:8080\"]\n    processes:\n      worker: {{check: {check}}}\n",
            api.name()
        )
    };
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    let dev = copy_with(&api, "web: /app\nworker: /app\n", "");
    dev.write("gokku.yml", checked("/app ask /health"));
    // At first nothing listens, and the check fails.
    dev.release_with("v1", &["slow-start-ms=1000"]).ok();
    api.gokku(["config", "set", "HEALTH_CHECK_TIMEOUT=8"]).ok();
    let before = api.containers();
    dev.write("gokku.yml", checked("/app ask /nothing"));
    dev.release("v2")
        .rejected()
        .says("worker-1: its check \"/app ask /nothing\" did not end with 0 within 8 s of its start")
        .says("HTTP/1.1 404");
    assert_eq!(api.containers(), before);
    let restarted = api.gokku(["ps", "restart", "worker"]).ok();
    restarted.complains("Restarted: 1 of worker");
}

/// What there is, what can be asked for, and what cannot.
#[test]
fn processes_are_listed_and_scaled_by_their_names() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["ps", "list"]).exits(3).complains("has no release yet");
    api.gokku(["ps", "scale", "web=2"])
        .exits(3)
        .complains("has no release yet");
    let dev = copy_with(&api, "worker: /app words '$x'; exit 1\n", "");
    dev.write_app("v1", &[]);
    dev.write("Procfile", "# what runs\nweb\nmy.worker: /app\nworker: '\n");
    dev.commit("bad");
    // All that is wrong, at once.
    dev.push()
        .rejected()
        .says("Procfile:2:1: this is no process")
        .says("Procfile:3:1: \"my.worker\" is not a process type")
        .says("Procfile:4:9: worker: the command has a quote");
    // As on Heroku, and from an editor that begins files with a byte-order mark.
    dev.write(
        "Procfile",
        "\u{feff}my-Worker_2: /app\r\nworker: /app\r\nrelease: /app migrate from-the-procfile\r\n",
    );
    dev.commit("good");
    dev.push().ok().says("argument: from-the-procfile");
    let list = api.gokku(["ps", "list"]).ok();
    let lines: Vec<String> = list
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        lines,
        [
            "PROCESS COUNT RUNNING COMMAND",
            "my-Worker_2 1 1 /app",
            "web 1 1 (the image's own)",
            "worker 1 1 /app"
        ]
    );
    let named = ["api-blue", "api-blue-my-Worker_2-1", "api-blue-worker-1"];
    assert_eq!(running(&api), named);
    let facts = api.gokku(["ps", "list", "--json"]).ok().json();
    assert_eq!(facts[2]["process"], "worker");
    assert_eq!((&facts[2]["count"], &facts[2]["running"]), (&1.into(), &1.into()));
    let before = api.containers();
    for (given, code, why) in [
        (
            "clock=1",
            2,
            "there is no process clock in the release: there is my-Worker_2, web, worker",
        ),
        ("web=101", 2, "at most 100"),
        ("web", 2, "is not PROCESS=COUNT"),
        ("web=-1", 2, "a whole number"),
        ("w.e=1", 2, "is not a process type"),
        ("Web=1", 2, "there is no process Web in the release"),
    ] {
        api.gokku(["ps", "scale", given]).exits(code).complains(why);
    }
    api.gokku(["ps", "scale", "web=1"])
        .ok()
        .complains("as many already");
    assert_eq!(api.containers(), before);
    // The setting comes before the file.
    api.gokku(["config", "set", "MIGRATION_COMMAND=/app migrate from-the-env"])
        .ok();
    let pushed = dev.release("v2").ok().says("argument: from-the-env");
    assert!(!pushed.output.contains("from-the-procfile"), "{pushed}");
}

/// A worker has no port and needs none; what it runs is the whole of its command.
#[test]
fn a_worker_is_given_no_port() {
    let server = Server::new();
    let api = server.create("api");
    let dev = copy_with(&api, "web: /app\nworker: /app\n", "");
    dev.release("v1").ok();
    let env = |name: &str| {
        docker(["inspect", "--format", "{{json .Config.Env}}", name])
            .ok()
            .stdout
    };
    assert!(env(&api.blue()).contains("PORT=8080"));
    let worker = format!("{}-worker-1", api.blue());
    assert!(!env(&worker).contains("PORT"), "{}", env(&worker));
    let labels = api.containers();
    let worker = labels.iter().find(|one| one.name == worker).unwrap();
    assert_eq!(worker.labels["gokku.process"], "worker-1");
}

/// A worker alone is restarted, stopped and listened to; the web does not know.
#[test]
fn a_worker_is_restarted_and_stopped_by_itself() {
    let server = Server::new();
    let api = server.create("api");
    let short = "    processes:\n      worker: {stay_up: 1, count: 2}\n";
    let dev = copy_with(&api, "web: /app\nworker: /app\n", short);
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    dev.write("Procfile", "web: /app\nworker: /app\n");
    dev.release("v1").ok();
    let worker = format!("{}-worker-1", api.blue());
    let started = |name: &str| {
        let at = docker(["inspect", "--format", "{{.State.StartedAt}}", name]).ok();
        at.line().to_owned()
    };
    let before = (id(&worker), started(&worker), started(&api.blue()));
    api.gokku(["ps", "restart", "worker"])
        .ok()
        .complains("Restarted: 2 of worker");
    assert_eq!((id(&worker), started(&api.blue())), (before.0, before.2));
    assert_ne!(started(&worker), before.1);
    let printed = |process: &str| {
        let logs = api.gokku(["logs", "--process", process]).ok();
        logs.stdout
            .lines()
            .filter(|line| *line == "version v1 starts")
            .count()
    };
    assert_eq!(
        (printed("worker"), printed("worker-2"), printed("web")),
        (2, 2, 1)
    );
    api.gokku(["logs", "--process", "worker-3"])
        .exits(3)
        .complains("worker-3");
    api.gokku(["logs", "--process", "a b"])
        .exits(2)
        .complains("is not a process");
    api.gokku(["ps", "restart", "clock"])
        .exits(2)
        .complains("there is no process clock");
    api.gokku(["ps", "stop", "worker"]).ok();
    assert_eq!(running(&api), ["api-blue"]);
    api.gokku(["ps", "stop", "web"])
        .exits(2)
        .complains("no process is left");
    let web = id(&api.blue());
    api.gokku(["ps", "restart"]).ok();
    assert_ne!(id(&api.blue()), web);
    api.gokku(["stop"]).ok();
    api.gokku(["ps", "restart", "worker"])
        .exits(1)
        .complains("does not run");
}

/// An app that answers nobody: deployed, restarted, stopped, and given a web process and another release when it is time.
#[test]
fn an_app_without_web_lives_too() {
    let server = Server::new();
    let bot = server.create("bot");
    let yml = "    processes:\n      web: {count: 0}\n      worker: {stay_up: 1}\n      clock: {stay_up: 1, overlap: false}\n    deployment:\n      post_deploy: [/app version]\n";
    let dev = copy_with(&bot, "worker: /app\nclock: /app\n", yml);
    bot.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    let both = ["api-blue-clock-1", "api-blue-worker-1"];
    let push = dev.release("v1").ok().says("Running /app version");
    assert!(!push.output.contains("http://localhost"), "{push}");
    assert_eq!(running(&bot), both);
    let told = |answered: Result<gokku_tests::Answer, gokku_tests::Failure>| {
        let answer = answered.unwrap();
        (answer.status, answer.header("x-gokku-error").map(str::to_owned))
    };
    assert_eq!(told(bot.get("/")), (503, Some("no-web".to_owned())));
    let status = || bot.gokku(["status", "--json"]).ok().json();
    assert_eq!(
        (&status()["traffic"], &status()["trouble"]),
        (&"no web".into(), &Value::Array(Vec::new()))
    );
    bot.gokku(["status"]).ok().says("no web");
    bot.gokku(["logs"]).ok().says("version v1 starts");
    bot.gokku(["exec", "--", "/app", "version"]).ok().says("v1");

    // All or nothing, as ever.
    let before = bot.containers();
    dev.release_with("bad", &["exit-at-start=3"])
        .rejected()
        .says("exited with code 3");
    assert_eq!(bot.containers(), before);
    dev.release("v2").ok();
    assert_eq!(running(&bot), both);
    bot.gokku(["rollback"]).ok();
    bot.gokku(["config", "set", "N=1"]).ok();
    bot.gokku(["logs"]).ok().says("version v1 starts");
    assert_eq!(running(&bot), both);

    // Whatever ends is started again, and made again.
    crash(&format!("{}-worker-1", bot.blue()));
    wait_until("both", PATIENCE, || (running(&bot) == both).then_some(()));
    docker(["rm", "--force", &format!("{}-clock-1", bot.blue())]).ok();
    wait_until("both again", PATIENCE, || {
        (running(&bot) == both && status()["trouble"] == Value::Array(Vec::new())).then_some(())
    });
    bot.gokku(["stop"]).ok();
    assert_eq!(running(&bot), Vec::<String>::new());
    bot.gokku(["start"]).ok();
    assert_eq!(running(&bot), both);

    // It gets a web process, and loses it again under requests that are answered to their end.
    let ids = || both.map(|name| id(&name.replacen("api", bot.name(), 1)));
    let kept = ids();
    bot.gokku(["ps", "scale", "web=1"]).ok();
    assert_eq!(bot.version(), "v1");
    let held = HeldRequest::begin(&bot, "/version");
    let scale = server.start_gokku(bot.named(["ps", "scale", "web=0"]));
    wait_until("no web", PATIENCE, || {
        (status()["traffic"] == "no web").then_some(())
    });
    assert_eq!(held.finish().unwrap().status, 200);
    scale.wait().ok();
    assert_eq!((running(&bot), ids()), (both.map(str::to_owned).to_vec(), kept));
    bot.gokku(["ps", "scale", "worker=0", "clock=0"])
        .exits(2)
        .complains("no process is left");
    server.gokku(["apps", "destroy", bot.name(), "--yes"]).ok();
    assert_eq!(bot.container_names(), Vec::<String>::new());
}

/// What is to be run after the switch is, in the new container; that it fails is told and undoes nothing.
#[test]
fn what_follows_a_deploy_undoes_nothing() {
    let server = Server::new();
    let api = server.create("api");
    let after = "    deployment:\n      post_deploy:\n        - /app version\n        - /app exit 4\n        - /app words 'the last'\n";
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    let dev = copy_with(&api, "web: /app\n", after);
    dev.release("v1")
        .ok()
        .says("Running /app version")
        .says("post_deploy: \"/app exit 4\" ended with exit code 4; the release has the traffic all the same")
        .says("the last");
    assert_eq!(api.version(), "v1");
    // Killed after the switch, the deploy is ended by the daemon, with all that follows it.
    let held = HeldRequest::begin(&api, "/version");
    let before = logs(&api);
    dev.write_app("v2", &[]);
    dev.commit("v2");
    let push = dev.start_push();
    await_event(&api, &before, "the drain", |line| {
        line.pointer("/event/step-started/step") == Some(&"drain".into())
    })
    .expect("it is under way");
    server.kill_worker();
    assert_eq!(held.finish().unwrap().status, 200);
    push.wait().ok();
    let said = wait_until("the end", PATIENCE, || {
        let told = events(logs(&api).difference(&before).last()?);
        let ended = told.iter().any(|line| line.pointer("/event/finished").is_some());
        let said = |line: &Value| Some(line.pointer("/event/output/line")?.as_str()?.to_owned());
        ended.then(|| told.iter().filter_map(said).collect::<Vec<_>>())
    });
    assert!(said.contains(&"the last".to_owned()), "{said:?}");
    assert!(said.contains(&"v2".to_owned()), "{said:?}");
    // Neither a restart nor a rollback is a deploy.
    let restarted = api.gokku(["restart"]).ok();
    assert!(!restarted.stderr.contains("Running /app version"), "{restarted}");
}

/// What only a shell understands is run by the image's; where it has none, that is said.
#[test]
fn a_command_for_a_shell_needs_one_in_the_image() {
    let server = Server::new();
    let api = server.create("api");
    let stays_up = "    processes:\n      worker: {command: 'cd / && exec ./app', stay_up: 0}\n";
    let dev = copy_with(&api, "web: /app $PORT\n", stays_up);
    dev.release("v1").rejected().says("/bin/sh");
    gokku_tests::ensure_python();
    dev.write_app("v2", &[]);
    let dockerfile = std::fs::read_to_string(dev.folder().join("Dockerfile")).unwrap();
    dev.write(
        "Dockerfile",
        dockerfile.replace("FROM scratch", "FROM python:3.11-slim"),
    );
    dev.write("Procfile", "web: A=\"$(echo b; echo c)\" /app \"port $PORT\"\n");
    dev.commit("v2");
    dev.push().ok();
    // What the engine's init has started.
    let first = "cat /proc/$(cut -d ' ' -f 1 /proc/1/task/1/children)/cmdline";
    let told = |name: &str| docker(["exec", name, "sh", "-c", first]).ok().stdout;
    let worker = format!("{}-worker-1", api.blue());
    assert_eq!(told(&api.blue()), "/app\0port 8080\0");
    assert_eq!(told(&worker), "./app\0");

    // Of an image's own line it takes the shell's place, too; behind one that stays it would not hear SIGTERM.
    dev.edit(
        "Dockerfile",
        "ENTRYPOINT [\"/app\"]",
        "CMD A=b /app \"port $PORT\"",
    );
    dev.edit("gokku.yml", "exec ./app", "./app");
    dev.remove("Procfile");
    dev.commit("v3");
    let push = dev.push().ok();
    assert!(!push.output.contains("was killed"), "{push}");
    assert_eq!(told(&api.blue()), "/app\0port 8080\0");
    let restart = api.gokku(["restart"]).ok();
    restart.complains(&format!(
        "{worker}: SIGTERM ended the shell that its program stands behind"
    ));
}
