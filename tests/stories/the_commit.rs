//! P52: what is built is the commit: its files as a clone has them, whatever anybody's git is told to do with them.

use std::fs;
use std::os::unix::fs::symlink;

use gokku_tests::{App, Server, WorkingCopy};

/// What a server's user may have in `~/.gitconfig`; the developer of these stories has the same home.
const CONFIGURED: &str = "\
[core]
    hooksPath = /nowhere
    autocrlf = true
    attributesFile = ~/attributes
[color]
    ui = always
[grep]
    patternType = fixed
[init]
    defaultObjectFormat = sha256
[receive]
    denyNonFastForwards = true
    hideRefs = refs/heads
[log]
    showSignature = true
[safe]
    bareRepository = explicit
";

fn file_of(api: &App<'_>, path: &str) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("file");
    api.docker(["cp", &format!("{}:{path}", api.blue()), to.to_str().unwrap()]);
    fs::read(to).ok()
}

/// Nobody's configuration changes what is deployed, and nothing that is for archives takes files away.
#[test]
fn p52_what_is_built_is_the_commit() {
    let server = Server::new();
    let dev = WorkingCopy::new(&server);
    fs::write(server.home().join(".gitconfig"), CONFIGURED).unwrap();
    fs::write(
        server.home().join("attributes"),
        "*.txt text eol=crlf\n* export-ignore\n",
    )
    .unwrap();
    let api = server.create("api");
    let repository = api.repository();
    let repository = repository.to_str().unwrap();
    dev.git(["remote", "add", "production", repository]).ok();
    dev.write_app("v1", &[]);
    let dockerfile = fs::read_to_string(dev.folder().join("Dockerfile")).unwrap();
    dev.write("Dockerfile", dockerfile.replace("EXPOSE", "COPY . /code\nEXPOSE"));
    dev.write(
        "gokku.yml",
        format!("apps:\n  {}:\n    ports: [\"{}:8080\"]\n", api.name(), api.port()),
    );
    dev.write("Procfile", "web: /app\nworker: /app\n");
    // As Docker reads it: at any depth, and with its own rules for characters.
    dev.write(".dockerignore", "secret\n**.pem\ndocs/?.md\n");
    for private in ["secret", "certs/prod/server.pem", "docs/é.md"] {
        dev.write(private, "private\n");
    }
    dev.write("text.txt", "one\ntwo\n");
    dev.write("windows.bat", "one\r\ntwo\r\n");
    dev.write("version.sub", "$Format:%H$ $Id$\n");
    dev.write(
        ".gitattributes",
        "*.bat eol=crlf\n*.sub export-subst ident\nProcfile export-ignore\n.dockerignore export-ignore\ngokku.yml export-ignore\n",
    );
    dev.commit("v1");
    dev.push().ok().says("Done");
    assert_eq!(api.version(), "v1");
    assert_eq!(
        api.container_names(),
        [api.blue(), format!("{}-worker-1", api.blue())]
    );
    assert_eq!(
        file_of(&api, "/code/text.txt").as_deref(),
        Some(&b"one\ntwo\n"[..])
    );
    assert_eq!(
        file_of(&api, "/code/windows.bat").as_deref(),
        Some(&b"one\r\ntwo\r\n"[..])
    );
    for private in ["secret", "certs/prod/server.pem", "docs/é.md"] {
        assert_eq!(file_of(&api, &format!("/code/{private}")), None, "{private}");
    }
    let id = dev.git(["rev-parse", "HEAD:version.sub"]).ok();
    let version = file_of(&api, "/code/version.sub").unwrap();
    assert_eq!(
        String::from_utf8(version).unwrap(),
        format!("$Format:%H$ $Id: {} $\n", id.line())
    );

    // A rewritten history deploys, and what stands for something else is found.
    dev.write_app("v2", &[]);
    dev.git(["commit", "--quiet", "--all", "--amend", "-m", "v2"])
        .ok();
    dev.push_to("production", &["+main"]).ok();
    assert_eq!(api.version(), "v2");
    let id = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
    dev.write(
        "big.bin",
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{id}\nsize 12345\n"),
    );
    dev.commit("a pointer");
    dev.push().rejected().says("big.bin").says("LFS");
    dev.remove("big.bin");
    dev.write("server.key", "\0GITCRYPT\0\x01\x02");
    dev.write("keys/.gitattributes", "");
    dev.write(".gitattributes", "*.key filter=git-crypt diff=git-crypt\n");
    dev.commit("a key");
    dev.push().rejected().says("server.key").says("encrypted");
    assert_eq!(api.version(), "v2");

    // What would have git show another commit than the one that was pushed is not taken, and counts nowhere.
    let head = dev.git(["rev-parse", "HEAD"]).ok();
    let replaces = format!("main:refs/replace/{}", head.line());
    for refs in [&[replaces.as_str()][..], &["main", "main:refs/meta/config"]] {
        dev.push_to("production", refs).rejected().says("is not taken");
    }

    // What somebody changes in the repository itself is told, and set right.
    let doctor = server.gokku(["doctor"]).ok();
    doctor.says("repositories: 1, as gokku makes them");
    let config = format!("{repository}/config");
    dev.git(["config", "--file", &config, "core.hooksPath", "/elsewhere"])
        .ok();
    let doctor = server.gokku(["doctor"]).exits(1);
    doctor
        .says("core.hooksPath is /elsewhere, and should be hooks")
        .says("gokku proxy restart");
    server.gokku(["proxy", "restart"]).ok();
    server.gokku(["doctor"]).ok().says("as gokku makes them");
}

