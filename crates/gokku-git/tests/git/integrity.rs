//! What a power cut leaves of a repository, and that a push mends it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gokku_core::app::branch_name::BranchName;
use gokku_git::{History, Repository};

use super::{git, pair, push};

const LIMIT: Duration = Duration::from_secs(60);

/// A repository whose pushes become loose objects, as most do that an earlier gokku made.
fn loose() -> (tempfile::TempDir, Repository, PathBuf) {
    let (folder, repository, work) = pair();
    git(repository.path(), &["config", "receive.unpackLimit", "100"]);
    (folder, repository, work)
}

/// A loose object, by what `git rev-parse` calls it.
fn object(repository: &Repository, name: &str) -> PathBuf {
    let id = git(repository.path(), &["rev-parse", name]);
    repository.path().join("objects").join(&id[..2]).join(&id[2..])
}

/// The only file of a pack's with this ending.
fn pack(repository: &Repository, ending: &str) -> PathBuf {
    let mut all = fs::read_dir(repository.path().join("objects/pack")).unwrap();
    all.find_map(|entry| {
        let path = entry.unwrap().path();
        path.extension()
            .is_some_and(|found| found == ending)
            .then_some(path)
    })
    .unwrap()
}

fn overwrite(path: &Path, bytes: &[u8]) {
    // git makes objects read-only.
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

type Damage = fn(&Repository);

/// What is lost, and whether the branch goes with it.
const DAMAGES: [(&str, Damage, bool); 14] = [
    ("nothing", |_| {}, false),
    (
        "an empty commit",
        |all| overwrite(&object(all, "main"), b""),
        true,
    ),
    (
        "an empty older commit",
        |all| overwrite(&object(all, "main~1"), b""),
        true,
    ),
    (
        "an empty tree",
        |all| overwrite(&object(all, "main^{tree}"), b""),
        true,
    ),
    (
        "an empty file",
        |all| overwrite(&object(all, "main:new"), b""),
        true,
    ),
    (
        "zeros for a file",
        |all| overwrite(&object(all, "main:new"), &[0; 40]),
        true,
    ),
    (
        "one byte of a file",
        |all| overwrite(&object(all, "main:new"), b"x"),
        true,
    ),
    (
        "no commit",
        |all| fs::remove_file(object(all, "main")).unwrap(),
        true,
    ),
    (
        "no file",
        |all| fs::remove_file(object(all, "main:new")).unwrap(),
        true,
    ),
    (
        "an empty branch",
        |all| overwrite(&all.path().join("refs/heads/main"), b""),
        true,
    ),
    (
        "zeros for a branch",
        |all| overwrite(&all.path().join("refs/heads/main"), &[0; 41]),
        true,
    ),
    (
        "an empty HEAD",
        |all| overwrite(&all.path().join("HEAD"), b""),
        false,
    ),
    (
        "an empty configuration",
        |all| overwrite(&all.path().join("config"), b""),
        false,
    ),
    (
        "an empty pack",
        |all| {
            git(all.path(), &["repack", "-qad"]);
            overwrite(&pack(all, "pack"), b"");
            overwrite(&pack(all, "idx"), b"");
        },
        true,
    ),
];

#[test]
fn what_was_lost_is_found_and_the_next_push_sends_it_again() {
    for (what, damage, loses_branch) in DAMAGES {
        let (_folder, repository, work) = loose();
        push(&work, &repository);
        fs::write(work.join("new"), what).unwrap();
        git(&work, &["add", "-A"]);
        git(&work, &["commit", "-qm", what]);
        let commit = push(&work, &repository);
        assert!(repository.torn().is_empty(), "{what}: {:?}", repository.torn());
        assert_eq!(repository.history(true, LIMIT).unwrap(), History::Whole, "{what}");
        assert!(
            repository.repair(None, true, LIMIT).unwrap().is_nothing(),
            "{what}"
        );

        damage(&repository);
        let repaired = repository.repair(Some(&BranchName::main()), true, LIMIT).unwrap();
        assert_eq!(repaired.is_nothing(), what == "nothing", "{what}: {repaired}");
        let named = repository.head_of(&BranchName::main()).unwrap();
        assert_eq!(named.is_none(), loses_branch, "{what}: {named:?}");
        if !repaired.refs.is_empty() {
            let noted = fs::read_to_string(repository.path().join("broken-refs")).unwrap();
            assert_eq!(noted, format!("{commit} refs/heads/main\n"), "{what}");
        }
        // Nothing is left to mend, and the same commit gets through.
        assert!(
            repository.repair(None, true, LIMIT).unwrap().is_nothing(),
            "{what}"
        );
        assert_eq!(push(&work, &repository), commit, "{what}");
        assert_eq!(repository.history(true, LIMIT).unwrap(), History::Whole, "{what}");
        git(repository.path(), &["fsck", "--strict"]);
        assert_eq!(
            git(repository.path(), &["symbolic-ref", "HEAD"]),
            "refs/heads/main",
            "{what}"
        );
    }
}

/// A branch of which all is there stays, whatever others have lost; so does everything where another repository's objects are
/// borrowed, which may only be away.
#[test]
fn what_is_whole_stays() {
    let (folder, repository, work) = loose();
    let commit = push(&work, &repository);
    let url = repository.path().to_str().unwrap();
    git(&work, &["push", "-q", url, "main:kept"]);
    fs::write(work.join("new"), "new").unwrap();
    git(&work, &["add", "-A"]);
    git(&work, &["commit", "-qm", "second"]);
    push(&work, &repository);
    let lost = object(&repository, "main:new");
    fs::remove_file(&lost).unwrap();
    let History::Broken(refs) = repository.history(true, LIMIT).unwrap() else {
        panic!("main is broken");
    };
    assert_eq!(refs.len(), 1);
    // What is not seen without looking at everything is not looked for.
    assert!(repository.repair(None, false, LIMIT).unwrap().is_nothing());
    assert_eq!(
        repository.history(true, Duration::ZERO).unwrap(),
        History::Unknown
    );
    let alternates = repository.path().join("objects/info/alternates");
    fs::create_dir_all(alternates.parent().unwrap()).unwrap();
    fs::write(&alternates, format!("{}\n", folder.path().join("away").display())).unwrap();
    assert!(repository.repair(None, true, LIMIT).unwrap().is_nothing());
    fs::remove_file(&alternates).unwrap();
    let repaired = repository.repair(None, true, LIMIT).unwrap();
    assert_eq!(repaired.refs, ["refs/heads/main"]);
    assert_eq!(repository.resolve("kept").unwrap(), Some(commit));
}

#[test]
fn the_code_of_a_commit_is_compared_with_its_folder() {
    let (folder, repository, work) = loose();
    fs::create_dir(work.join("sub")).unwrap();
    for (name, text) in [("sub/a \u{e9}\n", "text"), ("sub/empty", ""), ("b", "text")] {
        fs::write(work.join(name), text).unwrap();
    }
    git(&work, &["add", "-A"]);
    git(&work, &["commit", "-qm", "more"]);
    let commit = push(&work, &repository);
    let tree = folder.path().join("tree");
    repository.export(&commit, &tree).unwrap();
    let lost = || repository.lost(&commit, &tree).unwrap();
    assert!(lost().is_empty(), "{:?}", lost());
    fs::write(tree.join("sub/a \u{e9}\n"), "").unwrap();
    fs::remove_file(tree.join("link")).unwrap();
    assert_eq!(lost(), ["link", "sub/a \u{e9}\n"]);
    fs::remove_dir_all(&tree).unwrap();
    assert_eq!(lost().len(), 5);
}
