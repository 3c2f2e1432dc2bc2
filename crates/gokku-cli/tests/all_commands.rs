//! Every command there is, given with a key that is bound to one app: it reaches that app, and nothing else tells what is
//! there from what is not.
//!
//! The commands are clap's own list: one that is not in the table here fails the test. Each is run as sshd runs it, by
//! `gokku entry` with what was asked for in `SSH_ORIGINAL_COMMAND`. There is no engine and no traffic switch, so what a
//! command does to its own app ends early; the stories have the rest.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

/// What a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// An app, which `-a` names.
    App,
    /// An app, which its own argument names.
    Named,
    /// The apps that may be seen, or one that `-a` names.
    List,
    /// No app in particular: `-a` changes nothing.
    Nothing,
    /// git, for the repository of an app.
    Git,
    /// What is not for a bound key.
    Never,
}

use About::{App, Git, List, Named, Never, Nothing};

/// Every command, with arguments that it takes.
const COMMANDS: [(&str, &str, About); 59] = [
    ("apps create", "NAME", Named),
    ("apps destroy", "NAME --yes", Named),
    ("apps list", "", Nothing),
    ("build", "--print", App),
    ("certs add", "--stdin", Never),
    ("certs export", "WORD.example", Never),
    ("certs list", "", Never),
    ("certs remove", "WORD.example", Never),
    ("completion", "bash", Nothing),
    ("config check", "gokku.yml", Never),
    ("config get", "WORD", App),
    ("config import", "", App),
    ("config list", "", App),
    ("config set", "WORD=1 --no-restart", App),
    ("config unset", "WORD --no-restart", App),
    ("deploy", "", App),
    ("doctor", "", Never),
    ("domains add", "WORD.example", App),
    ("domains list", "", List),
    ("domains remove", "WORD.example", App),
    ("entry", "--key ada", Never),
    ("events", "", List),
    ("exec", "sh", App),
    ("hook pre-receive", "", Never),
    ("hook proc-receive", "", Never),
    ("keys add", "eve", Never),
    ("keys list", "", Never),
    ("keys remove", "ada", Never),
    ("leave", "--data", Never),
    ("logs", "", App),
    ("maintenance off", "", App),
    ("maintenance on", "", App),
    ("proxy keep", "", Never),
    ("proxy restart", "", Never),
    ("proxy run", "", Never),
    ("proxy status", "", Never),
    ("prune", "--dry-run", List),
    ("ps list", "", App),
    ("ps restart", "worker", App),
    ("ps scale", "web=2", App),
    ("ps stop", "worker", App),
    ("receive-pack", "NAME", Git),
    ("registry list", "", Never),
    ("registry login", "ghcr.io --username me", Never),
    ("registry logout", "ghcr.io", Never),
    ("releases", "", App),
    ("remote add", "api-production me@host", Never),
    ("remote list", "", Never),
    ("remote remove", "api-production", Never),
    ("remote setup", "me@host", Never),
    ("remote teardown", "me@host --yes", Never),
    ("restart", "", App),
    ("rollback", "20240115-113000", App),
    ("run", "sh", App),
    ("start", "", App),
    ("status", "", List),
    ("stop", "", App),
    ("upload-pack", "NAME", Git),
    ("worker", "", Never),
];

/// What changes the key's own app, or needs more than this scene to say anything of it.
const CHANGES: [&str; 14] = [
    "apps destroy",
    "config import",
    "config set",
    "config unset",
    "deploy",
    "ps restart",
    "ps scale",
    "ps stop",
    "receive-pack",
    "restart",
    "rollback",
    "start",
    "stop",
    "upload-pack",
];

/// The app of the key, one of somebody else's, and one that is not there; none is a part of a word of ours.
const MINE: &str = "mineapp";
const OTHER: &str = "kitchenette";
const NOWHERE: &str = "xylophones";
/// What stands in the other app's environment, and in files that no key may read.
const SECRET: &str = "SECRET-OF-ANOTHER";

