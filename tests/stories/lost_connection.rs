//! A connection from a laptop that is lost: what was begun goes on, and what was followed is gone on with.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use gokku_tests::{Output, PATIENCE, await_event, logs, wait_until};
use serde_json::Value;

use crate::afar::{Scene, children, kill, release};

fn signal(name: &str, process: u64) {
    Output::of(Command::new("kill").args(["-s", name, &process.to_string()])).ok();
}

/// P14: the ssh client of a push dies in the midst of the build, and in the midst of the switch. The deploy goes on;
/// the next push of the same commit makes branch and release agree, and deploys nothing.
#[test]
fn p14_a_push_whose_connection_is_lost_is_deployed() {
    let scene = Scene::new();
    let dev = scene.remote();
    let remote = scene.name();
    let api = scene.api();
    dev.gokku(["config", "set", "ZERO_DOWNTIME=true", "-a", &remote])
        .ok();
    release(&dev, &remote, "v1").ok();
    for (version, step) in [("v2", "build"), ("v3", "switch")] {
        dev.write_app(version, &[]);
        let commit = dev.commit(version);
        let before = logs(&api);
        let push = dev.start_git(["push", &remote, "main"]);
        let worker = await_event(&api, &before, step, |event| {
            event.pointer("/event/step-started/step").and_then(Value::as_str) == Some(step)
        })
        .unwrap_or_else(|| panic!("the deploy ended before its {step}"));
        signal("STOP", worker);
        let ssh = children(push.id());
        assert_eq!(ssh.len(), 1, "git has one ssh");
        kill(ssh[0]);
        let cut = push.wait();
        assert_ne!(cut.code, Some(0), "{cut}");
        // Somebody else can see how it goes: from its beginning, and live.
        let attached = dev.start_gokku(["deploy", "--attach", "-a", &remote]);
        attached.wait_for("-----> Extracting the code");
        signal("CONT", worker);
        attached.wait().ok().complains("-----> Done");
        assert_eq!(api.version(), version);
        wait_until("the worker's end", PATIENCE, || {
            scene.server.workers().is_empty().then_some(())
        });
        let containers = api.containers();
        assert_eq!(containers.len(), 1);
        let again = dev.git(["push", &remote, "main"]).ok();
        assert!(
            again.stderr.contains("deployed already") || again.stderr.contains("up-to-date"),
            "{again}"
        );
        assert_eq!(api.containers(), containers, "nothing was deployed again");
        let head = Output::of(
            scene
                .server
                .command("git")
                .arg("--git-dir")
                .arg(api.repository())
                .args(["rev-parse", "main"]),
        );
        assert_eq!(head.ok().line(), commit);
    }
    dev.gokku(["deploy", "--attach", "-a", &remote])
        .exits(3)
        .complains("nothing is under way");
}

/// P19: whoever follows an app's output from afar loses no line and sees none twice, whatever becomes of the
/// connection, also across a deploy that nobody could see.
#[test]
fn p19_output_is_followed_across_lost_connections() {
    let scene = Scene::new();
    let dev = scene.remote();
    let remote = scene.name();
    let api = scene.api();
    release(&dev, &remote, "v1").ok();
    let mut expected = vec!["version v1 starts".to_owned()];
    let say = |expected: &mut Vec<String>, line: String| {
        api.get(&format!("/log?line={line}")).unwrap();
        expected.push(line);
    };
    let follow = dev.start_gokku(["logs", "-f", "-a", &remote]);
    follow.wait_for("version v1 starts");
    for round in 0..5 {
        say(&mut expected, format!("there-{round}"));
        follow.wait_for(&format!("there-{round}"));
        for ssh in children(follow.id()) {
            kill(ssh);
        }
        for number in 0..3 {
            say(&mut expected, format!("away-{round}-{number}"));
        }
        follow.wait_for(&format!("away-{round}-2"));
    }
    // For a while there is no way to the server, and a deploy goes by.
    let ssh = scene.laptop.programs().join("ssh");
    let way = fs::read(&ssh).unwrap();
    let blocked = scene.laptop.programs().join("ssh.blocked");
    fs::write(&blocked, "#!/bin/sh\nexit 255\n").unwrap();
    fs::set_permissions(&blocked, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&blocked, &ssh).unwrap();
    for ssh in children(follow.id()) {
        kill(ssh);
    }
    say(&mut expected, "before-the-deploy".to_owned());
    scene
        .server
        .gokku([
            "config",
            "set",
            "ZERO_DOWNTIME=true",
            "--no-restart",
            "-a",
            &scene.app,
        ])
        .ok();
    follow.wait_for("trying again");
    scene.server.gokku(["restart", "-a", &scene.app]).ok();
    fs::write(&blocked, way).unwrap();
    fs::set_permissions(&blocked, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&blocked, &ssh).unwrap();
    say(&mut expected, "after-the-deploy".to_owned());
    follow.wait_for("after-the-deploy");
    follow.wait_for("can be reached again");
    follow.signal("INT");
    let told = follow.wait().exits(130);
    let shown: Vec<&str> = told.stdout.lines().collect();
    // What the old container printed last went with it, while nobody could hear it; all else is there, once.
    let missing: Vec<&String> = expected
        .iter()
        .filter(|line| !shown.contains(&line.as_str()))
        .collect();
    assert!(
        missing.iter().all(|line| *line == "before-the-deploy"),
        "{missing:?}\n{told}"
    );
    let again: Vec<&str> = shown
        .iter()
        .copied()
        .filter(|line| !line.starts_with("version"))
        .collect();
    let wanted: Vec<&str> = expected[1..]
        .iter()
        .map(String::as_str)
        .filter(|line| shown.contains(line))
        .collect();
    assert_eq!(again, wanted, "{told}");
    // Slots and releases are told apart.
    let headings = told
        .stderr
        .lines()
        .filter(|line| line.starts_with("-----> "))
        .count();
    assert_eq!(headings, 2, "{told}");
}

/// P10: a change whose connection is lost as soon as it was sent is written and applied, not one without the other.
#[test]
fn p10_a_change_whose_connection_is_lost_is_applied() {
    let scene = Scene::new();
    let dev = scene.remote();
    let remote = scene.name();
    let api = scene.api();
    release(&dev, &remote, "v1").ok();
    let before = logs(&api);
    let set = dev.start_gokku(["config", "set", "WORD=new", "-a", &remote]);
    let worker = await_event(&api, &before, "its first step", |event| {
        event.pointer("/event/step-started").is_some()
    })
    .unwrap_or_else(|| panic!("it ended before its first step"));
    signal("STOP", worker);
    for ssh in children(set.id()) {
        kill(ssh);
    }
    set.wait().exits(6).complains("could not be reached");
    signal("CONT", worker);
    wait_until("the end", PATIENCE, || {
        scene.server.workers().is_empty().then_some(())
    });
    let env = api.docker(["exec", &api.blue(), "/app", "env", "WORD"]).ok();
    assert_eq!(env.stdout, "new");
}
