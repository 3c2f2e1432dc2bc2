//! gokku's git is nobody's git: whatever a user's configuration, the machine's and the environment say, it does the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use gokku_core::CommitId;
use gokku_core::app::branch_name::BranchName;
use gokku_core::text::read_limits::CODE;
use gokku_core::text::size::Size;
use gokku_git::obstacle::filters_in;
use gokku_git::{Difference, Hook, Repository, git_version};

use super::{git, pair};

/// How large a push may be.
const MOST: Size = Size(2 << 30);

/// A configuration that changes whatever git can be told to change.
const HOSTILE: &str = r#"
[core]
    hooksPath = /nowhere
    autocrlf = true
    eol = crlf
    safecrlf = true
    attributesFile = HERE/attributes
    excludesFile = HERE/attributes
    quotePath = true
    pager = false
    editor = false
    symlinks = false
    fileMode = false
    ignoreCase = true
    sparseCheckout = true
    splitIndex = true
    fsmonitor = HERE/program
    sharedRepository = world
    logAllRefUpdates = always
    alternateRefsCommand = HERE/program
    useReplaceRefs = true
    compression = 0
    bigFileThreshold = 1
    checkStat = minimal
[color]
    ui = always
    grep = always
[grep]
    patternType = fixed
    fullName = true
    column = true
    lineNumber = true
[init]
    defaultObjectFormat = sha256
    defaultRefFormat = reftable
    defaultBranch = trunk
    templateDir = HERE/template
[log]
    showSignature = true
    date = raw
    showRoot = false
[format]
    pretty = raw
[i18n]
    commitEncoding = ISO-8859-1
    logOutputEncoding = UTF-16
[diff]
    external = HERE/program
    noprefix = true
[tar]
    umask = 0777
[submodule]
    recurse = true
[protocol]
    allow = never
    version = 0
[safe]
    bareRepository = explicit
[transfer]
    hideRefs = refs
    fsckObjects = true
    unpackLimit = 1
[receive]
    hideRefs = refs/heads
    denyNonFastForwards = true
    denyDeletes = true
    denyCurrentBranch = updateInstead
    fsckObjects = true
    maxInputSize = 1
    advertisePushOptions = false
    advertiseAtomic = false
    shallowUpdate = false
[uploadpack]
    hideRefs = refs/heads
    packObjectsHook = HERE/program
[gc]
    auto = 1
    pruneExpire = now
[checkout]
    workers = 0
[filter "lfs"]
    smudge = HERE/program
    required = true
[filter "shout"]
    smudge = tr a-z A-Z
[alias]
    ls-tree = !false
    rev-parse = !false
[url "HERE/nowhere"]
    insteadOf = /
[user]
    useConfigOnly = true
[extensions]
    objectFormat = sha256
[include]
    path = HERE/more
"#;

/// What has gokku's git in its environment when it is to show what it does, and where.
const SHOWS: &str = "GOKKU_TEST_SHOWS";

/// Everything that the adapter is asked, and what it says; in a folder of its own, with the objects of `from`.
fn shown(folder: &Path, from: &Path) -> String {
    let mut text = String::new();
    let repository = Repository::at(folder.join("api.git"));
    repository.create().unwrap();
    let _ = writeln!(
        text,
        "{}",
        fs::read_to_string(repository.path().join("config")).unwrap()
    );
    let _ = writeln!(
        text,
        "{}",
        fs::read_to_string(repository.path().join("HEAD")).unwrap()
    );
    let mut there: Vec<String> = fs::read_dir(repository.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    let _ = writeln!(text, "{there:?}");
    let copied = Command::new("cp")
        .args(["-r", "--"])
        .args(["objects", "refs", "packed-refs", "info"].map(|part| from.join(part)))
        .arg(repository.path())
        .status();
    assert!(copied.unwrap().success());
    let head = repository.head_of(&BranchName::main()).unwrap().unwrap();
    let _ = writeln!(text, "{head} {:?}", repository.resolve("v1").unwrap());
    let _ = writeln!(text, "{:?}", repository.subject(&head).unwrap());
    let _ = writeln!(text, "{}", repository.tree(&head).unwrap());
    let _ = writeln!(text, "{:?}", repository.files(&head).unwrap());
    for path in ["text.txt", "link", "naïve 緑", "Procfile", "none"] {
        let _ = writeln!(text, "{path}: {:?}", repository.file(&head, path, CODE).unwrap());
    }
    let _ = writeln!(text, "{:?}", repository.obstacles(&head).unwrap());
    repository.set_head(&"live".parse().unwrap()).unwrap();
    let _ = writeln!(
        text,
        "{}",
        fs::read_to_string(repository.path().join("HEAD")).unwrap()
    );
    let tree = folder.join("tree");
    repository.export(&head, &tree).unwrap();
    for (path, what) in listing(&tree) {
        let _ = writeln!(text, "{path}: {what}");
    }
    let _ = writeln!(text, "{:?}", filters_in(&tree).unwrap());
    let _ = writeln!(text, "{:?}", git_version().unwrap());
    text
}

/// What is below a folder: modes, where links lead, contents.
pub(crate) fn listing(folder: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(here) = folders.pop() {
        for entry in fs::read_dir(&here).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let mode = meta.permissions().mode() & 0o777;
            let what = if meta.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else if meta.is_dir() {
                folders.push(path.clone());
                format!("{mode:o} folder")
            } else {
                let bytes = fs::read(&path).unwrap();
                format!("{mode:o} {:?}", bytes.escape_ascii().to_string())
            };
            let path = path.strip_prefix(folder).unwrap();
            all.insert(format!("{:?}", path.display().to_string()), what);
        }
    }
    all
}