/// A server without an engine, with two apps and files beside it.
struct Scene {
    folder: tempfile::TempDir,
    root: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("gokku");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("config.toml"), "[proxy]\nbind = \"127.0.0.1\"\n").unwrap();
        let scene = Self { folder, root };
        for (app, word) in [(MINE, "mine"), (OTHER, SECRET)] {
            scene.owner(&["apps", "create", app], "").is_done();
            let set = ["config", "set", "--stdin", "--no-restart", "-a", app];
            scene.owner(&set, &format!("WORD={word}\0")).is_done();
        }
        fs::write(scene.beside("private.txt"), SECRET).unwrap();
        fs::create_dir(scene.beside("folder")).unwrap();
        let made = Command::new("mkfifo").arg(scene.beside("pipe")).status();
        assert!(made.unwrap().success());
        scene
    }

    /// A file that is no app's.
    fn beside(&self, name: &str) -> PathBuf {
        self.root.with_file_name(name)
    }

    fn gokku(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gokku"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.folder.path())
            .env("LOGNAME", "owner")
            .env("GOKKU_ROOT", &self.root)
            .env(
                "DOCKER_HOST",
                format!("unix://{}", self.beside("no-engine").display()),
            )
            .current_dir(self.folder.path());
        command
    }

    /// What the server's owner does, with this on standard input.
    fn owner(&self, words: &[&str], input: &str) -> Told {
        let given = self.beside("input");
        fs::write(&given, input).unwrap();
        let output = self
            .gokku()
            .args(words)
            .stdin(File::open(given).unwrap())
            .output();
        Told::of(&line(words), &output.unwrap())
    }

    /// What comes of a line that a key for these apps sends, with more on its standard input than anybody wants to read.
    fn key(&self, apps: &[&str], line: &str) -> Told {
        let mut command = self.gokku();
        command
            .arg("--root")
            .arg(&self.root)
            .args(["entry", "--key", "ada"]);
        for app in apps {
            command.args(["--app", app]);
        }
        let output = command
            .env("SSH_ORIGINAL_COMMAND", line)
            .stdin(File::open("/dev/zero").unwrap())
            .output();
        Told::of(line, &output.unwrap())
    }

    fn ada(&self, words: &[impl AsRef<str>]) -> Told {
        self.key(&[MINE], &line(words))
    }
}

impl Drop for Scene {
    /// A deploy that came as far as that has started the traffic switch.
    fn drop(&mut self) {
        let mark = [b"GOKKU_ROOT=", self.root.as_os_str().as_encoded_bytes()].concat();
        let processes = fs::read_dir("/proc").unwrap().flatten();
        for pid in processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            if environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == mark)
                && let Some(pid) = rustix::process::Pid::from_raw(pid)
            {
                // It may be gone already.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

/// A line as ssh sends it: each word in quotes.
fn line(words: &[impl AsRef<str>]) -> String {
    let quoted = words
        .iter()
        .map(|word| format!("'{}'", word.as_ref().replace('\'', "'\"'\"'")));
    quoted.fold("gokku".to_owned(), |line, word| format!("{line} {word}"))
}

/// What a command said, and its exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    line: String,
    code: Option<i32>,
    out: String,
    err: String,
}

impl Told {
    fn of(line: &str, output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            line: line.chars().take(200).collect(),
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    fn says(&self, words: &str) -> bool {
        self.out.contains(words) || self.err.contains(words)
    }

    #[track_caller]
    fn is_done(&self) {
        assert_eq!(self.code, Some(0), "{self:?}");
    }

    #[track_caller]
    fn is_refused(&self, code: i32, why: &str) {
        assert!(self.code == Some(code) && self.says(why), "{self:?}");
    }

    /// It has said which app it was about, and nothing else.
    #[track_caller]
    fn is_about(&self, app: &str) {
        assert!(self.code == Some(0) && self.out.trim() == app, "{self:?}");
    }

    /// What was told, where what it was about is called THIS.
    fn of_this(&self, this: &str) -> (Option<i32>, String, String) {
        let of = |text: &str| without_ids(&text.replace(this, "THIS"));
        (self.code, of(&self.out), of(&self.err))
    }

    /// Nothing that is not the key's is shown, and no process went down.
    #[track_caller]
    fn is_harmless(&self) {
        assert!(self.code.is_some(), "it was killed: {self:?}");
        for shown in [SECRET, "root:x:0", "panicked"] {
            assert!(!self.says(shown), "{shown} is shown: {self:?}");
        }
    }
}

/// A text with each release's id, which is a time, as the same word.
fn without_ids(text: &str) -> String {
    let is_id = |word: &str| {
        let digits =
            |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
        word.split_once('-')
            .is_some_and(|(day, time)| digits(day, 8) && digits(time, 6))
    };
    let words = text.split_inclusive([' ', ',', '\n']).map(|word| {
        let bare = word.trim_end_matches([' ', ',', '\n']);
        if is_id(bare) {
            word.replace(bare, "ID")
        } else {
            word.to_owned()
        }
    });
    words.collect()
}

/// Checks each of these, a few at a time: each waits for a process.
fn each<T: Sync>(all: &[T], check: impl Fn(&T) + Sync) {
    let next = Mutex::new(0..all.len());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let number = next.lock().unwrap().next();
                    let Some(number) = number else { return };
                    check(&all[number]);
                }
            });
        }
    });
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A command of the table with its arguments, about this app.
fn about_app((words, sample, about): &(&str, &str, About), app: &str) -> Vec<String> {
    let mut all: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    if matches!(about, App | List) {
        all.extend(["-a".to_owned(), app.to_owned()]);
    }
    all.extend(sample.split_whitespace().map(|word| word.replace("NAME", app)));
    all
}

