//! Trees that are not only a few plain files: what is committed is what is built, and no more than that.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use gokku_tests::{Output, Server};

/// Everything below a folder: kind, mode, name, where links lead; and the sum of all contents.
fn listing(server: &Server, folder: &Path) -> BTreeSet<String> {
    let run = |command: &mut Command| Output::of(command.current_dir(folder)).ok().stdout;
    let mut find = server.command("find");
    let lines = run(find.args([".", "-mindepth", "1", "-printf", "%y %m %P -> %l\\0"]));
    let mut sum = server.command("sh");
    let sum = run(sum.args([
        "-c",
        "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 cat | sha256sum",
    ]));
    lines
        .split('\0')
        .chain([sum.as_str()])
        .map(str::to_owned)
        .collect()
}

/// Shows what differs, and not ten thousand lines.
#[track_caller]
fn assert_same(found: &BTreeSet<String>, wanted: &BTreeSet<String>) {
    let (more, less): (Vec<_>, Vec<_>) = (
        found.difference(wanted).collect(),
        wanted.difference(found).collect(),
    );
    assert!(
        more.is_empty() && less.is_empty(),
        "found {more:?}, wanted {less:?}"
    );
}

/// P12: names, modes, links, line ends, ten thousand files: all of it arrives as it was committed.
#[test]
fn p12_odd_trees_arrive_as_they_are() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.write_app("v1", &[]);
    let dockerfile = fs::read_to_string(dev.folder().join("Dockerfile")).unwrap();
    dev.write(
        "Dockerfile",
        dockerfile.replace("EXPOSE", "COPY tree /tree\nEXPOSE"),
    );
    for name in [
        "a b",
        "naïve 緑 🟢",
        "-dash",
        "it's \"quoted\" $HOME `x`",
        "new\nline",
        "back\\slash",
        "%41",
    ] {
        dev.write(&format!("tree/names/{name}/{name}"), name);
    }
    dev.write("tree/empty", "");
    dev.write("tree/crlf.txt", "one\r\ntwo\r\n");
    dev.write("tree/bytes", [0, 255, 13, 10, 26, 128]);
    dev.write("tree/run.sh", "#!/bin/sh\n");
    fs::set_permissions(
        dev.folder().join("tree/run.sh"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    let links = [
        ("tree/inside", "names/a b/a b"),
        ("tree/dangling", "nowhere"),
        ("tree/absolute", "/etc/passwd"),
        ("tree/top", "/"),
        ("tree/dots", "./names/../empty"),
        ("tree/out", "../../../../../../../../etc"),
    ];
    for (link, target) in links {
        symlink(target, dev.folder().join(link)).unwrap();
    }
    for file in 0..10_000 {
        dev.write(
            &format!("tree/many/{}/{file}.txt", file % 100),
            format!("file {file}\n"),
        );
    }
    dev.write("tree/secret.key", "private");
    dev.write("tree/docs/page.md", "# Page\n");
    dev.write(".dockerignore", "**/*.key\ntree/docs\n");
    dev.commit("v1");
    dev.push().ok();
    assert_eq!(api.version(), "v1");

    // The release has all of it, the image what the build was to see.
    let wanted = listing(&server, &dev.folder().join("tree"));
    assert_same(&listing(&server, &api.path("current/tree")), &wanted);
    let unpacked = tempfile::tempdir().unwrap();
    let export = format!("docker export {} | tar -x -C \"$0\" tree", api.blue());
    let mut shell = server.command("sh");
    Output::of(shell.args(["-c", &export]).arg(unpacked.path())).ok();
    fs::remove_file(dev.folder().join("tree/secret.key")).unwrap();
    fs::remove_dir_all(dev.folder().join("tree/docs")).unwrap();
    let wanted = listing(&server, &dev.folder().join("tree"));
    assert!(wanted.len() > 10_100, "{}", wanted.len());
    assert_same(&listing(&server, &unpacked.path().join("tree")), &wanted);

    fs::remove_dir_all(dev.folder().join("tree/many")).unwrap();

    // A link is a link on the server, too: what it leads to is not read, and not told.
    let outside = server.home().join("outside");
    fs::write(&outside, "web: marked 'words\n[z-a\n").unwrap();
    for name in ["Procfile", ".dockerignore"] {
        let link = dev.folder().join(name);
        let _ = fs::remove_file(&link);
        symlink(&outside, &link).unwrap();
        dev.commit("a link out");
        let push = dev.push().rejected().says(name).says("a link that leads out");
        assert!(
            !push.output.contains("marked") && !push.output.contains("z-a"),
            "{push}"
        );
        dev.remove(name);
    }
    dev.write("conf/Procfile", "web: /app\n");
    symlink("conf/Procfile", dev.folder().join("Procfile")).unwrap();
    dev.commit("a link within");
    dev.push().ok();
}
