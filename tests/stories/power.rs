//! P50: the power is cut at every step of a push, and when it says "Done". Server and engine have a disk in a file each, which is
//! copied while everything stands still: that is what a machine finds when the power is back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gokku_tests::{
    App, Disk, DiskCopy, Engine, Output, PATIENCE, Running, Server, WorkingCopy, logs, wait_until,
};
use serde_json::Value;

use crate::agree::assert_agrees;

const MB: u64 = 1 << 20;

/// What was on both disks at a moment.
struct Cut {
    /// The step that was begun last.
    at: String,
    root: DiskCopy,
    data: DiskCopy,
    /// What of images and containers there was in memory.
    layers: BTreeMap<String, u64>,
}

impl Cut {
    #[track_caller]
    fn now(at: &str, engine: &Engine, server: &Server) -> Self {
        engine.while_all_stand_still(server, || Self {
            at: at.to_owned(),
            root: server.disk().unwrap().copy(),
            data: engine.disk().unwrap().copy(),
            layers: layers(&engine.data()),
        })
    }

    /// Of the engine's images and containers all is on its disk.
    #[track_caller]
    fn has_its_layers(&self) {
        let place = tempfile::tempdir().unwrap();
        let _disk = self.data.again().mount(place.path());
        let there = layers(place.path());
        let mut wanted = self.layers.iter();
        let lost: Vec<_> = wanted
            .by_ref()
            .filter(|(name, size)| there.get(*name) != Some(size))
            .collect();
        assert!(
            lost.is_empty() && there.len() > 5,
            "at {}, of {}: {lost:?}",
            self.at,
            there.len()
        );
    }

    /// The machine comes back with it.
    #[track_caller]
    fn comes_back(&self, engine: &mut Engine, server: &Server) -> Running {
        engine.cut_power(server);
        server.disk().unwrap().become_copy(self.root.again());
        engine.disk().unwrap().become_copy(self.data.again());
        // What is noted of the time since the machine was started is of the one before.
        let apps = fs::read_dir(server.path("apps")).unwrap();
        let unwritten = apps.map(|app| app.unwrap().path().join("unwritten"));
        for noted in unwritten.chain([server.path("run/looked-at")]) {
            if noted.exists() {
                fs::write(noted, "an earlier time").unwrap();
            }
        }
        engine.start();
        let daemon = server.start_gokku(["proxy", "run"]);
        wait_until("the traffic switch", PATIENCE, || {
            (server.gokku(["proxy", "status"]).code == Some(0)).then_some(())
        });
        daemon
    }
}

/// The step that a push has begun last, as its log says.
fn last_step(api: &App<'_>, before: &BTreeSet<PathBuf>) -> Option<String> {
    let log = logs(api).into_iter().find(|log| !before.contains(log))?;
    let text = fs::read_to_string(log).ok()?;
    let mut steps = text.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        Some(line.pointer("/event/step-started/step")?.as_str()?.to_owned())
    });
    steps.next_back()
}

