//! The adapter against git itself.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

use gokku_core::CommitId;
use gokku_core::app::branch_name::BranchName;
use gokku_core::push::rules::RefUpdate;
use gokku_core::text::read_limits::CODE;
use gokku_git::{Hook, Obstacle, Repository};

#[path = "git/bombs.rs"]
mod bombs;
#[path = "git/checkout.rs"]
mod checkout;
#[path = "git/integrity.rs"]
mod integrity;
#[path = "git/nobody.rs"]
mod nobody;

fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args([
            "-c",
            "user.name=dev",
            "-c",
            "user.email=dev@localhost",
            "-c",
            "protocol.file.allow=always",
        ])
        .args(args)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A bare repository and a clone of it with one commit on main.
fn pair() -> (tempfile::TempDir, Repository, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::at(folder.path().join("api.git"));
    repository.create().unwrap();
    let work = folder.path().join("work");
    std::fs::create_dir(&work).unwrap();
    git(&work, &["init", "-q", "-b", "main"]);
    std::fs::write(work.join("a.sh"), "#!/bin/sh\n").unwrap();
    std::os::unix::fs::symlink("a.sh", work.join("link")).unwrap();
    git(&work, &["add", "-A"]);
    git(&work, &["update-index", "--chmod=+x", "a.sh"]);
    git(&work, &["commit", "-qm", "first words"]);
    (folder, repository, work)
}

fn push(work: &Path, repository: &Repository) -> CommitId {
    git(work, &["push", "-q", repository.path().to_str().unwrap(), "main"]);
    repository.head_of(&BranchName::main()).unwrap().unwrap()
}

#[test]
fn p12_a_commit_is_exported_as_it_is() {
    let (folder, repository, work) = pair();
    assert_eq!(repository.head_of(&BranchName::main()).unwrap(), None);
    let commit = push(&work, &repository);
    assert_eq!(repository.subject(&commit).unwrap(), "first words");
    let tree = folder.path().join("tree");
    repository.export(&commit, &tree).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&tree.join("a.sh").metadata().unwrap().permissions());
    assert_eq!(mode & 0o111, 0o111);
    assert_eq!(std::fs::read_link(tree.join("link")).unwrap(), Path::new("a.sh"));
    assert_eq!(
        repository.file(&commit, "a.sh", CODE).unwrap().as_deref(),
        Some(b"#!/bin/sh\n".as_slice())
    );
    assert_eq!(repository.file(&commit, "none", CODE).unwrap(), None);
    let files = repository.files(&commit).unwrap();
    assert!(files.contains(&"a.sh".to_owned()), "{files:?}");
    assert!(!files.contains(&"link".to_owned()), "{files:?}");
    assert!(
        repository.export(&commit, &tree).is_err(),
        "a folder that is there is not written over"
    );
    let none: CommitId = "1".repeat(40).parse().unwrap();
    let error = repository
        .export(&none, &folder.path().join("none"))
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("git read-tree"), "{error}");
}

/// Two commits with the same files are the same to build.
#[test]
fn what_a_commits_files_are() {
    let (_folder, repository, work) = pair();
    let first = push(&work, &repository);
    let empty = || {
        git(&work, &["commit", "-q", "--allow-empty", "-m", "the same"]);
        push(&work, &repository)
    };
    let tree = |commit: &CommitId| repository.tree(commit).unwrap();
    let second = empty();
    assert_ne!(first, second);
    assert_eq!(tree(&first), tree(&second));
    assert_eq!(tree(&first).as_str(), git(&work, &["rev-parse", "HEAD^{tree}"]));
    std::fs::create_dir(work.join("sub")).unwrap();
    std::fs::write(work.join("sub/.gitattributes"), "version export-subst\n").unwrap();
    std::fs::write(work.join("sub/version"), "$Format:%H$\n").unwrap();
    git(&work, &["add", "-A"]);
    let (third, fourth) = (empty(), empty());
    // `export-subst` is for archives: nothing of the commit is written into a file.
    assert_eq!(tree(&third), tree(&fourth));
}

#[test]
fn names_cannot_be_options() {
    let (_folder, repository, work) = pair();
    push(&work, &repository);
    assert_eq!(repository.resolve("--help").unwrap(), None);
    assert_eq!(repository.resolve("nothing").unwrap(), None);
}