/// A file that is nearly called what is looked for is named before anything is built; a link of the right name is followed.
#[test]
fn p33_what_its_author_means_is_not_passed_over() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let refused = |told: &str| {
        dev.commit("another name");
        let push = dev.push().rejected().says(told);
        assert!(!push.output.contains("Building"), "{push}");
    };
    let rename = |from: &str, to: &str| fs::rename(dev.folder().join(from), dev.folder().join(to)).unwrap();
    rename("gokku.yml", "gokku.yaml");
    refused("gokku.yaml is not read: call it gokku.yml");
    let check = dev.gokku(["config", "check"]).exits(1);
    check.complains("gokku.yaml is not read");
    rename("gokku.yaml", "gokku.yml");
    dev.write("procfile", "web: /app\nworker: /app\n");
    refused("procfile is not read: call it Procfile");
    dev.gokku(["config", "check"])
        .exits(2)
        .complains("procfile is not read");
    dev.remove("procfile");
    rename("Dockerfile", "Containerfile");
    dev.write("compose.yaml", "services: {}\n");
    refused("Containerfile is not read: call it Dockerfile, or name it in gokku.yml");
    dev.push().rejected().says("compose.yaml is not read");
    let check = dev.gokku(["config", "check"]).exits(2);
    check
        .complains("Containerfile is not read")
        .complains("compose.yaml is not read");
    dev.write("index.html", "hello\n");
    dev.gokku(["config", "check"])
        .ok()
        .complains("Containerfile is not read");
    dev.remove("index.html");
    dev.remove("compose.yaml");
    rename("Containerfile", "Dockerfile");
    assert_eq!(api.version(), "v1");

    // Links within the commit are followed wherever it is read.
    for (name, to) in [
        ("gokku.yml", "./deploy/app.yml"),
        ("Dockerfile", "deploy/Containerfile"),
        ("Procfile", "deploy/processes"),
    ] {
        let file = to.trim_start_matches("./");
        fs::create_dir_all(dev.folder().join("deploy")).unwrap();
        if name == "Procfile" {
            dev.write(file, "web: /app\nworker: /app\n");
        } else {
            rename(name, file);
        }
        symlink(to, dev.folder().join(name)).unwrap();
    }
    dev.write(".containerignore", "secret\n");
    dev.write("notes.ipynb", "{}\n");
    dev.write(".gitattributes", "*.ipynb filter=nbstripout\n");
    dev.write("version", "v2\n");
    dev.commit("links");
    dev.push()
        .ok()
        .says(".containerignore is not read, and what it lists is sent to the builder")
        .says("notes.ipynb: .gitattributes names the filter nbstripout, which is not run here");
    assert_eq!(api.version(), "v2");
    assert_eq!(api.container_names().len(), 2);
    let printed = api.gokku(["build", "--print"]).ok();
    printed.says("FROM scratch");
    for (to, told) in [
        (
            "nowhere",
            "gokku.yml is a link to a file that is not in the repository",
        ),
        (
            "../gokku.yml",
            "gokku.yml is a link that leads out of the repository",
        ),
    ] {
        dev.remove("gokku.yml");
        symlink(to, dev.folder().join("gokku.yml")).unwrap();
        refused(told);
    }
    assert_eq!(api.version(), "v2");
}