/// Pushes, and cuts the power as soon as each step has begun, and at its end.
fn cut_all_along(engine: &Engine, server: &Server, api: &App<'_>, dev: &WorkingCopy<'_>) -> Vec<Cut> {
    let before = logs(api);
    let mut cuts: Vec<Cut> = Vec::new();
    let mut push = dev.start_push();
    while !push.has_ended() {
        if let Some(step) = last_step(api, &before)
            && cuts.last().is_none_or(|last| last.at != step)
        {
            cuts.push(Cut::now(&step, engine, server));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    push.wait().ok();
    cuts.push(Cut::now("done", engine, server));
    cuts
}

/// The files of a commit, with what is in them.
fn files(dev: &WorkingCopy<'_>) -> BTreeMap<String, Vec<u8>> {
    let listed = dev.git(["ls-files"]).ok();
    let read = |name: &str| (name.to_owned(), fs::read(dev.folder().join(name)).unwrap());
    listed.stdout.lines().map(read).collect()
}

/// What is on the server's disk holds together, whenever the power was cut.
#[track_caller]
fn holds_together(
    at: &str,
    root: &Path,
    api: &App<'_>,
    commits: &BTreeMap<String, BTreeMap<String, Vec<u8>>>,
) -> String {
    let app = root.join("apps").join(api.name());
    let repository = root.join("repos").join(format!("{}.git", api.name()));
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "safe.directory=*", "--git-dir"]).arg(&repository);
        Output::of(git.args(args))
    };
    assert_eq!(
        git(&["fsck", "--full", "--strict", "--no-dangling"]).code,
        Some(0),
        "at {at}"
    );
    let main = git(&["rev-parse", "main"]).ok().line().to_owned();
    let read = |path: &Path| {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{at}: {}: {error}", path.display()))
    };
    for entry in fs::read_dir(app.join("releases")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            assert!(read(&path).contains("version = "), "at {at}: {}", path.display());
        }
    }
    for file in ["app.toml", "journal.toml"] {
        let path = app.join(file);
        assert!(
            !path.exists() || read(&path).contains("version = "),
            "at {at}: {file}"
        );
    }
    assert_eq!(
        read(&app.join("shared/.env")),
        "GREETING=hello\nZERO_DOWNTIME=true\n",
        "at {at}"
    );
    let routes: Value = serde_json::from_str(&read(&root.join("proxy/routes.json"))).unwrap();
    assert!(routes["routes"][api.name()].is_object(), "at {at}: {routes}");
    let current = app.join(fs::read_link(app.join("current")).unwrap());
    let record = read(&current.with_extension("toml"));
    let (commit, wanted) = commits
        .iter()
        .find(|(commit, _)| record.contains(commit.as_str()))
        .unwrap();
    for (name, content) in wanted {
        let there = fs::read(current.join(name)).unwrap_or_default();
        assert!(there == *content, "at {at}: {name} has {} bytes", there.len());
    }
    assert!(record.contains("outcome = \"good\""), "at {at}: {record}");
    if at == "done" {
        assert_eq!(main, *commit);
    }
    main
}

/// The files of an engine's layers and images, with how large they are.
fn layers(data: &Path) -> BTreeMap<String, u64> {
    let mut found = Command::new("find");
    found.current_dir(data).args(["docker/vfs", "docker/image"]);
    found.args(["-type", "f", "-printf", "%s %P %H\n"]);
    let listed = Output::of(&mut found).ok();
    let sizes = listed.stdout.lines().filter_map(|line| {
        let (size, name) = line.split_once(' ')?;
        Some((name.to_owned(), size.parse().ok()?))
    });
    sizes.collect()
}

/// The doctor finds nothing that is lost; what else it finds is not asked here.
#[track_caller]
fn assert_whole(server: &Server) {
    let doctor = server.gokku(["doctor"]);
    assert!(
        doctor
            .stdout
            .contains("their code, records, images and commits are there"),
        "{doctor}"
    );
}

