//! Many at once: pushes to one app, apps on one server, changes of one environment. Nobody is forgotten, nothing is
//! lost or mixed up, and no lock is left.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;
use std::thread;

use gokku_tests::{App, PATIENCE, PushOutcome, Server, WorkingCopy, docker, wait_until};

use crate::agree::{assert_agrees, branch};

/// What a pusher was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Deployed,
    Replaced,
    Moved,
    /// By git itself, which saw the new branch before it pushed.
    FetchFirst,
}

#[track_caller]
fn told(push: &PushOutcome) -> Told {
    let says = |text: &str| push.output.contains(text);
    let all = [
        (Told::Deployed, push.accepted && says("-----> Done")),
        (Told::Replaced, !push.accepted && says("took its place")),
        (Told::Moved, !push.accepted && says("has moved to")),
        (Told::FetchFirst, !push.accepted && says("fetch first")),
    ];
    let found: Vec<Told> = all.iter().filter(|(_, is)| *is).map(|(told, _)| *told).collect();
    let [told] = found[..] else {
        panic!("a pusher was not told one thing, but {found:?}\n{push}")
    };
    // No pusher does the work in vain: what git cannot take is not built.
    let built = says("-----> Building");
    assert_eq!(built, told == Told::Deployed, "{push}");
    told
}

/// Another developer's clone, with a commit of its own.
fn clone_with<'server>(
    api: &App<'server>,
    version: &str,
    behaviours: &[&str],
) -> (WorkingCopy<'server>, String) {
    let dev = api.working_copy();
    dev.git(["fetch", "--quiet", "production", "main"]).ok();
    dev.git(["reset", "--quiet", "--hard", "FETCH_HEAD"]).ok();
    dev.write_app(version, behaviours);
    let commit = dev.commit(version);
    (dev, commit)
}

/// A clone of another history, of which only the last commit is there: git moves the branch itself for such a push, after its deploy.
fn shallow_clone_with<'server>(
    api: &App<'server>,
    version: &str,
    behaviours: &[&str],
) -> (WorkingCopy<'server>, String) {
    let whole = api.working_copy();
    whole.commit("what came before");
    whole.write_app(version, behaviours);
    let commit = whole.commit(version);
    (whole.shallow_clone(), commit)
}

