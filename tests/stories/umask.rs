//! Whatever the umask of who makes an app and pushes to it, what comes of it can be written by its owner alone, and read
//! by whom it is for.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use gokku_tests::{Output, Server};

/// Every file and folder below a folder, with its mode; a link has none of its own.
fn modes(folder: &Path, all: &mut Vec<(String, u32, bool)>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let about = entry.metadata().unwrap();
        if about.is_symlink() {
            continue;
        }
        let path = entry.path().display().to_string();
        all.push((
            path,
            about.permissions().mode() & 0o7777,
            about.file_type().is_socket(),
        ));
        if about.is_dir() {
            modes(&entry.path(), all);
        }
    }
}

#[test]
fn what_an_app_has_is_written_by_its_owner_alone_whatever_the_umask() {
    for umask in ["000", "077"] {
        let server = Server::new();
        let api = server.app_of(&gokku_tests::unique("api"), gokku_tests::free_port());
        let dev = api.working_copy();
        dev.write_app("v1", &[]);
        dev.commit("v1");
        // Everything is made here: the app, its repository, the switch, the release.
        let name = api.name();
        let script = format!(
            "umask {umask} && gokku apps create {name} && git push -q production main && gokku config set A=1 -a {name} && git push -q production main:other"
        );
        Output::of(dev.command("sh").args(["-c", &script])).ok();
        assert_eq!(api.version(), "v1");
        let mut all = Vec::new();
        modes(server.root(), &mut all);
        for (path, mode, socket) in &all {
            // The story itself makes this one.
            if path.ends_with("/config.toml") {
                continue;
            }
            assert!(
                mode & 0o022 == 0 || *socket && mode & 0o002 == 0,
                "umask {umask}: {path} is {mode:o}"
            );
            let readable = if Path::new(path).is_dir() { 0o700 } else { 0o400 };
            assert_eq!(mode & readable, readable, "umask {umask}: {path} is {mode:o}");
        }
        let mode_of = |end: &str| {
            all.iter()
                .find(|(path, _, _)| path.ends_with(end))
                .map(|(_, mode, _)| *mode)
        };
        // Who is in the owner's group reads code and repositories; an image's files are read by whomever it runs as.
        for (end, mode) in [
            (".git/hooks/pre-receive", 0o755),
            (".git/hooks/proc-receive", 0o755),
            (".git/hooks", 0o755),
            (".git/refs/heads/main", 0o644),
            ("/current/version", 0o644),
            ("/shared/.env", 0o600),
            ("/events.log", 0o640),
            ("/run/proxy.sock", 0o660),
        ] {
            let found = if end.starts_with("/current") {
                let path = api.path(&end[1..]);
                Some(fs::metadata(path).unwrap().permissions().mode() & 0o777)
            } else {
                mode_of(end)
            };
            assert_eq!(
                found,
                Some(mode),
                "umask {umask}: {end} is {:o}",
                found.unwrap_or(0)
            );
        }
    }
}