/// clap's commands that do something, by what they are called with.
fn all_commands() -> BTreeMap<String, clap::Command> {
    fn find(of: &clap::Command, path: &str, found: &mut BTreeMap<String, clap::Command>) {
        for command in of.get_subcommands() {
            let path = format!("{path} {}", command.get_name()).trim().to_owned();
            if command.has_subcommands() {
                find(command, &path, found);
            } else {
                found.insert(path, command.clone());
            }
        }
    }
    let mut found = BTreeMap::new();
    find(&gokku_cli::command(), "", &mut found);
    found
}

#[test]
fn every_command_is_in_the_table() {
    let known: BTreeSet<&str> = COMMANDS.iter().map(|(words, _, _)| *words).collect();
    assert_eq!(known.len(), COMMANDS.len(), "each stands there once");
    let commands = all_commands();
    let there: BTreeSet<&str> = commands.keys().map(String::as_str).collect();
    let new: Vec<_> = there.difference(&known).collect();
    assert!(
        new.is_empty(),
        "say in this table what these are about, and in its spec how far each reaches: {new:?}"
    );
    let gone: Vec<_> = known.difference(&there).collect();
    assert!(gone.is_empty(), "there are no such commands: {gone:?}");
    // A path of the machine is nothing that a bound key may name.
    for (words, _, about) in COMMANDS {
        let mut arguments = commands[words].get_arguments();
        let has_path = arguments.any(|one| one.get_value_parser().type_id() == TypeId::of::<PathBuf>());
        assert!(
            !has_path || about == Never,
            "{words} takes a path, and a bound key may give it"
        );
    }
}