/// Pushes all of them at the same moment.
fn push_at_once(clones: &[(WorkingCopy<'_>, String)]) -> Vec<PushOutcome> {
    let barrier = Barrier::new(clones.len());
    thread::scope(|scope| {
        let pushes: Vec<_> = clones
            .iter()
            .map(|(dev, _)| {
                scope.spawn(|| {
                    barrier.wait();
                    dev.push()
                })
            })
            .collect();
        pushes.into_iter().map(|push| push.join().unwrap()).collect()
    })
}

fn ready(server: &Server) -> App<'_> {
    let api = server.create("api");
    api.gokku(["config", "set", "ZERO_DOWNTIME=true", "HEALTH_CHECK_TIMEOUT=5"])
        .ok();
    api.working_copy().release("v0").ok();
    api
}

/// Eight developers push at the same moment. One of them is deployed, and the others are told what became of theirs.
#[test]
fn eight_pushes_at_once() {
    let server = Server::new();
    let api = ready(&server);
    let clones: Vec<_> = (1..=8)
        .map(|number| clone_with(&api, &format!("v{number}"), &["slow-start-ms=1000"]))
        .collect();
    let pushes = push_at_once(&clones);
    let told: Vec<Told> = pushes.iter().map(told).collect();
    let deployed: Vec<usize> = (0..8).filter(|at| told[*at] == Told::Deployed).collect();
    let [winner] = deployed[..] else {
        panic!("all have the same parent, so that one can be deployed: {told:?}")
    };
    assert_agrees(&server, &api, &format!("v{}", winner + 1), &clones[winner].1);
    // Whoever was not first does what was said, and is deployed.
    let loser = &clones[(winner + 1) % 8].0;
    loser
        .git([
            "pull",
            "--quiet",
            "--rebase",
            "-X",
            "theirs",
            "production",
            "main",
        ])
        .ok();
    let commit = loser.git(["rev-parse", "HEAD"]).ok().line().to_owned();
    loser.push().ok();
    assert_agrees(&server, &api, &format!("v{}", (winner + 1) % 8 + 1), &commit);
}

/// Those that wait give way to the newest, and know to which. When the one they waited for fails, that one is deployed.
#[test]
fn the_newest_of_those_that_wait_is_deployed() {
    let server = Server::new();
    let api = ready(&server);
    let clones: Vec<_> = (1..=7)
        .map(|number| clone_with(&api, &format!("v{number}"), &[]))
        .collect();
    let (bad, _) = clone_with(&api, "bad", &["fail-health"]);
    let first = bad.start_push();
    first.wait_for("-----> Waiting until");
    let pushes = push_at_once(&clones);
    let told: Vec<Told> = pushes.iter().map(told).collect();
    assert_ne!(first.wait().code, Some(0));
    let winner = told.iter().position(|told| *told == Told::Deployed).unwrap();
    for (at, push) in pushes.iter().enumerate().filter(|(at, _)| *at != winner) {
        if told[at] != Told::Replaced {
            // A machine that is busy may bring it when all is over.
            continue;
        }
        // It says at once for whom it waits, and since when; and then which one is newer.
        let push = push.clone().says("-----> Waiting for deploy ").says(" since 20");
        let line = push
            .remote_lines()
            .into_iter()
            .find(|line| line.contains("A newer push"));
        let newer = line
            .unwrap()
            .split([' ', ','])
            .find(|word| word.starts_with("20"))
            .unwrap();
        assert!(api.path(&format!("deploys/{newer}.log")).exists(), "{push}");
    }
    let deployed = told.iter().filter(|told| **told == Told::Deployed).count();
    assert_eq!(deployed, 1, "{told:?}");
    assert_agrees(&server, &api, &format!("v{}", winner + 1), &clones[winner].1);
}

/// git moves the branch after the deploy where a push comes from a shallow clone. A push that waited is not begun before
/// that, or it would be deployed and then refused by git: the server would run what the branch does not have.
#[test]
fn a_push_that_waited_sees_where_the_branch_is() {
    let server = Server::new();
    let api = ready(&server);
    // A git that takes its time between the deploy and the branch; gokku runs the hook before, too.
    let hook = api.repository().join("hooks/update");
    let text = "#!/bin/sh\ncase $(ps -o comm= -p $PPID) in git*) sleep 3;; esac\n";
    fs::write(&hook, text).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let (first, commit) = shallow_clone_with(&api, "v1", &["slow-start-ms=2000"]);
    let (second, _) = clone_with(&api, "v2", &[]);
    let pushing = first.start_git(["push", "production", "+main"]);
    pushing.wait_for("-----> Waiting until");
    let waiting = second.start_push();
    waiting.wait_for("-----> Waiting for");
    pushing.wait_for("-----> Done");
    assert_ne!(branch(&api), commit, "the branch has not moved yet");
    let waiting = waiting.wait();
    assert_ne!(waiting.code, Some(0), "{waiting}");
    assert!(waiting.stderr.contains("main has moved to"), "{waiting}");
    assert!(!waiting.stderr.contains("Building"), "{waiting}");
    pushing.wait().ok();
    assert_agrees(&server, &api, "v1", &commit);

    // The same for who deploys the branch once more.
    let (third, commit) = shallow_clone_with(&api, "v3", &[]);
    let pushing = third.start_git(["push", "production", "+main"]);
    pushing.wait_for("-----> Done");
    assert_ne!(branch(&api), commit, "the branch has not moved yet");
    api.gokku(["deploy"]).ok();
    pushing.wait().ok();
    assert_agrees(&server, &api, "v3", &commit);
}

/// A change of the environment and a push that both wait do not take each other's place.
#[test]
fn a_change_of_the_environment_takes_no_pushs_place() {
    let server = Server::new();
    let api = ready(&server);
    let (bad, _) = clone_with(&api, "bad", &["fail-health"]);
    let (good, commit) = clone_with(&api, "v1", &[]);
    let first = bad.start_push();
    first.wait_for("-----> Waiting until");
    let push = good.start_push();
    push.wait_for("-----> Waiting for");
    let config = server.start_gokku(api.named(["config", "set", "LATER=yes"]));
    config.wait_for("-----> Waiting for");
    let status = api.gokku(["status"]).ok();
    assert!(
        status.stdout.contains("waiting") && status.stdout.contains("config 20"),
        "{status}"
    );
    assert_ne!(first.wait().code, Some(0));
    push.wait().ok();
    config.wait().ok();
    assert_agrees(&server, &api, "v1", &commit);
    assert_eq!(api.get("/env?name=LATER").unwrap().text(), "yes");
}

/// Twenty apps are deployed at once on one server, each answers by itself, and all are removed at once.
#[test]
fn twenty_apps_at_once() {
    let server = Server::new();
    let apps: Vec<App<'_>> = (0..20)
        .map(|number| server.create(&format!("app{number}")))
        .collect();
    thread::scope(|scope| {
        for app in &apps {
            scope.spawn(move || {
                app.gokku(["config", "set", &format!("WHO={}", app.name())]).ok();
                app.working_copy().release(app.name()).ok();
            });
        }
    });
    for app in &apps {
        assert_eq!(app.version(), app.name());
        assert_eq!(app.get("/env?name=WHO").unwrap().text(), app.name());
        assert_eq!(app.container_names(), [app.blue()]);
        assert!(branch(app).len() == 40);
    }
    assert_eq!(server.containers().len(), apps.len());
    thread::scope(|scope| {
        for app in &apps {
            let server = &server;
            scope.spawn(move || server.gokku(["apps", "destroy", app.name(), "--yes"]).ok());
        }
    });
    assert_eq!(server.containers(), []);
    let filter = format!("label=gokku.root={}", server.root().display());
    assert_eq!(docker(["images", "--quiet", "--filter", &filter]).ok().stdout, "");
    let status = server.gokku(["proxy", "status", "--json"]).ok().json();
    assert_eq!(status["routes"], serde_json::json!([]), "{status}");
    for folder in ["apps", "repos"] {
        assert_eq!(fs::read_dir(server.path(folder)).unwrap().count(), 0, "{folder}");
    }
}

#[track_caller]
fn assert_env(api: &App<'_>, wanted: &BTreeMap<String, String>) {
    let listed = api.gokku(["config", "list", "--json"]).ok().json();
    let found: BTreeMap<String, String> = serde_json::from_value(listed).unwrap();
    assert_eq!(&found, wanted);
    let file = api.path("shared/.env");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), wanted.len());
}