#[test]
fn submodules_and_lfs_are_seen_before_any_work() {
    let (folder, repository, work) = pair();
    let commit = push(&work, &repository);
    assert_eq!(repository.obstacles(&commit).unwrap(), []);
    git(
        &work,
        &[
            "submodule",
            "--quiet",
            "add",
            repository.path().to_str().unwrap(),
            "lib",
        ],
    );
    std::fs::write(work.join(".gitattributes"), "*.bin filter=lfs\n").unwrap();
    let id = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{id}\nsize 1\n");
    std::fs::write(work.join("x.txt"), pointer).unwrap();
    git(&work, &["add", "-A"]);
    git(&work, &["commit", "-qm", "second"]);
    let commit = push(&work, &repository);
    let found = repository.obstacles(&commit).unwrap();
    assert_eq!(
        found,
        [
            Obstacle::Submodules(vec!["lib".to_owned()]),
            Obstacle::Lfs(vec!["x.txt".to_owned()])
        ]
    );
    drop(folder);
}

#[test]
fn p14_the_hook_sees_the_pushed_objects_and_can_refuse() {
    let (folder, repository, work) = pair();
    // A stand-in for gokku that refuses whatever it can read.
    let program = folder.path().join("it's gokku");
    let seen = folder.path().join("seen");
    let text = format!(
        "#!/bin/sh\nread old new ref\necho \"$GOKKU_ROOT $* $ref\" > {}\ngit cat-file -p $new >> {}\necho refused >&2\nexit 1\n",
        seen.display(),
        seen.display()
    );
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let hook = Hook {
        program,
        root: folder.path().join("r o'o't"),
        app: "api".parse().unwrap(),
    };
    assert!(!repository.has_hooks(&hook).unwrap());
    assert!(repository.install_hooks(&hook).unwrap());
    assert!(!repository.install_hooks(&hook).unwrap());
    assert!(repository.has_hooks(&hook).unwrap());
    let pushed = Command::new("git")
        .current_dir(&work)
        .args(["push", repository.path().to_str().unwrap(), "main"])
        .output()
        .unwrap();
    assert!(!pushed.status.success());
    assert!(String::from_utf8_lossy(&pushed.stderr).contains("refused"));
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(
        seen.contains("r o'o't hook pre-receive --app api refs/heads/main"),
        "{seen}"
    );
    assert!(seen.contains("first words"), "{seen}");
    assert_eq!(
        repository.head_of(&BranchName::main()).unwrap(),
        None,
        "the ref did not move"
    );
}

/// A program that was moved is found in the path; one that is nowhere is said to be.
#[test]
fn the_hook_says_where_the_program_was() {
    let (folder, repository, work) = pair();
    let hook = Hook {
        program: folder.path().join("moved/gokku"),
        root: folder.path().to_owned(),
        app: "api".parse().unwrap(),
    };
    repository.install_hooks(&hook).unwrap();
    // A path with git in it and nothing else.
    let programs = folder.path().join("programs");
    std::fs::create_dir(&programs).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let git = std::env::split_paths(&path)
        .map(|folder| folder.join("git"))
        .find(|git| git.is_file());
    std::os::unix::fs::symlink(git.unwrap(), programs.join("git")).unwrap();
    let push = || {
        Command::new("git")
            .current_dir(&work)
            .env("PATH", &programs)
            .args(["push", repository.path().to_str().unwrap(), "main"])
            .output()
            .unwrap()
    };
    let nowhere = push();
    let told = String::from_utf8_lossy(&nowhere.stderr).into_owned();
    assert!(!nowhere.status.success());
    assert!(told.contains("moved/gokku any more"), "{told}");
    let program = programs.join("gokku");
    // To git as proc-receive it says that it has moved the branch.
    let text = "#!/bin/sh\n[ $2 = pre-receive ] || printf '000dversion=100000016ok refs/heads/main0000'\nwhile read -r line; do :; done\n";
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let found = push();
    assert!(
        found.status.success(),
        "{}",
        String::from_utf8_lossy(&found.stderr)
    );
}

#[test]
fn a_shallow_clone_can_push() {
    let (folder, repository, work) = pair();
    std::fs::write(work.join("b"), "b").unwrap();
    git(&work, &["add", "-A"]);
    git(&work, &["commit", "-qm", "second"]);
    let shallow = folder.path().join("shallow");
    git(
        folder.path(),
        &[
            "clone",
            "-q",
            "--depth=1",
            &format!("file://{}", work.display()),
            shallow.to_str().unwrap(),
        ],
    );
    let pushed = Command::new("git")
        .current_dir(&shallow)
        .args(["push", repository.path().to_str().unwrap(), "main"])
        .output()
        .unwrap();
    assert!(
        pushed.status.success(),
        "{}",
        String::from_utf8_lossy(&pushed.stderr)
    );
    let head = repository.head_of(&BranchName::main()).unwrap().unwrap();
    let into = folder.path().join("exported");
    repository.export(&head, &into).unwrap();
    assert_eq!(std::fs::read_to_string(into.join("b")).unwrap(), "b");
}