/// Another's app and one that does not exist are the same, by every way to name one.
#[test]
fn no_command_tells_another_app_from_none() {
    let scene = Scene::new();
    let mut pairs: Vec<[Vec<String>; 2]> = Vec::new();
    for command in &COMMANDS {
        pairs.push([OTHER, NOWHERE].map(|app| about_app(command, app)));
        pairs.push([OTHER, NOWHERE].map(|app| about_app(command, &format!("{app}-production"))));
        if matches!(command.2, App | List) {
            pairs.push([OTHER, NOWHERE].map(|app| {
                let mut words = owned(&["--as-app", app]);
                words.extend(about_app(command, MINE));
                words
            }));
        }
    }
    for odd in [
        "APP ",
        "mineapp\nAPP",
        "../APP",
        "mineapp/../APP",
        "APP.git",
        "--root=APP",
        "APP\t",
        "APP-staging",
        "-APP",
        "@APP",
    ] {
        for command in [&["status"][..], &["config", "list"]] {
            pairs.push([OTHER, NOWHERE].map(|app| {
                let mut words = owned(command);
                words.push(format!("--app={}", odd.replace("APP", app)));
                words
            }));
        }
    }
    for option in ["--root", "--docker-host", "--remote", "--client"] {
        pairs.push([OTHER, NOWHERE].map(|app| owned(&[option, app, "status", "-a", MINE])));
    }
    each(&pairs, |[there, none]| {
        let (there, none) = (scene.ada(there), scene.ada(none));
        there.is_harmless();
        assert_eq!(there.of_this(OTHER), none.of_this(NOWHERE), "{there:?}\n{none:?}");
    });
    // What they are refused with.
    for command in &COMMANDS {
        let told = scene.ada(&about_app(command, OTHER));
        match command.2 {
            App | Named | List | Git => {
                told.is_refused(3, "there is no app kitchenette: this key is for mineapp");
            }
            Never => told.is_refused(1, "is not for this key"),
            Nothing => {}
        }
    }
    let apps = scene.owner(&["apps", "list"], "");
    assert!(
        apps.says(OTHER) && !apps.says(NOWHERE),
        "none is gone and none was made: {apps:?}"
    );
    let word = scene.owner(&["config", "get", "WORD", "-a", OTHER], "");
    assert_eq!(word.out.trim(), SECRET);
}

/// Lists and errors have the key's own only.
#[test]
fn no_command_names_another_app() {
    let scene = Scene::new();
    let mut all = Vec::new();
    for command in COMMANDS.iter().filter(|command| !CHANGES.contains(&command.0)) {
        let (words, sample, _) = command;
        all.push(owned(
            &[words, sample]
                .map(|part| part.replace("NAME", MINE))
                .iter()
                .flat_map(|part| part.split_whitespace())
                .collect::<Vec<_>>(),
        ));
        all.push(about_app(command, MINE));
    }
    all.push(owned(&["--help"]));
    all.push(owned(&["--version"]));
    each(&all, |words| {
        for more in [&[][..], &["--json"]] {
            let told = scene.ada(&[&words[..], &owned(more)].concat());
            told.is_harmless();
            assert!(!told.says(OTHER), "{told:?}");
        }
    });
    let seen = scene.ada(&["apps", "list"]);
    assert!(seen.says(MINE), "{seen:?}");
}

/// Every argument that takes a word, with the place of that word; what else is needed is there.
fn places() -> Vec<(Vec<String>, usize)> {
    let mut all = Vec::new();
    for (path, command) in all_commands() {
        let takes =
            |one: &&clap::Arg| one.get_action().takes_values() && one.get_possible_values().is_empty();
        for argument in command.get_arguments().filter(takes) {
            let mut words = owned(&["-a", MINE]);
            words.extend(path.split(' ').map(str::to_owned));
            for other in command.get_arguments() {
                if other.is_required_set() && other.get_id() != argument.get_id() {
                    words.extend(other.get_long().map(|long| format!("--{long}")));
                    words.extend(other.get_action().takes_values().then(|| "x".to_owned()));
                }
            }
            words.extend(argument.get_long().map(|long| format!("--{long}")));
            words.push(String::new());
            let place = words.len() - 1;
            all.push((words, place));
        }
    }
    for option in ["--root", "--docker-host", "--remote"] {
        all.push((owned(&["status", option, ""]), 2));
    }
    all
}