#[test]
fn p50_a_power_cut_takes_nothing_of_what_done_said() {
    let mut engine = Engine::start_on_file_of(400 * MB);
    let server = Server::on_file_of(128 * MB, &engine);
    let api = server.create("api");
    let made = Cut::now("apps create", &engine, &server);
    let dev = api.working_copy();
    for number in 0..200 {
        dev.write(&format!("data/{number}"), format!("{number}\n").repeat(100));
    }
    let mut commits = BTreeMap::new();
    let mut write = |version: &str| {
        dev.write_app(version, &[]);
        let commit = dev.commit(version);
        commits.insert(commit.clone(), files(&dev));
        commit
    };
    let v1 = write("v1");
    dev.push().ok();
    // Nothing was stopped, which would have brought an engine's files to the disk.
    let first = Cut::now("done, the first time", &engine, &server);
    api.gokku(["config", "set", "GREETING=hello", "ZERO_DOWNTIME=true"])
        .ok();
    let v2 = write("v2");
    let cuts = cut_all_along(&engine, &server, &api, &dev);

    // What apps create has said.
    let place = tempfile::tempdir().unwrap();
    let disk = made.root.mount(place.path());
    let repository = place.path().join(format!("repos/{}.git", api.name()));
    for hook in ["pre-receive", "proc-receive"] {
        assert!(fs::metadata(repository.join("hooks").join(hook)).unwrap().len() > 0);
    }
    let mut git = Command::new("git");
    git.args(["-c", "safe.directory=*", "--git-dir"]).arg(&repository);
    Output::of(git.args(["config", "core.fsync"])).ok();
    assert!(
        place
            .path()
            .join(format!("apps/{}/app.toml", api.name()))
            .metadata()
            .unwrap()
            .len()
            > 0
    );
    drop(disk);

    // What is on the server's disk, at every step.
    let steps: Vec<&str> = cuts.iter().map(|cut| cut.at.as_str()).collect();
    for cut in &cuts {
        let place = tempfile::tempdir().unwrap();
        let _disk: Disk = cut.root.again().mount(place.path());
        let main = holds_together(&cut.at, place.path(), &api, &commits);
        assert!(main == v1 || main == v2, "at {}", cut.at);
    }
    let done = cuts.last().unwrap();
    first.has_its_layers();
    done.has_its_layers();

    // In the midst: it is ended by itself, one way or the other, and the same commit gets through.
    for wanted in ["create", "stop"] {
        let Some(cut) = cuts.iter().find(|cut| cut.at == wanted) else {
            panic!("{wanted} was not met, only {steps:?}");
        };
        let _daemon = cut.comes_back(&mut engine, &server);
        wait_until("the end of what was cut off", PATIENCE, || {
            (!api.path("journal.toml").exists()).then_some(())
        });
        let runs = if api.git(["rev-parse", "main"]).ok().line() == v2 {
            "v2"
        } else {
            "v1"
        };
        api.await_version(runs);
        let push = dev.push().ok();
        if wanted == "create" {
            // What was built and not on the disk yet is not taken for what was built.
            let push = push.says("nothing from the builder's cache");
            assert!(!push.output.contains("(cached)"), "{push}");
        }
        api.await_version("v2");
        assert_agrees(&server, &api, "v2", &v2);
        assert_whole(&server);
    }

    // At "Done": all of it is there, and everything works.
    let _daemon = done.comes_back(&mut engine, &server);
    api.await_version("v2");
    assert_whole(&server);
    dev.push().ok().says("Everything up-to-date");
    api.gokku(["restart"]).ok();
    api.gokku(["config", "set", "GREETING=again"]).ok();
    api.gokku(["deploy"]).ok();
    assert_eq!(api.version(), "v2");
    dev.release("v3").ok();
    assert_eq!(api.version(), "v3");
    let releases = api.gokku(["releases", "--json"]).ok().json();
    let first = releases
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["commit"] == v1.as_str())
        .unwrap();
    api.gokku(["rollback", first["id"].as_str().unwrap()]).ok();
    assert_eq!(api.version(), "v1");
}

/// A file of the app's, emptied as a power cut leaves it.
#[track_caller]
fn empty(path: &Path) {
    fs::remove_file(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    fs::write(path, "").unwrap();
}

/// The file of an object of the repository. A push stays packed: what came with it is taken out first.
fn object(api: &App<'_>, name: &str) -> PathBuf {
    let folder = api.repository().join("objects/pack");
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let pack = entry.path();
        if pack.extension().is_some_and(|ending| ending == "pack") {
            // git unpacks nothing that it has.
            let aside = api.path("aside.pack");
            fs::rename(&pack, &aside).unwrap();
            fs::remove_file(pack.with_extension("idx")).unwrap();
            let mut unpack = Command::new("git");
            unpack.arg("--git-dir").arg(api.repository());
            unpack.args(["unpack-objects", "-q"]);
            Output::of(unpack.stdin(fs::File::open(&aside).unwrap())).ok();
            fs::remove_file(aside).unwrap();
        }
    }
    let id = api.git(["rev-parse", name]).ok().line().to_owned();
    api.repository().join("objects").join(&id[..2]).join(&id[2..])
}