fn update(old: &str, new: &str, name: &str) -> RefUpdate {
    format!("{old} {new} {name}").parse().unwrap()
}

/// P53: refs are moved together or not at all, and nothing is locked that nobody moves.
#[test]
fn p53_refs_are_moved_together_or_not_at_all() {
    let (_folder, repository, work) = pair();
    let old = push(&work, &repository);
    git(&work, &["commit", "-qm", "second", "--allow-empty"]);
    git(
        &work,
        &[
            "push",
            "-q",
            repository.path().to_str().unwrap(),
            "main:refs/heads/new",
        ],
    );
    let new = git(&work, &["rev-parse", "main"]);
    let (old, zero) = (old.as_str(), "0".repeat(40));
    let wanted = [
        update(old, &new, "refs/heads/main"),
        update(&zero, old, "refs/tags/v1"),
        update(&new, &zero, "refs/heads/new"),
    ];
    let lock = repository.path().join("refs/heads/main.lock");
    let refs = || {
        git(
            repository.path(),
            &["for-each-ref", "--format=%(refname) %(objectname)"],
        )
    };
    let before = refs();

    // Prepared and let go of: as it was.
    let prepared = repository.prepare_refs(&wanted).unwrap();
    assert!(lock.exists());
    let other = repository.prepare_refs(&wanted).unwrap_err().to_string();
    assert!(
        other.contains("main.lock': File exists") && !other.contains("remove the file"),
        "{other}"
    );
    drop(prepared);
    assert!(!lock.exists());
    assert_eq!(refs(), before);

    // One that cannot be moved keeps all where they are.
    for (bad, why) in [
        (update(&new, old, "refs/heads/main"), "but expected"),
        (update(&zero, old, "refs/heads/main"), "reference already exists"),
        (update(&zero, old, "refs/heads/main/x"), "refs/heads/main"),
        (update(&zero, &"1".repeat(40), "refs/heads/x"), "1111111"),
        (update(old, &zero, "refs/tags/none"), "refs/tags/none"),
    ] {
        let mut with = wanted[1..].to_vec();
        with.push(bad);
        let error = repository.prepare_refs(&with).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert_eq!(refs(), before);
    }

    assert_eq!(repository.unmoved_refs(&wanted).unwrap(), wanted);
    repository.prepare_refs(&wanted).unwrap().commit().unwrap();
    assert_eq!(refs(), format!("refs/heads/main {new}\nrefs/tags/v1 {old}"));
    assert_eq!(repository.unmoved_refs(&wanted).unwrap(), []);
    assert!(!lock.exists());
}

/// A machine that stopped in the midst of it leaves locks: those go that are its own.
#[test]
fn p53_locks_that_a_transaction_has_left_are_removed() {
    let (_folder, repository, work) = pair();
    let old = push(&work, &repository);
    git(&work, &["commit", "-qm", "second", "--allow-empty"]);
    git(
        &work,
        &["push", "-q", repository.path().to_str().unwrap(), "main:new"],
    );
    let wanted = [update(
        old.as_str(),
        &git(&work, &["rev-parse", "main"]),
        "refs/heads/main",
    )];
    let lock = repository.path().join("refs/heads/main.lock");
    for (left, goes) in [(wanted[0].new.as_str(), true), (old.as_str(), false), ("", false)] {
        std::fs::write(&lock, format!("{left}\n")).unwrap();
        repository.remove_left_locks(&wanted).unwrap();
        assert_eq!(lock.exists(), !goes, "{left:?}");
    }
}

/// A git that hangs in a hook is told to end, and removes its locks.
#[test]
fn a_transaction_that_hangs_ends_with_whoever_wanted_it() {
    let (_folder, repository, work) = pair();
    let old = push(&work, &repository);
    let hook = repository.path().join("hooks/reference-transaction");
    let text = "#!/bin/sh\n[ $1 != aborted ] || exec sleep 600\n";
    std::fs::write(&hook, text).unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let zero = "0".repeat(40);
    let wanted = [update(&zero, old.as_str(), "refs/tags/v1")];
    drop(repository.prepare_refs(&wanted).unwrap());
    assert_eq!(repository.unmoved_refs(&wanted).unwrap(), wanted);
}
