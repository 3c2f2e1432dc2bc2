//! P53: exit code 0 of a push exactly when the branch on the server is the commit that runs. Every way in which git can
//! still refuse to move a branch when it has taken a push's objects (git-receive-pack(1), git-update-ref(1), githooks(5))
//! is found before anything is built, and told in git's words.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use gokku_tests::{App, Container, Disk, Server, WorkingCopy};

/// What a push may not change unless it is accepted.
#[derive(Debug, PartialEq)]
struct State {
    refs: String,
    containers: Vec<Container>,
    releases: usize,
}

fn state(api: &App<'_>) -> State {
    let good = |release: &&serde_json::Value| release["state"] != "failed";
    let releases = api.gokku(["releases", "--json"]).ok().json();
    State {
        refs: api.git(["for-each-ref"]).ok().stdout,
        containers: api.containers(),
        releases: releases.as_array().unwrap().iter().filter(good).count(),
    }
}

/// Pushes what must be refused, before any work and with nothing touched.
#[track_caller]
fn refused(api: &App<'_>, dev: &WorkingCopy<'_>, args: &[&str], why: &str) {
    let before = state(api);
    let push = dev.push_to("production", args).rejected().says(why);
    for word in ["Extracting", "Building", "Starting", "Switching"] {
        assert!(!push.output.contains(word), "{args:?} {why}: {push}");
    }
    assert_eq!(state(api), before, "{args:?} {why}");
}

fn hook(api: &App<'_>, name: &str, text: &str) -> std::path::PathBuf {
    let path = api.repository().join("hooks").join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// What is pushed to the branch is no commit.
#[test]
fn p53_what_is_no_commit_is_refused_before_it_is_built() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    dev.write_app("v2", &[]);
    dev.commit("v2");
    for tag in [
        &["v2", "HEAD"][..],
        &["of-a-tag", "v2"],
        &["of-a-tree", "HEAD^{tree}"],
        &["of-a-file", "HEAD:version"],
    ] {
        dev.git(["tag", "--annotate", "-m", "words"].iter().chain(tag))
            .ok();
    }
    for (pushed, why) in [
        ("v2:main", "git push <remote> 'v2^{}:main'"),
        ("+of-a-tag:main", "git push <remote> 'of-a-tag^{}:main'"),
        (
            "+of-a-tree:main",
            "the annotated tag of-a-tree, which points at no commit",
        ),
        (
            "+of-a-file:main",
            "the annotated tag of-a-file, which points at no commit",
        ),
        ("+main^{tree}:refs/heads/main", "a tree (files without a commit)"),
        (
            "+main:version:refs/heads/main",
            "a blob (the content of one file)",
        ),
    ] {
        let pushed = match pushed {
            "+main:version:refs/heads/main" => {
                let blob = dev.git(["rev-parse", "main:version"]).ok();
                format!("+{}:refs/heads/main", blob.line())
            }
            other => other.to_owned(),
        };
        refused(&api, &dev, &[&pushed], why);
    }
    // What it says works.
    dev.push_to("production", &["v2^{}:main"]).ok();
    assert_eq!(api.version(), "v2");
}

/// What is in the way in the repository.
#[test]
fn p53_what_is_in_the_repository_s_way_is_found_before_anything_is_built() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    let repository = api.repository();
    dev.write_app("v1", &[]);
    dev.commit("v1");

    // A branch that would have to be a folder, and the other way round.
    dev.push_to("production", &["main:main/x"]).ok();
    refused(
        &api,
        &dev,
        &["main"],
        "git push <remote> --delete refs/heads/main/x",
    );
    dev.push_to("production", &["--delete", "refs/heads/main/x"]).ok();
    dev.push().ok();
    refused(&api, &dev, &["main:main/x"], "remote rejected");
    dev.write_app("v2", &[]);
    dev.commit("v2");
    refused(&api, &dev, &["main", "main:main/x"], "refs/heads/main");

    // Locks that somebody left.
    for lock in ["refs/heads/main.lock", "refs/tags/v2.lock"] {
        let lock = repository.join(lock);
        fs::write(&lock, "").unwrap();
        refused(
            &api,
            &dev,
            &["main", "main:refs/tags/v2"],
            &format!("rm '{}'", lock.display()),
        );
        fs::remove_file(&lock).unwrap();
    }

    // Rules of the repository's own.
    dev.push_to("production", &["main", "main:other"]).ok();
    dev.commit("another");
    for (rule, args) in [
        ("receive.denyNonFastForwards", &["+main~2:main"][..]),
        ("receive.denyDeletes", &["main", ":refs/heads/other"]),
    ] {
        api.git(["config", rule, "true"]).ok();
        refused(&api, &dev, args, rule);
        api.git(["config", rule, "false"]).ok();
    }

    // Hooks that refuse: what they say is shown.
    dev.write_app("v3", &[]);
    dev.commit("v3");
    for (name, text) in [
        ("update", "echo not $1 >&2; exit 1"),
        (
            "reference-transaction",
            "[ $1 != prepared ] || { echo not now >&2; exit 1; }",
        ),
    ] {
        let path = hook(&api, name, text);
        refused(&api, &dev, &["main"], "not ");
        fs::remove_file(path).unwrap();
    }

    // A disk that is full, or can only be read.
    let heads = repository.join("refs/heads");
    let kept = fs::read(heads.join("main")).unwrap();
    {
        let disk = Disk::mount(&heads, 16 * 1024);
        fs::write(heads.join("main"), kept).unwrap();
        let filler = disk.fill(0);
        refused(&api, &dev, &["main"], "nothing of it is deployed");
        drop(filler);
        let remount = |how: &str| {
            let mut mount = server.command("mount");
            gokku_tests::Output::of(mount.args(["-o", how]).arg(&heads)).ok();
        };
        remount("remount,ro");
        refused(&api, &dev, &["main"], "nothing of it is deployed");
        remount("remount,rw");
    }

    // git itself is not told to leave pushes to gokku any more.
    for (broken, args) in [
        (
            "the configuration",
            &["config", "--unset", "receive.procReceiveRefs"][..],
        ),
        ("the hook", &["config", "core.bare", "true"]),
    ] {
        api.git(args).ok();
        if broken == "the hook" {
            fs::remove_file(repository.join("hooks/proc-receive")).unwrap();
        }
        refused(&api, &dev, &["main"], "push again");
    }
    dev.push().ok();
    assert_eq!(api.version(), "v3");
    assert_eq!(
        api.git(["rev-parse", "main"]).ok().line(),
        dev.git(["rev-parse", "main"]).ok().line()
    );
}

