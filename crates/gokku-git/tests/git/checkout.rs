//! What is built is the commit's files: as a checkout in a fresh clone has them, byte for byte.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use gokku_core::CommitId;
use gokku_core::text::read_limits::CODE;
use gokku_git::obstacle::filters_in;
use gokku_git::{Obstacle, Repository};

use super::nobody::{again, listing, shows};
use super::{git, pair, push};

/// What `.gitattributes` say, in a folder and in `sub` below it.
const ATTRIBUTES: [(&str, &str); 17] = [
    ("", ""),
    ("* text=auto", ""),
    ("* text=auto eol=crlf", "*.txt eol=lf"),
    ("*.txt text eol=crlf", "*.txt -text"),
    ("*.txt eol=lf", "* text eol=crlf"),
    ("* -text", "mixed.txt text"),
    ("* ident", "*.txt -ident"),
    ("*.txt ident text eol=crlf", ""),
    (
        "*.utf16 text working-tree-encoding=UTF-16",
        "*.utf16 working-tree-encoding=UTF-16LE eol=crlf",
    ),
    (
        "*.latin text working-tree-encoding=ISO-8859-1",
        "*.latin working-tree-encoding=none-such",
    ),
    ("* export-ignore", "* export-ignore"),
    ("* export-subst", "* export-subst"),
    ("Procfile export-ignore\n.gitattributes export-ignore", ""),
    ("* filter=lfs\n*.txt filter=none-such", "* filter=crypt"),
    ("*.txt windows", "*.txt !text !eol"),
    (
        "sub/** binary\n*.txt diff merge=union -delta",
        "\"mixed.txt\" eol=crlf",
    ),
    ("  # nothing\n*.txt\ttext  eol=crlf\r\n", "*.txt crlf=input"),
];

/// What stands at the top: only there attributes are given names.
const NAMED: &str = "[attr]windows text eol=crlf\n[attr]secret filter=x\n";

