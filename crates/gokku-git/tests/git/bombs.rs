//! Commits that stand for more than they seem: measured before they are taken out. And what is left of pushes that came
//! to nothing, and of who wrote it.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use gokku_core::CommitId;
use gokku_core::push::intake::PushLimits;
use gokku_core::text::read_limits::GOKKU_YML;
use gokku_core::text::size::Size;
use gokku_git::{Error, Repository};

use super::{git, pair, push};

/// Small ones, so that what exceeds them is made in no time.
fn limits() -> PushLimits {
    PushLimits {
        max_files: 10_000,
        max_tree: Size(1 << 20),
        max_path: 300,
        ..PushLimits::default()
    }
}

fn empty() -> (tempfile::TempDir, Repository) {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::at(folder.path().join("api.git"));
    repository.create().unwrap();
    (folder, repository)
}

/// A git command with this on its standard input; its answer.
fn fed(repository: &Repository, args: &[&str], input: &[u8]) -> String {
    let mut child = Command::new("git")
        .arg("--git-dir")
        .arg(repository.path())
        .args(args)
        .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {args:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn blob(repository: &Repository, content: &[u8]) -> String {
    fed(repository, &["hash-object", "-w", "--stdin"], content)
}

fn tree(repository: &Repository, entries: &str) -> String {
    fed(repository, &["mktree"], entries.as_bytes())
}

/// The same entry under so many names.
fn many(repository: &Repository, what: &str, count: usize) -> String {
    let mut entries = String::new();
    for number in 0..count {
        writeln!(entries, "{what}\tn{number}").unwrap();
    }
    tree(repository, &entries)
}

fn nested(repository: &Repository, mut leaf: String, levels: usize) -> String {
    for _ in 0..levels {
        leaf = many(repository, &format!("040000 tree {leaf}"), 10);
    }
    leaf
}

/// git measures a tree as it does the commit of one.
fn measured(repository: &Repository, tree: &str, limits: &PushLimits) -> Result<(u64, u64), String> {
    let tree: CommitId = tree.parse().unwrap();
    let measured = repository.measure(&tree, limits).unwrap();
    measured
        .map(|tree| (tree.entries, tree.bytes))
        .map_err(|why| why.to_string())
}

#[test]
fn what_stands_for_more_than_it_seems_is_found_before_it_is_taken_out() {
    let (_folder, repository) = empty();
    let small = format!("100644 blob {}", blob(&repository, b"hi\n"));
    let large = format!("100644 blob {}", blob(&repository, &vec![0; (1 << 20) + 1]));
    let hundred = format!("100644 blob {}", blob(&repository, &[b'x'; 200]));
    let nothing = tree(&repository, "");
    let long = |length: usize| format!("{small}\t{}\n", "l".repeat(length));
    let files = many(&repository, &small, 10);
    // `a/a/a/…/file`, in one object for each level; git itself goes no deeper than some thousands.
    let mut deep = format!(
        "commit refs/heads/deep\ncommitter d <d@d> 0 +0000\ndata 0\nM 100644 inline {}file\ndata 0\n",
        "a/".repeat(1000)
    );
    deep.push('\n');
    fed(&repository, &["fast-import", "--quiet"], deep.as_bytes());
    let deep = fed(&repository, &["rev-parse", "deep^{tree}"], b"");
    let beginning = Instant::now();
    for (what, bomb, says) in [
        (
            "ten thousand million files",
            nested(&repository, files.clone(), 9),
            "max_files",
        ),
        (
            "as many folders, and nothing in them",
            nested(&repository, nothing, 10),
            "max_files",
        ),
        (
            "one more than may be",
            many(&repository, &small, 10_001),
            "max_files",
        ),
        (
            "a large file, of few bytes when packed",
            many(&repository, &large, 1),
            "1.0 MB were found in the first 1",
        ),
        (
            "one small file too many times",
            nested(&repository, many(&repository, &hundred, 110), 2),
            "max_tree",
        ),
        ("a long name", tree(&repository, &long(301)), "max_path"),
        (
            "a thousand folders in one another",
            deep,
            "it begins with \"a/a/a/",
        ),
    ] {
        let why = measured(&repository, &bomb, &limits()).expect_err(what);
        assert!(why.contains(says), "{what}: {why}");
    }
    assert!(beginning.elapsed() < Duration::from_secs(60));
    // What is within the limits is counted whole.
    assert_eq!(
        measured(&repository, &many(&repository, &small, 10_000), &limits()),
        Ok((10_000, 30_000))
    );
    assert_eq!(
        measured(&repository, &tree(&repository, &long(255)), &limits()),
        Ok((1, 3))
    );
    assert_eq!(
        measured(&repository, &nested(&repository, files, 2), &limits()),
        Ok((1110, 3000))
    );
}

/// Whatever is in a commit, what gokku reads of it has an end.
#[test]
fn a_file_that_is_too_large_to_be_read_is_told() {
    let (_folder, repository, work) = pair();
    let fits = usize::try_from(GOKKU_YML.bytes).unwrap();
    fs::write(work.join("fits"), vec![b'\n'; fits]).unwrap();
    fs::write(work.join("gokku.yml"), vec![b'\n'; fits + 1]).unwrap();
    // git follows no link with `./` in it: gokku does.
    std::os::unix::fs::symlink("./gokku.yml", work.join("behind")).unwrap();
    git(&work, &["add", "-A"]);
    git(&work, &["commit", "-qm", "large"]);
    let commit = push(&work, &repository);
    assert_eq!(
        repository
            .file(&commit, "fits", GOKKU_YML)
            .unwrap()
            .unwrap()
            .len(),
        fits
    );
    for name in ["gokku.yml", "behind"] {
        let error = repository.file(&commit, name, GOKKU_YML).unwrap_err();
        assert!(matches!(error, Error::TooMuch { .. }), "{error}");
    }
}

/// Every file and folder of a repository, with its mode.
fn modes(folder: &Path, all: &mut Vec<(String, u32)>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        let about = entry.metadata()?;
        all.push((
            entry.path().display().to_string(),
            about.permissions().mode() & 0o7777,
        ));
        if about.is_dir() {
            modes(&entry.path(), all)?;
        }
    }
    Ok(())
}

/// Whoever pushes on the server itself starts git with a umask of theirs.
#[test]
fn nobody_else_can_write_what_a_push_has_made_whatever_the_umask_of_who_pushes() {
    for umask in ["000", "077"] {
        let (_folder, repository, work) = pair();
        let push = format!(
            "umask {umask}; for n in 1 2 3; do git commit -q --allow-empty -m $n; git push -q \"$0\" main main:$n; done; git -C \"$0\" gc -q; git -C \"$0\" pack-refs --all"
        );
        let pushed = Command::new("sh")
            .args(["-c", &push])
            .arg(repository.path())
            .current_dir(&work)
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
            .envs(
                [
                    "GIT_AUTHOR_NAME",
                    "GIT_AUTHOR_EMAIL",
                    "GIT_COMMITTER_NAME",
                    "GIT_COMMITTER_EMAIL",
                ]
                .map(|name| (name, "dev")),
            )
            .status()
            .unwrap();
        assert!(pushed.success());
        let mut all = Vec::new();
        modes(repository.path(), &mut all).unwrap();
        assert!(
            all.iter().any(|(path, _)| path.contains("/pack/pack-")),
            "{all:?}"
        );
        for (path, mode) in all {
            assert_eq!(mode & 0o022, 0, "umask {umask}: {path} is {mode:o}");
            let needed = if Path::new(&path).is_dir() { 0o700 } else { 0o400 };
            assert_eq!(mode & needed, needed, "umask {umask}: {path} is {mode:o}");
        }
    }
}

/// The bytes of a repository's objects.
fn held(repository: &Repository) -> u64 {
    let mut all = Vec::new();
    // git may be removing what it has put together: then it is looked at anew.
    while let Err(error) = modes(&repository.path().join("objects"), &mut all) {
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
        all.clear();
    }
    all.iter()
        .map(|(path, _)| fs::metadata(path).map_or(0, |about| about.len()))
        .sum()
}

fn noise(bytes: u64) -> Vec<u8> {
    let mut noise = Vec::new();
    let random = fs::File::open("/dev/urandom").unwrap();
    std::io::Read::read_to_end(&mut std::io::Read::take(random, bytes), &mut noise).unwrap();
    noise
}

/// A push is kept as it was packed: unpacked, each "that one, and a byte more" would be the whole file again.
#[test]
fn a_push_takes_what_it_sent_and_what_was_forced_away_goes() {
    let (_folder, repository, work) = pair();
    push(&work, &repository);
    let file = noise(400_000);
    for number in 0..20 {
        fs::write(
            work.join(format!("f{number}")),
            [&file, number.to_string().as_bytes()].concat(),
        )
        .unwrap();
    }
    git(&work, &["add", "-A"]);
    git(&work, &["commit", "-qm", "twenty times the same"]);
    push(&work, &repository);
    assert!(held(&repository) < 600_000, "{}", held(&repository));
    // The server's rule: what has no branch goes when it is older than any deploy.
    git(&work, &["reset", "-q", "--hard", "HEAD~"]);
    fs::write(work.join("other"), "other").unwrap();
    git(&work, &["add", "-A"]);
    git(&work, &["commit", "-qm", "other"]);
    git(
        &work,
        &[
            "push",
            "-q",
            "--force",
            repository.path().to_str().unwrap(),
            "main",
        ],
    );
    let old = SystemTime::now() - Duration::from_secs(4 * 24 * 3600);
    let packs = repository.path().join("objects/pack");
    for entry in fs::read_dir(&packs).unwrap().flatten() {
        let mode = entry.metadata().unwrap().permissions();
        fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o600)).unwrap();
        fs::File::options()
            .write(true)
            .open(entry.path())
            .unwrap()
            .set_modified(old)
            .unwrap();
        fs::set_permissions(entry.path(), mode).unwrap();
    }
    repository.collect_garbage().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while held(&repository) > 100_000 {
        assert!(
            Instant::now() < until,
            "{} bytes are still there",
            held(&repository)
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    // What has a branch is there.
    git(repository.path(), &["fsck", "--full", "--strict"]);
    // How large a push may be is git's to keep.
    repository.pin(Size(100_000)).unwrap();
    fs::write(work.join("noise"), noise(200_000)).unwrap();
    git(&work, &["add", "-A"]);
    git(&work, &["commit", "-qm", "too large"]);
    let before = held(&repository);
    let refused = Command::new("git")
        .args(["push", "-q"])
        .arg(repository.path())
        .arg("main")
        .current_dir(&work)
        .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("exceeds maximum allowed size"),
        "{said}"
    );
    assert_eq!(held(&repository), before);
    assert_eq!(repository.check_size(&PushLimits::default()).unwrap(), Ok(()));
    let full = PushLimits {
        max_repository: Size(1000),
        ..PushLimits::default()
    };
    let why = repository.check_size(&full).unwrap().unwrap_err().to_string();
    assert!(why.contains("may take 1000 bytes (max_repository"), "{why}");
}