/// What comes in the way while a deploy is under way gives it up before the switch; the lock is not held meanwhile.
#[test]
fn p53_what_comes_in_the_way_of_a_deploy_gives_it_up() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    dev.release("v1").ok();
    dev.write_app("v2", &["slow-start-ms=1000"]);
    dev.commit("v2");
    let before = state(&api);
    let lock = api.repository().join("refs/heads/main.lock");
    let push = dev.start_push();
    push.wait_for("-----> Waiting until");
    assert!(!lock.exists(), "others may push while it is built");
    fs::write(&lock, "").unwrap();
    let push = push.wait();
    assert_ne!(push.code, Some(0), "{push}");
    assert!(push.stderr.contains("git cannot store the push"), "{push}");
    assert!(push.stderr.contains("main.lock"), "{push}");
    assert_eq!(state(&api), before);
    fs::remove_file(&lock).unwrap();
    dev.push().ok();
    assert_eq!(api.version(), "v2");
}

/// A push from a shallow clone, whose refs git moves itself: what would be in its way then is found before, too.
#[test]
fn p53_what_is_in_the_way_of_a_shallow_push_is_found_before_anything_is_built() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.write_app("v1", &[]);
    dev.commit("one");
    dev.commit("two");
    let shallow = dev.shallow_clone();
    let repository = api.repository();
    for lock in ["shallow.lock", "refs/heads/main.lock"] {
        let lock = repository.join(lock);
        fs::write(&lock, "").unwrap();
        refused(&api, &shallow, &["main"], &format!("rm '{}'", lock.display()));
        fs::remove_file(&lock).unwrap();
    }
    let path = hook(&api, "update", "exit 1");
    refused(&api, &shallow, &["main"], "the update hook");
    fs::remove_file(path).unwrap();
    shallow.push().ok();
    assert_eq!(api.version(), "v1");
    api.git(["fsck", "--strict"]).ok();
}

/// Somebody moves the branch on the server: "the current commit" is not deployed when it is older than what runs.
#[test]
fn p53_an_older_branch_is_not_deployed_in_silence() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    dev.release("v2").ok();
    let before = state(&api);
    api.git(["update-ref", "refs/heads/main", "main~1"]).ok();
    api.gokku(["deploy"]).exits(1).complains("Push it again first");
    dev.push().ok().says("deployed already");
    assert_eq!(state(&api), before);
    api.gokku(["deploy"]).ok();
    assert_eq!(api.version(), "v2");
}

/// The process that deploys is killed while its branch is locked, and when it has just moved: the daemon ends what it
/// left, the pusher waits for that, and hears what is so.
#[test]
fn p53_a_push_whose_deploy_was_cut_off_hears_how_it_ended() {
    let server = Server::new();
    let api = server.create("api");
    api.gokku(["config", "set", "ZERO_DOWNTIME=true"]).ok();
    let dev = api.working_copy();
    dev.release("v1").ok();
    // It is prepared before the build, to be let go of again, and before the switch.
    for (version, state, runs) in [("v2", "prepared", "v1"), ("v3", "committed", "v3")] {
        let seen = server.path(format!("seen-{version}"));
        let text = format!(
            "[ $1 = {state} ] || exit 0\nif [ {state} = committed ] || [ -e '{0}' ]; then kill -KILL $(ps -o ppid= -p $PPID); fi\ntouch '{0}'",
            seen.display()
        );
        let hook = hook(&api, "reference-transaction", &text);
        dev.write_app(version, &[]);
        let commit = dev.commit(version);
        let push = dev.push().says("is gone");
        assert_eq!(push.accepted, runs == version, "{push}");
        let head = api.git(["rev-parse", "main"]).ok().line().to_owned();
        assert_eq!(head == commit, push.accepted, "{push}");
        assert_eq!(api.version(), runs);
        fs::remove_file(hook).unwrap();
    }
    assert_eq!(api.container_names(), [api.blue()]);
}
