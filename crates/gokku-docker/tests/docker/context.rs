//! The stream of files an engine gets: the same for the same content, and nothing that is no part of it.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;

use gokku_docker::build::context::{self, Extra};

use crate::support::Folder;

fn stream(folder: &Folder, dockerfile: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    context::write(folder.path(), dockerfile, None, None, 0, &mut bytes).unwrap();
    bytes
}

/// Names (folders end with a slash) and contents.
fn files(folder: &Folder, dockerfile: &str) -> BTreeMap<String, String> {
    let bytes = stream(folder, dockerfile);
    let mut archive = tar::Archive::new(bytes.as_slice());
    let entries = archive.entries().unwrap();
    entries
        .map(|entry| {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            (name, content)
        })
        .collect()
}

fn names(folder: &Folder) -> Vec<String> {
    files(folder, "Dockerfile").into_keys().collect()
}

/// Otherwise each checkout of a commit would be built from the start: its files are new.
#[test]
fn the_same_content_is_the_same_stream() {
    let make = || {
        Folder::empty()
            .file("Dockerfile", "FROM scratch\n")
            .file("b/two", "2")
            .file("a", "1")
            .link("z", "a")
    };
    let one = make();
    let other = make();
    let past = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let file = std::fs::File::open(other.path().join("a")).unwrap();
    file.set_modified(past).unwrap();
    assert_eq!(stream(&one, "Dockerfile"), stream(&other, "Dockerfile"));
    // All of it has the time that is given.
    let mut bytes = Vec::new();
    context::write(one.path(), "Dockerfile", None, None, 1_800_000_000, &mut bytes).unwrap();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let times = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().header().mtime().unwrap());
    assert!(
        times
            .collect::<Vec<_>>()
            .iter()
            .all(|time| *time == 1_800_000_000)
    );
    // And another one is another.
    let other = make().mode("a", 0o755);
    assert_ne!(stream(&one, "Dockerfile"), stream(&other, "Dockerfile"));
}

#[test]
fn what_is_neither_file_nor_link_nor_folder_stays() {
    let folder = Folder::empty()
        .file("Dockerfile", "FROM scratch\n")
        .file("a", "1");
    let _socket = UnixListener::bind(folder.path().join("app.sock")).unwrap();
    assert_eq!(names(&folder), ["Dockerfile", "a"]);
}

/// What a link points to is not looked at: outside the folder nothing is read.
#[test]
fn links_are_not_followed() {
    let outside = Folder::empty().file("secret", "private");
    let folder = Folder::empty()
        .file("Dockerfile", "FROM scratch\n")
        .link("folder", outside.path().to_str().unwrap())
        .link("file", outside.path().join("secret").to_str().unwrap())
        .link("circle", ".");
    assert_eq!(names(&folder), ["Dockerfile", "circle", "file", "folder"]);
    let bytes = stream(&folder, "Dockerfile");
    assert!(!bytes.windows(7).any(|window| window == b"private"));
}

#[test]
fn the_dockerfile_is_sent_even_where_it_is_left_out() {
    let folder = Folder::empty()
        .file("deploy/Dockerfile", "FROM scratch\n")
        .file("deploy/notes", "x")
        .file("src/main.py", "x")
        .file(".dockerignore", "*\n");
    let sent = files(&folder, "deploy/Dockerfile");
    let sent: Vec<_> = sent.keys().collect();
    assert_eq!(sent, ["deploy/Dockerfile"]);
}

/// As the docker program has it: `<Dockerfile>.dockerignore` comes before the one at the top.
#[test]
fn a_dockerfiles_own_dockerignore_comes_first() {
    let folder = Folder::empty()
        .file("Dockerfile", "FROM scratch\n")
        .file("worker.Dockerfile", "FROM scratch\n")
        .file(".dockerignore", "for-worker\n")
        .file("worker.Dockerfile.dockerignore", "for-web\n")
        .file("for-web", "1")
        .file("for-worker", "2");
    let web = files(&folder, "Dockerfile");
    assert!(
        web.contains_key("for-web") && !web.contains_key("for-worker"),
        "{web:?}"
    );
    let worker = files(&folder, "worker.Dockerfile");
    assert!(
        worker.contains_key("for-worker") && !worker.contains_key("for-web"),
        "{worker:?}"
    );
}

#[test]
fn a_folder_that_is_left_out_is_not_even_opened() {
    let folder = Folder::empty()
        .file("Dockerfile", "FROM scratch\n")
        .file("node_modules/a/b", "x")
        .file(".dockerignore", "node_modules\n");
    assert_eq!(names(&folder), [".dockerignore", "Dockerfile"]);
    // A name that no stream can hold would be an error, if it were looked at.
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    std::fs::write(folder.path().join("node_modules").join(name), "").unwrap();
    assert_eq!(names(&folder), [".dockerignore", "Dockerfile"]);
}

/// A generated Dockerfile is sent with the folder and is not in it; its own list of what stays counts only without one.
#[test]
fn a_dockerfile_that_is_in_no_folder() {
    let folder = Folder::empty()
        .file("app", "")
        .file(".env", "")
        .file("node_modules/x", "");
    let extra = Extra {
        text: "FROM scratch\n",
        dockerignore: "**/node_modules\n.env\n",
    };
    let sent = |folder: &Folder| -> Vec<String> {
        let mut bytes = Vec::new();
        context::write(
            folder.path(),
            ".gokku.Dockerfile",
            Some(extra),
            None,
            0,
            &mut bytes,
        )
        .unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entries = archive.entries().unwrap();
        entries
            .map(|entry| entry.unwrap().path().unwrap().to_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(sent(&folder), ["app", ".gokku.Dockerfile"]);
    assert!(!folder.path().join(".gokku.Dockerfile").exists());
    let folder = folder.file(".dockerignore", "*\n!node_modules\n");
    assert_eq!(
        sent(&folder),
        ["node_modules/", "node_modules/x", ".gokku.Dockerfile"]
    );
}