/// What is broken all the same is told by the doctor and by the command that meets it, and mended.
#[test]
fn p50_what_is_broken_all_the_same_is_told_and_mended() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    dev.release("v2").ok();
    assert_whole(&server);
    let doctor_says = |text: &str| {
        server.gokku(["doctor"]).exits(1).says(text);
    };
    let active = || fs::read_link(api.path("current")).unwrap();
    // As a developer's remote has it: over gokku.
    let push = || dev.git(["push", "--receive-pack=gokku receive-pack", "production", "main"]);

    // The code of what runs.
    let current = api.path("current").canonicalize().unwrap();
    empty(&current.join("gokku.yml"));
    fs::remove_file(current.join("version")).unwrap();
    doctor_says("gokku.yml and 1 more are empty or missing");
    api.gokku(["restart"])
        .ok()
        .complains("taken out of the repository again");
    assert_eq!(fs::read_to_string(current.join("version")).unwrap(), "v2\n");
    assert_whole(&server);

    // A record, of what is kept and of what runs.
    let records: Vec<_> = api
        .names_in("releases")
        .into_iter()
        .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "toml"))
        .collect();
    empty(&api.path("releases").join(&records[0]));
    doctor_says("has lost its content");
    let releases = api.gokku(["releases", "--json"]).ok().json();
    assert_eq!(releases.as_array().unwrap().len(), 1);
    dev.release("v3").ok();
    assert!(!api.names_in("releases").contains(&records[0]));
    assert_whole(&server);
    empty(&api.path("current").canonicalize().unwrap().with_extension("toml"));
    doctor_says("either makes a new release");
    api.gokku(["restart"]).exits(1).complains("has lost its content");
    api.gokku(["status"]).ok().says("has lost its content");
    assert_eq!(api.version(), "v3");
    api.gokku(["deploy"]).ok();
    dev.release("v4").ok();
    assert_eq!(api.version(), "v4");
    assert_whole(&server);

    // The journal.
    fs::write(api.path("journal.toml"), "").unwrap();
    api.gokku(["restart"]).ok();
    assert!(!api.path("journal.toml").exists());

    // The repository: a commit, with nothing else amiss.
    let commit = api.git(["rev-parse", "main"]).ok().line().to_owned();
    let release = active();
    empty(&object(&api, "main"));
    doctor_says("1 files without content");
    api.gokku(["deploy"])
        .exits(3)
        .complains("push one with git first");
    api.gokku(["restart"]).ok();
    push().ok().complains("is deployed already");
    assert_agrees(&server, &api, "v4", &commit);
    assert_eq!(active(), release);
    assert_whole(&server);

    // A file that the code has lost, too: only who pushed it has it.
    empty(&object(&api, "main:version"));
    api.gokku(["deploy"])
        .exits(1)
        .complains("has files without content, as after a power cut");
    empty(&api.path("current").canonicalize().unwrap().join("version"));
    api.gokku(["restart"]).exits(1).complains("Push it once more");
    assert_eq!(api.version(), "v4");
    push().ok().complains("its image is not used either");
    assert_agrees(&server, &api, "v4", &commit);
    assert_ne!(active(), release);
    // With the commit its older release is whole again, too.
    api.gokku(["rollback"])
        .ok()
        .complains("taken out of the repository again");
    assert_whole(&server);
}

/// A push that knows nothing of gokku gets through when the daemon has been there.
#[test]
fn p50_the_daemon_mends_the_repositories_when_the_machine_is_back() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let commit = api.git(["rev-parse", "main"]).ok().line().to_owned();
    server.kill_daemon();
    // Nothing shows that it is gone but a look at all that the branch names.
    fs::remove_file(object(&api, "main:version")).unwrap();
    fs::write(server.path("run/looked-at"), "an earlier time").unwrap();
    let _daemon = server.start_gokku(["proxy", "run"]);
    wait_until("that the branch is taken out", PATIENCE, || {
        let events = server.gokku(["events"]).ok();
        let told = events.stdout.contains("not all is there of refs/heads/main");
        told.then_some(())
    });
    assert_ne!(api.git(["rev-parse", "--verify", "main"]).code, Some(0));
    dev.push().ok();
    assert_agrees(&server, &api, "v1", &commit);
    assert_whole(&server);
}
