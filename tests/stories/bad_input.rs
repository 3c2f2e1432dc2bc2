//! Code that cannot be built, and a disk that is full: a clear error, and nothing is lost.

use std::process::Command;

use gokku_tests::{Output, Server};

#[test]
fn a_missing_dockerfile_is_told_with_where_it_was_looked_for() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.write("main.py", "print(1)\n");
    dev.commit("no Dockerfile");
    dev.push()
        .rejected()
        .says("there is no Dockerfile")
        .says("dockerfile:");
    let releases = api.gokku(["releases", "--json"]).ok().json();
    assert_eq!(releases, serde_json::json!([]), "it never became a release");
    dev.release("v1").ok();
}

/// The builder's own output is shown.
#[test]
fn a_failing_dockerfile_shows_its_own_output() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let before = api.containers();
    for (dockerfile, told) in [
        ("FROM scratch\nCOPY nowhere.txt /\n", "nowhere.txt"),
        (
            "FROM scratch\nCOPY app /app\nARG MIGRATE_EXIT=9\nRUN [\"/app\", \"migrate\", \"left-pad\"]\n",
            "exit code 9",
        ),
        ("FROM scratch\nCPY app /app\n", "CPY"),
        ("\n", "file with no instructions"),
    ] {
        dev.write("Dockerfile", dockerfile);
        dev.commit("a bad Dockerfile");
        let push = dev.push().rejected().says("the build failed").says(told);
        if told == "exit code 9" {
            // The last that is read: where it failed, what was printed there, and what to do.
            let lines = push.remote_lines();
            let at = lines.iter().rposition(|line| line.starts_with(" ! ")).unwrap();
            let first = "failed: the build failed: [2/2] RUN [\"/app\", \"migrate\", \"left-pad\"]";
            assert!(lines[at].ends_with(first), "{push}");
            let (printed, end) = lines[at + 1..].split_at(3);
            // Two streams: one may be before the other.
            for line in ["migrating", "argument: left-pad", "migration failed with 9"] {
                assert!(printed.iter().any(|there| there.trim() == line), "{push}");
            }
            assert_eq!(
                end,
                [
                    "       exit code 9",
                    "       `docker build` in a fresh clone of the commit shows the same. Mend it, commit and push again.",
                    "       The former release goes on serving, untouched.",
                ]
            );
        }
    }
    assert_eq!(api.containers(), before);
    assert_eq!(api.version(), "v1");
    let releases = api.gokku(["releases", "--json"]).ok().stdout;
    assert!(releases.contains("the build failed: [2/2] RUN"), "{releases}");
}

/// An image whose program cannot be run at all.
#[test]
fn a_program_that_cannot_be_started_is_told() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.write_app("v1", &[]);
    dev.write(
        "Dockerfile",
        "FROM scratch\nCOPY version /version\nEXPOSE 8080\nENTRYPOINT [\"/not-there\"]\n",
    );
    dev.commit("no program");
    dev.push()
        .rejected()
        .says("it exited with code 127: its program, or one that it ran, was not found")
        .says("/not-there");
    assert_eq!(api.containers(), []);
    dev.release("v2").ok();
}

/// A full disk: told as such, the old file is whole, and once there is room again it goes on.
#[test]
fn a_full_disk_loses_nothing() {
    let server = Server::new();
    let mount = |words: &[&str]| Output::of(Command::new(words[0]).args(&words[1..]).arg(server.root()));
    let _gone = Unmounted(server.root().to_owned());
    mount(&["mount", "-t", "tmpfs", "-o", "size=4m", "gokku-full-disk"]).ok();
    server.write("config.toml", "[proxy]\nbind = \"127.0.0.1\"\n");
    let api = server.create("api");
    api.gokku(["config", "set", "KEEP=me"]).ok();
    let file = format!("apps/{}/shared/.env", api.name());
    let before = server.read(&file);
    // All that is left is taken.
    let filler = server.path("filler");
    let _full = std::fs::write(&filler, vec![0; 8 << 20]);
    let value = format!("BIG={}", "x".repeat(100_000));
    api.gokku(["config", "set", &value])
        .exits(1)
        .complains("No space left on device")
        .complains(".env");
    assert_eq!(server.read(&file), before);
    let dev = api.working_copy();
    dev.release("v1").rejected();
    std::fs::remove_file(&filler).unwrap();
    assert_eq!(api.gokku(["config", "get", "KEEP"]).ok().line(), "me");
    api.gokku(["config", "set", "MORE=1"]).ok();
    let left: Vec<_> = std::fs::read_dir(server.path(format!("apps/{}/shared", api.name())))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter().all(|name| name == ".env" || name == ".env.lock"),
        "no half-written file stays: {left:?}"
    );
}

/// Unmounts when the story ends, however it ends.
struct Unmounted(std::path::PathBuf);

impl Drop for Unmounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}
