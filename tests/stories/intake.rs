//! What a push may bring: each limit by a real push that exceeds it. What is refused leaves nothing on the disk, and the
//! processes that look at it need little memory, whatever it is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use gokku_tests::{
    App, Output, PATIENCE, PushOutcome, Server, Sshd, WorkingCopy, free_port, unique, wait_until,
};

/// Sets limits, and no others.
fn limit(server: &Server, push: &str) {
    server.write(
        "config.toml",
        format!("[proxy]\nbind = \"127.0.0.1\"\n\n[push]\n{push}\n"),
    );
}

/// Runs git in a working copy, with this on its standard input.
#[track_caller]
fn fed(dev: &WorkingCopy<'_>, args: &[&str], input: &str) -> String {
    let output = Output::with_input(dev.command("git").args(args), input.as_bytes());
    output.ok().line().to_owned()
}

/// A tree with the same entry under so many names.
fn many(dev: &WorkingCopy<'_>, what: &str, count: usize) -> String {
    let mut entries = String::new();
    for number in 0..count {
        writeln!(entries, "{what}\tn{number}").unwrap();
    }
    fed(dev, &["mktree"], &entries)
}

/// Makes a branch of a commit of this tree.
fn branch(dev: &WorkingCopy<'_>, name: &str, tree: &str) {
    let commit = fed(dev, &["commit-tree", "-m", name, tree], "");
    dev.git(["branch", "--force", name, &commit]).ok();
}

fn nested(dev: &WorkingCopy<'_>, mut leaf: String) -> String {
    for _ in 0..9 {
        leaf = many(dev, &format!("040000 tree {leaf}"), 10);
    }
    leaf
}

/// Every file of the server's that a push could leave something in, with its size.
fn everything(server: &Server) -> BTreeMap<PathBuf, u64> {
    let mut all = BTreeMap::new();
    let mut folders = vec![server.path("repos"), server.path("apps")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(about) if about.is_dir() => folders.push(entry.path()),
                Ok(about) if entry.file_name() != "config" => {
                    all.insert(entry.path(), about.size());
                }
                _ => {}
            }
        }
    }
    all
}

/// A push in which no process may have more memory than this, in kB: git's and gokku's alike.
fn push_within(dev: &WorkingCopy<'_>, kilobytes: u64, refspec: &str) -> PushOutcome {
    let script = format!("ulimit -v {kilobytes}; exec git push production '{refspec}'");
    let output = Output::of(dev.command("sh").args(["-c", &script]));
    PushOutcome {
        accepted: output.code == Some(0),
        output: format!("{}{}", output.stdout, output.stderr),
    }
}

/// Pushes what must be refused with these words, and leaves nothing.
#[track_caller]
fn refused(api: &App<'_>, server: &Server, dev: &WorkingCopy<'_>, refspec: &str, says: &[&str]) {
    let before = everything(server);
    let push = push_within(dev, 3_000_000, refspec).rejected();
    for says in says {
        assert!(push.output.contains(says), "{refspec} {says:?}: {push}");
    }
    // git removes what it had set aside when it has told of the refusal.
    wait_until("nothing left of the push", PATIENCE, || {
        (everything(server) == before).then_some(())
    });
    assert_eq!(api.containers(), []);
}

#[test]
fn a_commit_that_stands_for_more_than_it_seems_is_refused_and_leaves_nothing() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.commit("v1");
    let small = format!(
        "100644 blob {}",
        fed(&dev, &["hash-object", "-w", "--stdin"], "hi\n")
    );
    branch(&dev, "files", &nested(&dev, many(&dev, &small, 10)));
    let nothing = fed(&dev, &["mktree"], "");
    branch(
        &dev,
        "folders",
        &nested(&dev, many(&dev, &format!("040000 tree {nothing}"), 10)),
    );
    let zeros = "0".repeat(9 << 20);
    let zeros = fed(&dev, &["hash-object", "-w", "--stdin"], &zeros);
    branch(&dev, "large", &many(&dev, &format!("100644 blob {zeros}"), 1));
    let deep = format!(
        "commit refs/heads/deep\ncommitter d <d@d> 0 +0000\ndata 0\nM 100644 inline {}file\ndata 0\n\n",
        "a/".repeat(1500)
    );
    fed(&dev, &["fast-import", "--quiet"], &deep);

    limit(&server, "max_files = 50000\nmax_tree = \"8m\"");
    let set = "[push] in the server's config.toml";
    for (pushed, says) in [
        ("files:main", "more than 50000 files and folders (max_files"),
        ("folders:main", "more than 50000 files and folders (max_files"),
        (
            "large:main",
            "more than 8.0 MB: 9.0 MB were found in the first 1 of them (max_tree",
        ),
        ("deep:main", "longer than 2048 bytes (max_path"),
    ] {
        refused(&api, &server, &dev, pushed, &[says, set, "cannot be deployed"]);
    }
    // What is only stored is nowhere taken out, and takes what was sent; deploying it is refused like the rest.
    dev.push_to("production", &["files:stored"]).ok();
    refused(&api, &server, &dev, "files:main", &["max_files"]);
}