/// Fifty changes of one environment at once: no key is lost. Eight that are applied at once: each is, by itself or by a
/// newer one.
#[test]
fn fifty_changes_of_an_environment_at_once() {
    let server = Server::new();
    let api = ready(&server);
    let listed = api.gokku(["config", "list", "--json"]).ok().json();
    let mut wanted: BTreeMap<String, String> = serde_json::from_value(listed).unwrap();
    let set = |keys: &BTreeMap<String, String>, more: &[&str]| {
        let barrier = Barrier::new(keys.len());
        thread::scope(|scope| {
            for (key, value) in keys {
                let (api, barrier) = (&api, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let pair = format!("{key}={value}");
                    api.gokku(["config", "set", &pair].iter().chain(more)).ok();
                    assert_eq!(api.gokku(["config", "get", key]).ok().line(), value);
                });
            }
        });
    };
    let keys: BTreeMap<_, _> = (0..50)
        .map(|number| (format!("KEY_{number}"), format!("value {number}")))
        .collect();
    set(&keys, &["--no-restart"]);
    wanted.extend(keys);
    assert_env(&api, &wanted);

    let keys: BTreeMap<_, _> = (0..8)
        .map(|number| (format!("APPLIED_{number}"), number.to_string()))
        .collect();
    set(&keys, &[]);
    wanted.extend(keys);
    assert_env(&api, &wanted);
    wait_until("the end of the workers", PATIENCE, || {
        server.workers().is_empty().then_some(())
    });
    for (key, value) in &wanted {
        assert_eq!(&api.get(&format!("/env?name={key}")).unwrap().text(), value);
    }
    assert_agrees(&server, &api, "v0", &branch(&api));
}