/// What is there and what is not are the same, whatever takes it for a path.
#[test]
fn no_command_tells_a_path_that_is_there_from_none() {
    let scene = Scene::new();
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    let env_of = |app: &str| text(scene.root.join(format!("apps/{app}/shared/.env")));
    let paths = [
        ("/etc/passwd".to_owned(), "/etc/no-such".to_owned()),
        ("/dev/zero".to_owned(), "/dev/no-such".to_owned()),
        ("/proc/self/environ".to_owned(), "/proc/self/no-such".to_owned()),
        ("private.txt".to_owned(), "no-such.txt".to_owned()),
        ("../gokku".to_owned(), "../no-such".to_owned()),
        ("-".to_owned(), "-".to_owned()),
        (text(scene.beside("pipe")), text(scene.beside("no-such"))),
        (env_of(OTHER), env_of(NOWHERE)),
    ];
    let places = places();
    assert!(places.len() > 25, "{places:?}");
    let never = |words: &[String]| {
        let of = |(path, _, about): &&(&str, &str, About)| {
            *about == Never && words[2..].starts_with(&owned(&path.split(' ').collect::<Vec<_>>()))
        };
        COMMANDS.iter().any(|command| of(&command))
    };
    // What is refused whole is refused whatever the path is.
    let all: Vec<_> = places
        .iter()
        .flat_map(|asked| {
            let some = if never(&asked.0) { 1 } else { paths.len() };
            paths[..some].iter().map(move |pair| (asked, pair))
        })
        .collect();
    each(&all, |((words, place), (there, none))| {
        let with = |path: &str| {
            let mut words = words.clone();
            path.clone_into(&mut words[*place]);
            scene.ada(&words)
        };
        let (told, other) = (with(there), with(none));
        told.is_harmless();
        assert_eq!(told.of_this(there), other.of_this(none), "{told:?}\n{other:?}");
    });
    // A way to the right folder is one only where everything on it is there.
    for way in [scene.beside("folder"), scene.beside("no-such")] {
        let way = text(way.join("../gokku"));
        let told = scene.ada(&["--root", &way, "apps", "list"]);
        told.is_refused(1, "this key is for another folder");
    }
    scene
        .ada(&["--root", scene.root.to_str().unwrap(), "apps", "list"])
        .is_done();
    // A key for every app is no user of the server either.
    for apps in [&[MINE][..], &[]] {
        let told = scene.key(apps, "gokku config check /etc/shadow");
        told.is_refused(1, "`gokku config check` is not for this key");
    }
}

/// However much is given, it is refused within bounds, and recorded in few words.
#[test]
fn no_command_takes_more_than_it_needs() {
    let scene = Scene::new();
    // Nearly as much as the kernel lets one variable have, see execve(2).
    let long = "x".repeat(120_000);
    let many: Vec<String> = (0..15_000).map(|number| format!("A{number}")).collect();
    let mut lines = vec![
        line(&[owned(&["config", "unset", "-a", MINE]), many].concat()),
        format!("git-receive-pack {long}"),
        long.clone(),
    ];
    for command in &COMMANDS {
        lines.push(line(&about_app(command, &long)));
        if command.0 != "apps destroy" {
            lines.push(line(&[about_app(command, MINE), vec![long.clone()]].concat()));
        }
    }
    each(&lines, |line| scene.key(&[MINE], line).is_harmless());
    let record = fs::read_to_string(scene.root.join("events.log")).unwrap();
    let longest = record.lines().map(str::len).max().unwrap();
    assert!(longest < 4096, "an event of {longest} bytes");
    assert!(record.contains(" are cut off)"), "what is cut off says so");
    for (words, what) in [
        ("config import", "the env file"),
        ("config set --stdin", "the pairs"),
    ] {
        let told = scene.key(&[MINE], &format!("gokku {words} -a {MINE} --no-restart"));
        let why = "there are more than 1.0 MB, the most that is read of an env file. Nothing was set";
        told.is_refused(2, &format!("{what} on standard input: {why}"));
    }
}

/// What an env may have is the owner's to say, and is told before anything is set.
#[test]
fn an_import_has_its_limits() {
    let scene = Scene::new();
    let import = |text: &str| scene.owner(&["config", "import", "-a", MINE, "--no-restart"], text);
    let numbered: Vec<String> = (0..999).map(|number| format!("N{number}=1\n")).collect();
    import(&numbered.concat()).is_done();
    let why = "mineapp would have 1001 variables, and 1000 are the most that an app may have ([env] variables in \
               config.toml). Nothing was set";
    import("MORE=1\n").is_refused(2, why);
    import(&format!("WORD={}\n", "x".repeat(100_000))).is_done();
    let set = |size: &str| {
        let env = format!("[env]\nsize = \"{size}\"\nvariables = 2000\n");
        fs::write(scene.root.join("config.toml"), env).unwrap();
    };
    set("2m");
    import("MORE=1\n").is_done();
    set("100k");
    import("MORE=2\n").is_refused(2, "([env] size in config.toml). Nothing was set");
    // What makes it smaller is let through.
    let unset = ["config", "unset", "WORD", "--no-restart", "-a", MINE];
    scene.owner(&unset, "").is_done();
    import("MORE=2\n").is_done();
}