/// Runs one of these tests again, as a program with another environment.
pub(crate) fn again(test: &str, shows: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(SHOWS, shows);
    command
}

/// Where this process is to show what it does, when it was started by [`again`].
pub(crate) fn shows() -> Option<std::path::PathBuf> {
    std::env::var_os(SHOWS).map(Into::into)
}

fn ended_well(mut command: Command) {
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
}

/// How something comes to be in a command's environment, and in a folder that it is told of.
type Change<'a> = &'a dyn Fn(&mut Command, &Path);

/// A repository with everything that attributes, replacements and grafts could change.
fn rich(folder: &Path, work: &Path) -> CommitId {
    fs::write(
        work.join(".gitattributes"),
        "* text=auto\n*.bin filter=lfs\n*.up filter=shout\nProcfile export-ignore\n*.sub export-subst\n",
    )
    .unwrap();
    fs::write(work.join("run"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(work.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(work.join("text.txt"), "one\ntwo\n").unwrap();
    fs::write(work.join("crlf.dat"), [0, 13, 10, 1]).unwrap();
    fs::write(work.join("naïve 緑"), "name\n").unwrap();
    fs::write(work.join("Procfile"), "web: ./a.sh\n").unwrap();
    fs::write(work.join("v.sub"), "$Format:%H$ $Id$\n").unwrap();
    fs::write(work.join("x.up"), "quiet\n").unwrap();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
    fs::write(work.join("x.bin"), pointer).unwrap();
    git(work, &["add", "-A"]);
    git(work, &["commit", "-qm", "naïve words"]);
    git(work, &["tag", "-a", "-m", "tagged", "v1"]);
    let honest: CommitId = git(work, &["rev-parse", "HEAD"]).parse().unwrap();
    fs::write(work.join("text.txt"), "another\n").unwrap();
    git(work, &["commit", "-qam", "another"]);
    let other = git(work, &["rev-parse", "HEAD"]);
    git(work, &["reset", "-q", "--hard", honest.as_str()]);
    let bare = folder.join("rich.git");
    git(folder, &["clone", "-q", "--mirror", "work", "rich.git"]);
    git(&bare, &["fetch", "-q", work.to_str().unwrap(), &other]);
    git(&bare, &["replace", honest.as_str(), &other]);
    git(&bare, &["pack-refs"]);
    fs::create_dir_all(bare.join("info")).unwrap();
    fs::write(bare.join("info/grafts"), format!("{honest} {other}\n")).unwrap();
    fs::write(bare.join("info/attributes"), "* -text export-ignore\n").unwrap();
    honest
}

/// Each function of the adapter says and does the same with a hostile user's, machine's and environment's configuration
/// as with none, and what it says is the honest commit.
#[test]
fn gokkus_git_is_nobodys_git() {
    if let Some(folder) = shows() {
        let shown = shown(&folder, &folder.join("../rich.git"));
        fs::write(folder.join("shown"), shown).unwrap();
        return;
    }
    let (folder, _, work) = pair();
    let honest = rich(folder.path(), &work);
    let run = |name: &str, hostile: Change<'_>| {
        let shows = folder.path().join(name);
        fs::create_dir(&shows).unwrap();
        let mut command = again("nobody::gokkus_git_is_nobodys_git", &shows);
        for (variable, _) in std::env::vars_os() {
            if variable.as_encoded_bytes().starts_with(b"GIT_") {
                command.env_remove(variable);
            }
        }
        command.env("HOME", &shows).env("GIT_CONFIG_NOSYSTEM", "1");
        hostile(&mut command, &shows);
        ended_well(command);
        fs::read_to_string(shows.join("shown")).unwrap()
    };
    let clean = run("clean", &|_, _| {});
    assert!(
        clean.contains(&format!("{honest} Some(CommitId(\"{honest}\"))")),
        "{clean}"
    );
    for right in [
        "\"naïve words\"",
        "\"text.txt\": 644 \"one\\\\ntwo\\\\n\"",
        "\"Procfile\": 644",
        "\"v.sub\": 644 \"$Format:%H$ $Id$",
        "\"x.up\": 644 \"quiet",
        "\"link\": -> a.sh",
        "\"run\": 755",
        "[Lfs([\"x.bin\"])]",
        "\"shout\": [\"x.up\"]",
        "ref: refs/heads/live",
        "Procfile: Some([119,",
        "[\"HEAD\", \"config\", \"hooks\", \"objects\", \"refs\"]",
    ] {
        assert!(clean.contains(right), "{right} is not in\n{clean}");
    }

    let hostile = |file: &Path, here: &Path| {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, HOSTILE.replace("HERE", here.to_str().unwrap())).unwrap();
    };
    let prepare = |here: &Path| {
        fs::create_dir_all(here.join("template/hooks")).unwrap();
        fs::write(here.join("template/hooks/update"), "#!/bin/sh\nexit 1\n").unwrap();
        fs::write(
            here.join("attributes"),
            "* text eol=crlf export-ignore filter=shout -diff\n",
        )
        .unwrap();
        fs::write(here.join("more"), "[core]\n\tautocrlf = true\n").unwrap();
        fs::write(here.join("program"), "#!/bin/sh\necho hostile\nexit 1\n").unwrap();
        fs::set_permissions(here.join("program"), fs::Permissions::from_mode(0o755)).unwrap();
    };
    let ways: [(&str, Change<'_>); 5] = [
        ("home", &|_, here| hostile(&here.join(".gitconfig"), here)),
        ("xdg", &|command, here| {
            hostile(&here.join("xdg/git/config"), here);
            fs::copy(here.join("attributes"), here.join("xdg/git/attributes")).unwrap();
            command.env("XDG_CONFIG_HOME", here.join("xdg"));
        }),
        ("global", &|command, here| {
            hostile(&here.join("global"), here);
            command.env("GIT_CONFIG_GLOBAL", here.join("global"));
        }),
        ("system", &|command, here| {
            hostile(&here.join("system"), here);
            command
                .env_remove("GIT_CONFIG_NOSYSTEM")
                .env("GIT_CONFIG_SYSTEM", here.join("system"));
        }),
        ("environment", &|command, here| {
            let nowhere = here.join("nowhere");
            for variable in [
                "GIT_DIR",
                "GIT_WORK_TREE",
                "GIT_INDEX_FILE",
                "GIT_OBJECT_DIRECTORY",
                "GIT_ALTERNATE_OBJECT_DIRECTORIES",
                "GIT_COMMON_DIR",
                "GIT_EXEC_PATH",
                "GIT_SHALLOW_FILE",
                "GIT_CONFIG",
                "GIT_TRACE",
            ] {
                command.env(variable, &nowhere);
            }
            for (variable, value) in [
                ("GIT_NAMESPACE", "other"),
                ("GIT_PREFIX", "sub/"),
                ("GIT_DEFAULT_HASH", "sha256"),
                ("GIT_DEFAULT_REF_FORMAT", "reftable"),
                ("GIT_REPLACE_REF_BASE", "refs/replace/"),
                ("GIT_ICASE_PATHSPECS", "1"),
                ("GIT_ATTR_SOURCE", "main~1"),
                ("GIT_EXTERNAL_DIFF", "false"),
                ("GIT_CONFIG_COUNT", "2"),
                ("GIT_CONFIG_KEY_0", "core.autocrlf"),
                ("GIT_CONFIG_VALUE_0", "true"),
                ("GIT_CONFIG_KEY_1", "core.eol"),
                ("GIT_CONFIG_VALUE_1", "crlf"),
                ("GIT_CONFIG_PARAMETERS", "'core.autocrlf'='true'"),
            ] {
                command.env(variable, value);
            }
            command.env("GIT_TEMPLATE_DIR", here.join("template"));
        }),
    ];
    for (name, hostile) in ways {
        let shown = run(name, &|command, here| {
            prepare(here);
            hostile(command, here);
        });
        assert_eq!(shown, clean, "with a hostile {name}");
    }
}

/// A git that somebody else starts in the repository (sshd, a push on the server itself) runs gokku's hook and takes what
/// gokku counts on, also with that user's hostile configuration; and in a repository from before.
#[test]
fn what_others_git_reads_is_pinned() {
    let (folder, repository, work) = pair();
    let seen = folder.path().join("seen");
    let program = folder.path().join("gokku");
    fs::write(&program, format!("#!/bin/sh\ncat >> {}\n", seen.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let hook = Hook {
        program,
        root: folder.path().to_owned(),
        app: "api".parse().unwrap(),
    };
    repository.install_hooks(&hook).unwrap();
    // What becomes of the refs is another test's.
    git(
        repository.path(),
        &["config", "--unset-all", "receive.procReceiveRefs"],
    );
    let global = folder.path().join("global");
    // What only the client obeys is not the server's user's.
    let server: String = HOSTILE
        .replace("HERE", folder.path().to_str().unwrap())
        .replace("[url ", "[unused ")
        .replace("allow = never", "allow = always")
        .replace("sparseCheckout = true", "");
    fs::write(&global, server).unwrap();
    let push = |with: &[&str]| {
        let output = Command::new("git")
            .current_dir(&work)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .arg("push")
            .arg(format!(
                "--receive-pack=env GIT_CONFIG_GLOBAL={} git-receive-pack",
                global.display()
            ))
            .arg(repository.path())
            .args(with)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{with:?}: {words}");
    };
    let runs = || fs::read_to_string(&seen).unwrap_or_default().lines().count();
    push(&["main"]);
    push(&["--atomic", "--push-option=ci.skip", "main:other", "main:third"]);
    git(&work, &["commit", "-q", "--amend", "-m", "rewritten"]);
    push(&["--force", "main"]);
    push(&[":other"]);
    assert_eq!(runs(), 5, "the hook ran for each ref");
    assert!(!repository.path().join("logs").exists());

    // A repository from before, and one where somebody has changed what must not be changed.
    let config = repository.path().join("config");
    let pinned = fs::read_to_string(&config).unwrap();
    assert!(
        !repository.pin(MOST).unwrap(),
        "nothing is written where nothing differs"
    );
    assert_eq!(fs::read_to_string(&config).unwrap(), pinned);
    assert!(repository.install_hooks(&hook).unwrap());
    assert_eq!(repository.differences(&hook).unwrap(), []);
    let set = |key: &str, value: &str| git(repository.path(), &["config", "--add", key, value]);
    let get = |key: &str| git(repository.path(), &["config", "--get", key]);
    fs::write(&config, "[core]\n\tbare = true\n[gc]\n\tauto = 9").unwrap();
    assert!(repository.pin(MOST).unwrap());
    assert!(repository.install_hooks(&hook).unwrap());
    assert_eq!(
        (get("core.hooksPath"), get("gc.auto")),
        ("hooks".into(), "9".into())
    );
    set("core.hooksPath", "/elsewhere");
    set("receive.hideRefs", "refs/tags");
    set("receive.denyDeletes", "true");
    let told: Vec<String> = repository
        .differences(&hook)
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        [
            "core.hooksPath is /elsewhere, and should be hooks",
            "receive.hideRefs is refs/tags, and should be !refs"
        ]
    );
    assert!(repository.pin(MOST).unwrap());
    assert!(!repository.pin(MOST).unwrap());
    assert_eq!(get("core.hooksPath"), "hooks");
    assert_eq!(get("receive.hideRefs"), "!refs");
    assert_eq!(
        git(repository.path(), &["config", "--get-all", "receive.denyDeletes"])
            .lines()
            .last(),
        Some("true"),
        "a choice of the server's stays"
    );

    // What is no value.
    set("include.path", "other");
    set("extensions.objectFormat", "sha256");
    let hooks = repository.path().join("hooks/pre-receive");
    fs::write(&hooks, "#!/bin/sh\n").unwrap();
    let alternates = repository.path().join("objects/info/alternates");
    fs::create_dir_all(alternates.parent().unwrap()).unwrap();
    fs::write(&alternates, "/elsewhere\n").unwrap();
    assert_eq!(
        repository.differences(&hook).unwrap(),
        [
            Difference::Includes("include.path".to_owned()),
            Difference::Format("sha256".to_owned()),
            Difference::Hook(hooks),
            Difference::Alternates(alternates),
        ]
    );
    fs::write(repository.path().join("config.lock"), "").unwrap();
    fs::write(&config, "[core]\n\tbare = true\n").unwrap();
    let locked = repository.pin(MOST).unwrap_err().to_string();
    assert!(locked.contains("config.lock is there"), "{locked}");
}