#[test]
fn a_push_of_too_much_is_refused_and_leaves_nothing() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.commit("v1");
    for number in 0..600 {
        dev.write(&format!("f{number}"), format!("{number:04}"));
    }
    dev.commit("many");
    limit(&server, "max_objects = 600");
    let set = "[push] in the server's config.toml";
    // The files, a tree, and a commit with its own.
    refused(
        &api,
        &server,
        &dev,
        "main",
        &["the push has 605 objects, and at most 600", "max_objects", set],
    );

    // Of refs: in a push, and in the repository.
    for number in 0..60 {
        dev.git(["tag", &format!("t{number}"), "HEAD~"]).ok();
    }
    limit(&server, "max_refs = 50");
    refused(
        &api,
        &server,
        &dev,
        "refs/tags/*:refs/tags/*",
        &["more than 50 branches and tags (max_refs", set],
    );
    dev.push_to(
        "production",
        &[
            "refs/tags/t1*:refs/tags/t1*",
            "refs/tags/t2*:refs/tags/t2*",
            "refs/tags/t3*:refs/tags/t3*",
        ],
    )
    .ok();
    refused(
        &api,
        &server,
        &dev,
        "refs/tags/t*:refs/other/t*",
        &["more than 50"],
    );
    dev.push_to("production", &["refs/tags/t4*:refs/tags/t4*"]).ok();
    refused(
        &api,
        &server,
        &dev,
        "refs/tags/t5*:refs/tags/t5*",
        &["would have 55 branches and tags, and may have 50 (max_refs", set],
    );
    dev.push_to(
        "production",
        &["--delete", "t1", "t2", "t3", "t4", "t10", "t11", "t12"],
    )
    .ok();
    dev.push_to("production", &["refs/tags/t5:refs/tags/t5"]).ok();
}

/// What a push makes git hold in memory has a limit, and those that outlive the push have not.
#[test]
fn a_push_with_a_key_has_a_limit_of_memory() {
    let server = Server::new();
    let sshd = Sshd::start(&server);
    let name = unique("api");
    let api = server.app_of(&name, free_port());
    let key = sshd.make_key("ada");
    server
        .gokku_with_input(key.as_bytes(), ["keys", "add", "ada", "--app", &name])
        .ok();
    let dev = api.working_copy();
    dev.git(["remote", "set-url", "production", &format!("ada:{name}")])
        .ok();
    limit(&server, "max_memory = \"100m\"");
    // What fits is taken, deployed, and runs without that limit.
    dev.release("v1").ok();
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.daemon().unwrap())).unwrap();
    let data = limits
        .lines()
        .find(|line| line.starts_with("Max data size"))
        .unwrap();
    assert_eq!(data.split_whitespace().nth(3), Some("unlimited"), "{data}");
    // A file of some hundred kilobytes, as it is sent.
    let zeros = fs::File::create(dev.folder().join("zeros")).unwrap();
    zeros.set_len(150 << 20).unwrap();
    dev.commit("zeros");
    let before = everything(&server);
    dev.push().rejected().says("Out of memory");
    wait_until("nothing left of the push", PATIENCE, || {
        (everything(&server) == before).then_some(())
    });
    assert_eq!(api.version(), "v1");
}

/// What a repository takes of the disk, whatever becomes of each push.
#[test]
fn a_repository_is_not_filled_without_end() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    limit(&server, "max_size = \"1m\"\nmax_repository = \"3m\"");
    // git knows its limit from the next push on.
    dev.commit("v1");
    dev.push_to("production", &["main:first"]).ok();
    let write = |name: &str, bytes: usize| {
        let noise = fs::read("/proc/sys/kernel/random/uuid").unwrap();
        let mut state = noise.iter().fold(1u64, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
        });
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .take(bytes)
        .collect();
        dev.write(name, noise);
        dev.commit(name);
    };
    write("too-large", 1_200_000);
    refused(
        &api,
        &server,
        &dev,
        "main",
        &["pack exceeds maximum allowed size (1024.00 KiB)"],
    );
    dev.git(["reset", "--quiet", "--hard", "HEAD~"]).ok();
    let mut refusal = None;
    for number in 0..6 {
        write(&format!("f{number}"), 900_000);
        let push = dev.push_to("production", &["main:stored"]);
        if !push.accepted {
            refusal = Some(push);
            break;
        }
    }
    let refusal = refusal.unwrap();
    refusal.clone().says("may take 3.0 MB (max_repository");
    let held = |folder: &Path| {
        everything(&server)
            .iter()
            .filter(|(path, _)| path.starts_with(folder))
            .map(|(_, size)| size)
            .sum::<u64>()
    };
    wait_until("nothing left of the push", PATIENCE, || {
        (held(&api.repository()) < 3 << 20).then_some(())
    });
    // What is deleted makes room again, and a larger limit does at once.
    limit(&server, "");
    dev.push_to("production", &["main:stored"]).ok();
}