/// P34: an environment's name that a key has chosen makes no name mean its app to anybody else.
#[test]
fn p34_an_environments_name_redirects_nobody() {
    let scene = Scene::new();
    let set = |app: &str| format!("config set -a {app} --no-restart WHICH={app}");
    let create = |app: &str, environment: &str| scene.owner(&["apps", "create", app, "-e", environment], "");
    let by_owner = |app: &str, environment: &str| {
        create(app, environment).is_done();
        let set: Vec<String> = set(app).split(' ').map(str::to_owned).collect();
        scene
            .owner(&set.iter().map(String::as_str).collect::<Vec<_>>(), "")
            .is_done();
    };
    let by_key = |app: &str, environment: &str| {
        let made = scene.key(&[app], &format!("gokku apps create {app} -e {environment}"));
        made.is_done();
        scene.key(&[app], &format!("gokku {}", set(app))).is_done();
        made
    };
    let to_owner = |given: &str| scene.owner(&["config", "get", "WHICH", "-a", given], "");
    let to_key = |app: &str, given: &str| scene.key(&[app], &format!("gokku config get WHICH -a {given}"));
    // A key of `x` chooses an environment by which `x-prod` would be its app.
    by_key("x", "prod");
    to_owner("x-prod").is_refused(3, "x is there, with the environment prod");
    to_key("x", "x-prod").is_about("x");
    by_owner("x-prod", "production");
    to_owner("x-prod").is_about("x-prod");
    to_owner("x").is_about("x");
    // The app `a-b` has an environment; a key of `a` chooses one that makes the same words.
    by_owner("a-b", "production");
    by_key("a", "b-production");
    to_owner("a-b-production").is_about("a-b");
    // `y-prod` is y to the owner; a key of that name cannot be told that y is there, and makes an app.
    by_owner("y", "prod");
    let (made, alone) = (by_key("y-prod", "production"), by_key("w-prod", "production"));
    assert_eq!(made.of_this("y-prod"), alone.of_this("w-prod"));
    to_owner("y-prod").is_about("y");
    to_key("y-prod", "y-prod").is_about("y-prod");
    // Whoever sees both is told before words mean two.
    by_owner("m-n", "production");
    let why = "m is not made: m-n-production means the app m-n here, with its environment: choose another name, or another \
               environment with -e";
    create("m", "n-production").is_refused(2, why);
    let both = scene.key(&["m", "m-n"], "gokku apps create m -e n-production");
    both.is_refused(2, why);
    // A name comes before a pair, if its owner says so.
    by_owner("z", "staging");
    to_owner("z-staging").is_about("z");
    by_owner("z-staging", "production");
    to_owner("z-staging").is_about("z-staging");
}

/// On a machine of one's own: what has no end, or is no file, is refused at once.
#[test]
fn a_check_reads_files_of_a_size() {
    let scene = Scene::new();
    let large = scene.beside("large.yml");
    fs::write(&large, "#".repeat(2 << 20)).unwrap();
    let check = |path: &Path| {
        let output = scene
            .gokku()
            .args(["config", "check"])
            .arg(path)
            .stdin(Stdio::null())
            .output();
        Told::of("config check", &output.unwrap())
    };
    for (path, why) in [
        (Path::new("/dev/zero"), "it is no file, and not read"),
        (&scene.beside("pipe"), "it is no file, and not read"),
        (&scene.beside("folder"), "is a directory"),
        (
            &large,
            "there are more than 1.0 MB, the most that is read of a gokku.yml",
        ),
        (&scene.beside("no-such"), "No such file"),
    ] {
        check(path).is_refused(1, why);
    }
}
