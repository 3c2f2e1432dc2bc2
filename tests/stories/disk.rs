//! Room on the disks: a build that does not fit is refused before anything is built, what is no longer kept goes, and the
//! build cache stays within its budget.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use gokku_tests::{App, Engine, Output, PATIENCE, PushOutcome, Server, WorkingCopy, wait_until};

const MB: u64 = 1 << 20;
const PAGE: u64 = 4096;
/// The engine's disk.
const DISK: u64 = 400 * MB;
/// What is in every image besides the app.
const BALLAST: u64 = 12 * MB;
/// When what is left over was made.
const LONG_AGO: &str = "20200101-000000";

/// Bytes that no layer has had before.
fn noise(bytes: u64) -> Vec<u8> {
    let mut noise = Vec::new();
    let random = File::open("/dev/urandom").unwrap();
    random.take(bytes).read_to_end(&mut noise).unwrap();
    noise
}

fn configure(server: &Server, reserve: &str) {
    let disk = format!("[disk]\nreserve = \"{reserve}\"\nbuild_cache = \"20m\"\n");
    server.write("config.toml", format!("[proxy]\nbind = \"127.0.0.1\"\n\n{disk}"));
}

fn write(dev: &WorkingCopy<'_>, version: &str, behaviours: &[&str]) {
    dev.write_app(version, behaviours);
    dev.write("ballast", noise(BALLAST));
    let dockerfile = std::fs::read_to_string(dev.folder().join("Dockerfile")).unwrap();
    dev.write(
        "Dockerfile",
        dockerfile.replace("EXPOSE", "COPY ballast /ballast\nEXPOSE"),
    );
    dev.commit(version);
}

fn release(dev: &WorkingCopy<'_>, version: &str) -> PushOutcome {
    write(dev, version, &[]);
    dev.push()
}

/// Makes an image with these labels, which no build cache has a part in.
fn import(server: &Server, name: &str, labels: &[(&str, &str)], bytes: u64) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("noise"), noise(bytes)).unwrap();
    let tar = folder.path().join("image.tar");
    Output::of(
        Command::new("tar")
            .arg("-cf")
            .arg(&tar)
            .arg("-C")
            .arg(folder.path())
            .arg("noise"),
    )
    .ok();
    let mut words = vec!["import".to_owned()];
    for (label, value) in labels {
        words.extend(["--change".to_owned(), format!("LABEL {label}={value}")]);
    }
    words.extend([tar.display().to_string(), name.to_owned()]);
    server.docker(words).ok();
}

/// The names of every image.
fn images(server: &Server) -> BTreeSet<String> {
    let all = server
        .docker(["images", "--format", "{{.Repository}}:{{.Tag}}"])
        .ok();
    all.stdout.lines().map(str::to_owned).collect()
}

fn container(api: &App<'_>) -> String {
    api.containers()[0].id.clone()
}

/// Everything that a prune could have touched.
fn everything(server: &Server, api: &App<'_>) -> (BTreeSet<String>, BTreeSet<String>, BTreeSet<String>) {
    (images(server), api.names_in("releases"), api.names_in("incoming"))
}

#[test]
fn a_build_fits_or_is_refused_and_what_is_no_longer_kept_goes() {
    let engine = Engine::start_on_disk_of(DISK);
    let disk = engine.disk().unwrap();
    let server = Server::on(&engine);
    configure(&server, "40m");
    let api = server.create("api");
    let dev = api.working_copy_with("    deployment:\n      keep_images: 1\n");

    the_cache_keeps_to_its_budget(&server, disk, &api, &dev);
    let before = (everything(&server, &api), container(&api));

    // Too little is free, whatever is pruned.
    let filler = disk.fill(20 * MB / PAGE);
    let refused = release(&dev, "v7").rejected();
    let refused = refused
        .says("there is not enough room to build")
        .says("docker builder prune");
    assert!(!refused.to_string().contains("-----> Building"), "{refused}");
    assert_eq!((everything(&server, &api), container(&api)), before);
    assert_eq!(api.version(), "v6");
    let doctor = server.gokku(["doctor"]).exits(1);
    doctor.says(&format!("the next build of {} would be refused", api.name()));
    drop(filler);
    dev.push().ok();
    assert_eq!(api.version(), "v7");

    // Too little is free, and enough once what a killed build has left is gone.
    let root = server.root().display().to_string();
    let left = format!("{}:release-{LONG_AGO}", api.name());
    let labels = |app| {
        [
            ("gokku.root", root.as_str()),
            ("gokku.app", app),
            ("gokku.release", LONG_AGO),
        ]
    };
    import(&server, &left, &labels(api.name()), 60 * MB);
    let filler = disk.fill(20 * MB / PAGE);
    release(&dev, "v8")
        .ok()
        .says("Pruning")
        .says("the build fits now");
    assert!(!images(&server).contains(&left));
    drop(filler);

    import(&server, &left, &labels(api.name()), MB);
    what_is_no_longer_kept_goes(&server, &api, &dev, &left, &labels("gone"));
}