fn with_files(work: &Path) {
    for folder in ["", "sub", "sub/deep"] {
        let folder = work.join(folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in [
            ("lf.txt", &b"one\ntwo\n"[..]),
            ("crlf.txt", b"one\r\ntwo\r\n"),
            ("mixed.txt", b"one\r\ntwo\nthree\r"),
            ("id.txt", b"$Id$ $Id: old $ $Format:%H$\n"),
            ("empty.txt", b""),
            ("zero.bin", b"\0\r\n\n\0"),
            ("a.utf16", "na\u{ef}ve\n".as_bytes()),
            ("a.latin", "na\u{ef}ve\n".as_bytes()),
            ("Procfile", b"web: ./run\n"),
            ("odd \"name\"\n", b"x\n"),
        ] {
            fs::write(folder.join(name), bytes).unwrap();
        }
        fs::write(folder.join("run"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(folder.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("lf.txt", folder.join("to")).unwrap();
        symlink("/etc/passwd", folder.join("out")).unwrap();
    }
}

/// Commits what is in the working copy as it is, whatever attributes say, and pushes it.
fn committed(work: &Path, repository: &Repository) -> CommitId {
    // What attributes would change on the way in is stored first, so that each line end is what a file has.
    let ignored = work.join(".git/info/attributes");
    fs::create_dir_all(ignored.parent().unwrap()).unwrap();
    fs::write(&ignored, "* -text -ident -filter -working-tree-encoding\n").unwrap();
    git(work, &["rm", "-rq", "--cached", "--ignore-unmatch", "."]);
    git(work, &["add", "-A"]);
    git(work, &["commit", "-q", "--allow-empty", "-m", "more"]);
    push(work, repository)
}

#[test]
fn what_is_built_is_what_a_fresh_clone_has() {
    let (folder, repository, work) = pair();
    fs::write(work.join(".gitattributes"), NAMED).unwrap();
    for (number, (top, sub)) in ATTRIBUTES.iter().enumerate() {
        let here = work.join(number.to_string());
        with_files(&here);
        fs::write(here.join(".gitattributes"), format!("{top}\n")).unwrap();
        fs::write(here.join("sub/.gitattributes"), format!("{sub}\n")).unwrap();
    }
    let commit = committed(&work, &repository);
    // The server's own attributes are nobody's.
    fs::create_dir_all(repository.path().join("info")).unwrap();
    fs::write(
        repository.path().join("info/attributes"),
        "* text eol=crlf export-ignore\n",
    )
    .unwrap();
    let (exported, clone) = (folder.path().join("exported"), folder.path().join("clone"));
    repository.export(&commit, &exported).unwrap();
    git(folder.path(), &["clone", "-q", "api.git", "clone"]);
    fs::remove_dir_all(clone.join(".git")).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for (number, (top, sub)) in ATTRIBUTES.iter().enumerate() {
        let here = number.to_string();
        let (exported, cloned) = (listing(&exported.join(&here)), listing(&clone.join(&here)));
        assert_eq!(exported, cloned, "{top:?}, {sub:?}");
        assert!(exported.len() > 35, "{exported:?}");
        let texts = exported
            .into_iter()
            .filter(|(path, _)| !path.contains(".gitattributes"));
        seen.insert(texts.collect::<Vec<_>>());
    }
    assert!(seen.len() > 8, "the attributes make a difference: {}", seen.len());
    assert_eq!(listing(&exported), listing(&clone));
}

/// Folders and programs are the same to an image, whatever the umask of whoever deploys.
#[test]
fn what_is_built_does_not_depend_on_the_umask() {
    if let Some(folder) = shows() {
        let repository = Repository::at(folder.join("api.git"));
        let head = repository
            .head_of(&gokku_core::app::branch_name::BranchName::main())
            .unwrap();
        repository.export(&head.unwrap(), &folder.join("tree")).unwrap();
        return;
    }
    let (folder, repository, work) = pair();
    with_files(&work);
    let commit = committed(&work, &repository);
    let usual = folder.path().join("usual");
    repository.export(&commit, &usual).unwrap();
    let own = again(
        "checkout::what_is_built_does_not_depend_on_the_umask",
        folder.path(),
    );
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "umask 077; exec \"$0\" \"$@\""])
        .arg(own.get_program());
    shell.args(own.get_args());
    shell.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = shell.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert_eq!(listing(&folder.path().join("tree")), listing(&usual));
    let mode = fs::metadata(folder.path().join("tree"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o755);
}

/// Trees that git would not make itself: refused, or put into the folder and nowhere else.
#[test]
fn a_tree_that_is_made_to_do_harm_does_none() {
    let (folder, repository, work) = pair();
    push(&work, &repository);
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let bare = repository.path();
    let stdin = |args: &[&str], text: &str| {
        let mut command = Command::new("sh");
        command
            .args(["-c", "printf %s \"$0\" | git \"$@\"", text])
            .args(args);
        let output = command.current_dir(bare).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let file = stdin(&["hash-object", "-w", "--stdin"], "harm\n");
    let link = stdin(&["hash-object", "-w", "--stdin"], outside.to_str().unwrap());
    let tree = |lines: &str| stdin(&["mktree", "--missing"], lines);
    let below = tree(&format!("100644 blob {file}\tx\n"));
    let commit =
        |tree: &str| -> CommitId { git(bare, &["commit-tree", "-m", "harm", tree]).parse().unwrap() };
    let head = git(&work, &["rev-parse", "HEAD"]);
    for (number, (lines, comes_to)) in [
        (
            format!("040000 tree {below}\t.git\n"),
            Err("invalid path '.git/x'"),
        ),
        (
            format!("040000 tree {below}\t.GIT\n"),
            Err("invalid path '.GIT/x'"),
        ),
        (format!("040000 tree {below}\t..\n"), Err("invalid path '../x'")),
        (format!("100644 blob {file}\t.\n"), Err("invalid path '.'")),
        (
            format!("120000 blob {link}\ta\n040000 tree {below}\ta\n"),
            Ok(&["\"a/x\""][..]),
        ),
        (
            format!("040000 tree {below}\ta\n120000 blob {link}\ta\n"),
            Ok(&[]),
        ),
        (
            format!("100644 blob {file}\tA\n100644 blob {file}\ta\n"),
            Ok(&["\"A\"", "\"a\""]),
        ),
        (format!("160000 commit {head}\tsub\n"), Ok(&["\"sub\""])),
        (
            format!("100644 blob {file}\tback\\slash\n"),
            Ok(&["\"back\\\\slash\""]),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let into = folder.path().join(number.to_string());
        let exported = repository.export(&commit(&tree(&lines)), &into);
        match (exported, comes_to) {
            (Ok(()), Ok(paths)) => {
                let there = listing(&into);
                for path in paths {
                    assert!(there.contains_key(*path), "{lines}: {there:?}");
                }
            }
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (exported, _) => panic!("{lines}: {exported:?}"),
        }
        assert!(listing(&outside).is_empty(), "{lines}");
    }
}

/// What stands for something that the push did not bring, in every shape; and what only looks a little like it.
#[test]
fn files_that_stand_for_something_else_are_told() {
    let (folder, repository, work) = pair();
    let id = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
    let pointer = |version: &str| format!("version {version}\noid sha256:{id}\nsize 12345\n");
    let now = pointer("https://git-lfs.github.com/spec/v1");
    let long = format!("{now}{}", "more\n".repeat(300));
    let first = pointer("https://hawser.github.com/spec/v1");
    let about = format!("# LFS\n\n{now}");
    let crypt = "*.key filter=git-crypt diff=git-crypt";
    let table = [
        ("*.bin filter=lfs", "a.bin", now.as_bytes(), Some(Kind::Lfs)),
        ("*.other filter=lfs", "a.bin", now.as_bytes(), Some(Kind::Lfs)),
        ("", "a.bin", now.as_bytes(), Some(Kind::Lfs)),
        ("", "sub/naïve.bin", now.as_bytes(), Some(Kind::Lfs)),
        ("", "a.bin", first.as_bytes(), Some(Kind::Lfs)),
        // A text about pointers is none.
        ("", "a.md", about.as_bytes(), None),
        ("", "a.md", long.as_bytes(), None),
        (crypt, "a.key", b"\0GITCRYPT\0\x01\x02\x03", Some(Kind::Encrypted)),
        (crypt, "a.key", b"it is open\n", None),
        (crypt, "b.key2", b"\0GITCRYPT\0\x01\x02\x03", None),
        (
            "secrets/** filter=crypt",
            "secrets/a",
            b"U2FsdGVkX1+abc=\n",
            Some(Kind::Encrypted),
        ),
        ("* filter=mine", "a", b"Salted__\x01\x02", Some(Kind::Encrypted)),
        (
            "a secret",
            "a",
            b"age-encryption.org/v1\n-> X25519\n",
            Some(Kind::Encrypted),
        ),
        (
            "a filter=vault",
            "a",
            b"$ANSIBLE_VAULT;1.1;AES256\n6162\n",
            Some(Kind::Encrypted),
        ),
        (
            "a filter=pgp\na -filter",
            "a",
            b"-----BEGIN PGP MESSAGE-----\n",
            None,
        ),
        // What is committed encrypted, without a filter, is as it is meant.
        ("", "a.asc", b"-----BEGIN PGP MESSAGE-----\n", None),
        ("*.ipynb filter=nbstripout", "a.ipynb", b"{}\n", None),
    ];
    fs::write(work.join(".gitattributes"), NAMED).unwrap();
    let (mut pointers, mut secrets) = (Vec::new(), Vec::new());
    for (number, (attributes, path, content, told)) in table.into_iter().enumerate() {
        let here = format!("{number:02}");
        let file = work.join(&here).join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        fs::write(work.join(&here).join(".gitattributes"), format!("{attributes}\n")).unwrap();
        match told {
            Some(Kind::Lfs) => pointers.push(format!("{here}/{path}")),
            Some(Kind::Encrypted) => secrets.push(format!("{here}/{path}")),
            None => {}
        }
    }
    let commit = committed(&work, &repository);
    assert_eq!(
        repository.obstacles(&commit).unwrap(),
        [Obstacle::Lfs(pointers), Obstacle::Encrypted(secrets)]
    );
    let tree = folder.path().join("tree");
    repository.export(&commit, &tree).unwrap();
    let filters = filters_in(&tree).unwrap();
    assert_eq!(filters["nbstripout"], ["16/a.ipynb"]);
    assert_eq!(filters["vault"], ["13/a"]);

    // A pointer is a pointer, also where no attributes are left.
    git(&work, &["rm", "-rfq", "."]);
    fs::write(work.join("a.bin"), &now).unwrap();
    let commit = committed(&work, &repository);
    let lfs = Obstacle::Lfs(vec!["a.bin".to_owned()]);
    assert_eq!(repository.obstacles(&commit).unwrap(), [lfs]);
}

/// What a file of the table is told as.
enum Kind {
    Lfs,
    Encrypted,
}

/// A link is followed within the commit; one that leads out of it, or to nothing, is an error and no text.
#[test]
fn a_link_is_what_it_leads_to() {
    let (_folder, repository, work) = pair();
    fs::create_dir_all(work.join("conf/sub")).unwrap();
    fs::write(work.join("conf/real"), "real\n").unwrap();
    fs::write(work.join("a b\t"), "odd\n").unwrap();
    for (name, target) in [
        ("within", "conf/real"),
        ("around", "./conf/../conf/./real"),
        ("dots", "./conf"),
        ("dotted", "./round"),
        ("dotted-out", "./../x"),
        ("twice", "within"),
        ("folder", "conf"),
        ("conf/sub/up", "../../within"),
        ("odd", "a b\t"),
        ("absolute", "/etc/passwd"),
        ("above", "../x"),
        ("behind", "absolute/x"),
        ("dangling", "nowhere"),
        ("round", "round"),
        ("through", "conf/real/x"),
    ] {
        symlink(target, work.join(name)).unwrap();
    }
    let commit = committed(&work, &repository);
    let told = |path: &str| match repository.file(&commit, path, CODE) {
        Ok(Some(text)) => String::from_utf8(text).unwrap().trim_end().to_owned(),
        Ok(None) => "none".to_owned(),
        Err(error) => error.to_string(),
    };
    let out = "is a link that leads out of the repository, or lies behind one: commit the file itself";
    let nowhere =
        "is a link to a file that is not in the repository: commit that file, too, or the file itself";
    for (path, content) in [
        ("conf/real", "real".to_owned()),
        ("within", "real".to_owned()),
        ("around", "real".to_owned()),
        ("twice", "real".to_owned()),
        ("dots/real", "real".to_owned()),
        ("dots/none", "none".to_owned()),
        ("dotted", format!("dotted {nowhere}")),
        ("dotted-out", format!("dotted-out {out}")),
        ("folder/real", "real".to_owned()),
        ("conf/sub/up", "real".to_owned()),
        ("odd", "odd".to_owned()),
        ("a b\t", "odd".to_owned()),
        ("folder", "none".to_owned()),
        ("conf", "none".to_owned()),
        ("none", "none".to_owned()),
        ("folder/none", "none".to_owned()),
        ("conf/real/none", "none".to_owned()),
        ("x blob 1", "none".to_owned()),
        ("new\nline", "none".to_owned()),
        ("absolute", format!("absolute {out}")),
        ("above", format!("above {out}")),
        ("behind", format!("behind {out}")),
        ("dangling", format!("dangling {nowhere}")),
        ("round", format!("round {nowhere}")),
        ("through", format!("through {nowhere}")),
    ] {
        assert_eq!(told(path), content, "{path:?}");
    }
    // A file is read up to its limit, however it is reached.
    let ten = CODE.or(10);
    fs::write(work.join("conf/real"), "0123456789").unwrap();
    let commit = committed(&work, &repository);
    for path in ["conf/real", "within", "around"] {
        let read = repository.file(&commit, path, ten).unwrap();
        assert_eq!(read.as_deref(), Some(b"0123456789".as_slice()));
    }
    fs::write(work.join("conf/real"), "0123456789x").unwrap();
    let commit = committed(&work, &repository);
    for path in ["conf/real", "within", "around"] {
        let error = repository.file(&commit, path, ten).unwrap_err().to_string();
        assert!(
            error.contains(": there are more than 10 bytes"),
            "{path}: {error}"
        );
    }
}
