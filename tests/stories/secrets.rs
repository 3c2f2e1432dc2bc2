//! The app's env never stands where others can read it: P29.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use gokku_tests::{Server, docker};

const SECRET: &str = "s3cr3t-never-to-be-seen";

/// P29: not on a command line (every process of the machine is watched during a deploy), not in a log, not in an
/// image.
#[test]
fn p29_a_secret_is_seen_by_the_app_only() {
    let server = Server::new();
    let api = server.create("api");
    server.write(
        format!("apps/{}/shared/.env", api.name()),
        format!("SECRET={SECRET}\nMIGRATION_COMMAND=/app migrate\nZERO_DOWNTIME=true\n"),
    );
    let watching = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&watching);
    let watcher = thread::spawn(move || {
        let mut seen = BTreeSet::new();
        // The watch ends with the story, also with one that fails.
        while still.load(Ordering::Relaxed) && Arc::strong_count(&still) > 1 {
            seen.extend(command_lines().into_iter().filter(|line| line.contains(SECRET)));
        }
        seen
    });
    let dev = api.working_copy();
    dev.release("v1").ok();
    dev.release("v2").ok();
    api.gokku(["rollback"]).ok();
    // A failure tells much, but not that.
    let failed = dev.release_with("v3", &["exit-at-start=1"]).rejected();
    assert!(!failed.output.contains(SECRET), "{failed}");
    watching.store(false, Ordering::Relaxed);
    let seen = watcher.join().unwrap();
    assert_eq!(seen, BTreeSet::new());
    assert_eq!(api.get("/env?name=SECRET").unwrap().text(), SECRET);

    let tags = docker(["images", "--format", "{{.Repository}}:{{.Tag}}", api.name()]).ok();
    for tag in tags.stdout.lines() {
        let history = docker(["history", "--no-trunc", tag]).ok();
        let image = docker(["inspect", tag]).ok();
        assert!(
            !history.stdout.contains(SECRET) && !image.stdout.contains(SECRET),
            "{tag}"
        );
    }
    let mut files = vec![server.root().to_owned()];
    let mut looked = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if !path.ends_with("shared/.env")
            && let Ok(bytes) = std::fs::read(&path)
        {
            looked += 1;
            let found = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
    assert!(looked > 20, "{looked} files");
}

fn command_lines() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .collect()
}