/// Of six builds there is room for the two images that are kept, and little more.
fn the_cache_keeps_to_its_budget(
    server: &Server,
    disk: &gokku_tests::Disk,
    api: &App<'_>,
    dev: &WorkingCopy<'_>,
) {
    let empty = disk.free();
    for number in 1..=6 {
        release(dev, &format!("v{number}")).ok();
    }
    assert_eq!(api.images().len(), 2);
    let most = 2 * (BALLAST + 2 * MB) + 20 * MB + 5 * MB;
    wait_until("the cache's pruning", PATIENCE, || {
        (empty - disk.free() < most).then_some(())
    });
    server.gokku(["events"]).ok().says("of the build cache");
}

fn what_is_no_longer_kept_goes(
    server: &Server,
    api: &App<'_>,
    dev: &WorkingCopy<'_>,
    left: &str,
    of_gone: &[(&str, &str)],
) {
    // The daemon sees to the build cache by itself, and would see to the rest.
    wait_until("a build cache within its budget", PATIENCE, || {
        let told = server.gokku(["prune", "--dry-run"]).ok();
        (!told.stdout.contains("build cache")).then_some(())
    });
    server.kill_daemon();
    // What is left over: of this app in each of its folders, and of one that is gone.
    let code = api.path(&format!("releases/{LONG_AGO}"));
    let push = api.path(&format!("incoming/{LONG_AGO}"));
    for folder in [&code, &push] {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join("file"), "code").unwrap();
    }
    Output::of(Command::new("touch").args(["--date", "2020-01-01"]).arg(&push)).ok();
    let gone = format!("gone:release-{LONG_AGO}");
    import(server, &gone, of_gone, MB);
    // What is not ours, though it looks like it.
    let others = format!("{}:release-20200101-000001", api.name());
    let label = [
        ("gokku.root", "/elsewhere"),
        ("gokku.app", api.name()),
        ("gokku.release", LONG_AGO),
    ];
    import(server, &others, &label, MB);
    import(server, "plain:latest", &[], MB);

    let before = everything(server, api);
    let goes = [left, &gone, &code.display().to_string()];
    let told = server.gokku(["prune", "--dry-run"]).ok();
    assert!(
        [left, &gone].iter().all(|name| told.stdout.contains(*name)),
        "{told}"
    );
    let told = told.complains("This would be removed");
    let lines = told.stdout.lines().count();
    assert_eq!(
        (lines, goes.len()),
        (4, 3),
        "two images, the code and the push: {told}"
    );
    assert_eq!(everything(server, api), before);

    // A deploy that is under way is not disturbed.
    write(dev, "v9", &["slow-start-ms=2000"]);
    let deploy = dev.start_push();
    deploy.wait_for("-----> Waiting until");
    api.gokku(["prune"]).exits(4).complains("busy with deploy");
    assert!(Path::new(&code).exists());
    deploy.wait().ok();
    assert_eq!(api.version(), "v9");

    // The deploy has removed the code that it found no record of; the daemon may have seen to the push.
    let container = container(api);
    let report = server.gokku(["prune", "--json"]).ok().json();
    let names: Vec<&str> = report["removed"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|thing| thing["name"].as_str())
        .collect();
    assert!([left, &gone].iter().all(|name| names.contains(name)), "{report}");
    assert!(report["bytes"].as_u64().unwrap() >= 2 * MB, "{report}");
    assert!(!code.exists() && !push.exists());
    let all = images(server);
    assert!(all.contains(&others) && all.contains("plain:latest"), "{all:?}");
    assert_eq!(
        api.images().len(),
        3,
        "the active one, the way back and another server's"
    );
    assert_eq!(
        (container, api.version()),
        (self::container(api), "v9".to_owned())
    );
    server
        .gokku(["prune"])
        .ok()
        .complains("There is nothing to remove");
    let events = server.gokku(["events", "-n", "20"]).ok();
    events.says("pruned: ");
    api.gokku(["rollback"]).ok();
    assert_eq!(api.version(), "v8");

    let doctor = server.gokku(["doctor"]).ok();
    let doctor = doctor.says(&format!("ok       app: {}: code ", api.name()));
    let doctor = doctor.says("build cache: ").says(" of 20 MB").says(" free for ");
    // Its images have the program in common, which counts all the same, and once.
    let line = doctor.stdout.lines().find(|line| line.contains(" images, "));
    let images = line.and_then(|line| line.split(", ").find(|part| part.ends_with(" images")));
    assert!(
        images.is_some_and(|images| images.contains(" MB in ")),
        "{line:?}"
    );
}

/// The code of a push is not taken out of it where it does not fit beside what is to stay free.
#[test]
fn a_push_that_does_not_fit_on_the_servers_disk_is_refused() {
    let server = Server::on_disk_of(64 * MB);
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    configure(&server, "62m");
    dev.write_app("v2", &[]);
    dev.commit("v2");
    let place = format!("on the disk of {}", server.root().display());
    dev.push()
        .rejected()
        .says("there is not enough room to build")
        .says(&place);
    api.gokku(["deploy"]).exits(1).complains(&place);
    assert_eq!((api.version(), api.code().len()), ("v1".to_owned(), 1));
    assert!(api.names_in("incoming").is_empty());
    configure(&server, "1m");
    dev.push().ok();
    assert_eq!(api.version(), "v2");
}
