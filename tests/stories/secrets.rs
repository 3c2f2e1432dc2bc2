//! The app's env never stands where others can read it: P29. Marked secrets go in, everything is done that gokku can do,
//! and everything that is left is searched.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use gokku_tests::{App, EngineEvents, Output, PushOutcome, Server, docker};

/// Words that stand nowhere else on the machine.
struct Marks {
    /// Written into the file by hand.
    hand: String,
    /// Given to `config set`.
    set: String,
    /// Printed by the migration: its arguments.
    migration: String,
    /// Committed, so that it must be found: in the image, and in what the app answers.
    code: String,
    /// Printed by an app as it fails.
    failing: String,
}

impl Marks {
    fn new() -> Self {
        let random = fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap();
        let mark = |what: &str| format!("mark-{what}-{}", random.trim());
        Self {
            hand: mark("hand"),
            set: mark("set"),
            migration: mark("migration"),
            code: mark("code"),
            failing: mark("failing"),
        }
    }

    /// What only the env file and the container may have.
    fn secret(&self) -> [&str; 2] {
        [&self.hand, &self.set]
    }
}

/// Looks at every process as fast as it can; gives the lines that have a mark.
struct Watch {
    on: Arc<AtomicBool>,
    seen: thread::JoinHandle<(usize, BTreeSet<String>)>,
}

impl Watch {
    fn start(server: &Server, marks: &Marks) -> Self {
        let on = Arc::new(AtomicBool::new(true));
        let still = Arc::clone(&on);
        let secrets = marks.secret().map(str::to_owned);
        let root = format!("GOKKU_ROOT={}", server.root().display());
        let seen = thread::spawn(move || {
            let (mut looked, mut seen) = (0, BTreeSet::new());
            // The watch ends with the story, also with one that fails.
            while still.load(Ordering::Relaxed) && Arc::strong_count(&still) > 1 {
                looked += 1;
                let began = Instant::now();
                for entry in fs::read_dir("/proc").unwrap().flatten() {
                    let text = |file: &str| {
                        let bytes = fs::read(entry.path().join(file)).unwrap_or_default();
                        String::from_utf8_lossy(&bytes).replace('\0', " ")
                    };
                    let line = text("cmdline");
                    // What a user has typed is on that user's command line.
                    let typed = line.contains(" config set ");
                    let environ = text("environ");
                    for secret in &secrets {
                        if line.contains(secret.as_str()) && !typed {
                            seen.insert(format!("command line: {line}"));
                        }
                        if environ.contains(&root) && environ.contains(secret.as_str()) {
                            seen.insert(format!("environment of: {line}"));
                        }
                    }
                }
                // Half of a core is left to what is looked at.
                thread::sleep(began.elapsed());
            }
            (looked, seen)
        });
        Self { on, seen }
    }

    #[track_caller]
    fn assert_nothing(self) {
        self.on.store(false, Ordering::Relaxed);
        let (looked, seen) = self.seen.join().unwrap();
        assert_eq!(seen, BTreeSet::new());
        assert!(looked > 20, "looked {looked} times");
    }
}

/// Every command's output, to be searched.
#[derive(Default)]
struct Said(Vec<String>);

impl Said {
    fn command(&mut self, output: &Output) {
        // Not the line that was typed.
        self.0.push(format!("{}{}", output.stdout, output.stderr));
    }

    fn push(&mut self, push: &PushOutcome) {
        self.0.push(push.output.clone());
    }

    #[track_caller]
    fn assert_without(&self, marks: &Marks) {
        for (said, secret) in self
            .0
            .iter()
            .flat_map(|said| marks.secret().map(|secret| (said, secret)))
        {
            assert!(!said.contains(secret), "{said}");
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut all, mut left) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(path) = left.pop() {
        if path.is_dir() && !path.is_symlink() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        all.push(path);
    }
    all
}

fn has(bytes: &[u8], mark: &str) -> bool {
    bytes.windows(mark.len()).any(|part| part == mark.as_bytes())
}

/// The files below a folder that have one of these words.
fn found(folder: &Path, words: &[&str]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for path in files(folder).into_iter().filter(|path| path.is_file()) {
        let bytes = fs::read(&path).unwrap_or_default();
        if words.iter().any(|word| has(&bytes, word)) {
            found.insert(path);
        }
    }
    found
}

#[track_caller]
fn assert_images_without(server: &Server, app: &App<'_>, marks: &Marks) {
    let tags = docker(["images", "--format", "{{.Repository}}:{{.Tag}}", app.name()]).ok();
    let mut control = false;
    for tag in tags.stdout.lines() {
        let saved = server.home().join("image.tar");
        docker(["save", "--output", saved.to_str().unwrap(), tag]).ok();
        let content = fs::read(&saved).unwrap();
        fs::remove_file(&saved).unwrap();
        control |= has(&content, &marks.code);
        let told = [
            docker(["history", "--no-trunc", tag]).ok().stdout,
            docker(["inspect", tag]).ok().stdout,
        ];
        for secret in marks.secret() {
            assert!(!has(&content, secret), "a layer of {tag}");
            assert!(told.iter().all(|told| !told.contains(secret)), "{tag}");
        }
    }
    assert!(control, "what is in a layer is found by this search");
}

/// What the engine tells everybody who listens.
#[track_caller]
fn assert_engine_without(listening: EngineEvents, marks: &Marks) {
    let told = listening.told();
    assert!(!told.is_empty(), "events of ours");
    for (event, secret) in told
        .iter()
        .flat_map(|event| marks.secret().map(move |secret| (event, secret)))
    {
        assert!(!event.json.contains(secret), "an event has {secret}");
    }
}

#[track_caller]
fn assert_containers_without(app: &App<'_>, marks: &Marks) {
    for container in app.containers() {
        let mut shown = docker(["inspect", &container.id]).ok().json();
        let env = shown[0]["Config"]["Env"].take().to_string();
        for secret in marks.secret() {
            assert!(env.contains(secret), "its own environment has it");
            assert!(!shown.to_string().contains(secret), "{shown}");
        }
    }
}

/// P29: everything that gokku does, once.
#[test]
fn p29_a_secret_is_seen_by_the_app_only() {
    let server = Server::new();
    let marks = Marks::new();
    let api = server.create("api");
    let watch = Watch::start(&server, &marks);
    let mut said = Said::default();
    server.write(
        format!("apps/{}/shared/.env", api.name()),
        format!(
            "BY_HAND={}\nMIGRATION_COMMAND=/app migrate {}\nZERO_DOWNTIME=true\nHEALTH_CHECK_TIMEOUT=20\n",
            marks.hand, marks.migration
        ),
    );
    said.command(&api.gokku(["config", "set", &format!("SET={}", marks.set)]).ok());
    let dev = api.working_copy();
    dev.write(
        "gokku.yml",
        fs::read_to_string(dev.folder().join("gokku.yml")).unwrap(),
    );
    said.push(&dev.release(&marks.code).ok().says(&marks.migration));
    said.push(&dev.release("v2").ok());

    // What fails tells much, but not that.
    let listening = EngineEvents::of(&api);
    let failing = dev.release_with(&marks.failing, &["exit-at-start=1"]).rejected();
    said.push(&failing.says(&marks.failing));
    said.push(&dev.release_with("bad2", &["migrate-exit=1"]).rejected());
    dev.write("Dockerfile", "FROM scratch\nCOPY nowhere /\n");
    dev.commit("bad3");
    said.push(&dev.push().rejected());
    dev.write_app("bad4", &["fail-health"]);
    dev.commit("bad4");
    let push = dev.start_push();
    push.wait_for("-----> Waiting until");
    let attached = server.start_gokku(api.named(["deploy", "--attach"]));
    attached.wait_for("-----> ");
    said.command(&api.gokku(["status"]));
    said.command(&api.gokku(["restart"]).exits(4));
    said.command(&api.gokku(["deploy", "--abort"]).ok());
    said.command(&attached.wait());
    said.command(&push.wait());

    for words in [
        &["rollback"][..],
        &["restart"],
        &["stop"],
        &["start"],
        &["deploy"],
        &["config", "set", "OTHER=1"],
        &["config", "unset", "OTHER"],
        &["run", "--", "/app", "migrate"],
        &["exec", "--", "/app", "migrate"],
        &["logs"],
        &["status"],
        &["status", "--json"],
        &["releases"],
        &["releases", "--json"],
        &["events"],
        &["events", "--json"],
        &["config", "set", "BAD KEY=1"],
        &["config", "set", "PORT=no"],
    ] {
        said.command(&api.gokku(words));
    }
    for words in [
        &["doctor"][..],
        &["proxy", "status", "--json"],
        &["proxy", "restart"],
        &["events"],
        &["apps", "list"],
    ] {
        said.command(&server.gokku(words));
    }
    said.assert_without(&marks);
    // Who asks for it gets it, and the app has it.
    api.gokku(["config", "get", "SET"]).ok().says(&marks.set);
    api.gokku(["config", "list"]).ok().says(&marks.hand);
    for (name, value) in [("SET", &marks.set), ("BY_HAND", &marks.hand)] {
        assert_eq!(&api.get(&format!("/env?name={name}")).unwrap().text(), value);
    }

    let env = api.path("shared/.env");
    let top = server.root().parent().unwrap();
    assert_eq!(found(top, &marks.secret()), BTreeSet::from([env]));
    assert_eq!(found(dev.folder(), &marks.secret()), BTreeSet::new());
    // The search finds what is there: the migration's words are in what the pusher saw.
    let migration = found(top, &[&marks.migration]);
    assert!(migration.iter().any(|path| path.starts_with(api.path("deploys"))));
    // What an app prints stands where the pusher reads it, and in no record, event or daemon's word.
    let printed = found(top, &[&marks.failing]);
    assert!(
        !printed.is_empty() && printed.iter().all(|path| path.starts_with(api.path("deploys"))),
        "{printed:?}"
    );
    let migration_only = migration
        .iter()
        .all(|path| path.starts_with(api.path("deploys")) || *path == api.path("shared/.env"));
    assert!(migration_only, "{migration:?}");
    assert_engine_without(listening, &marks);
    assert_images_without(&server, &api, &marks);
    assert_containers_without(&api, &marks);
    assert_modes(&server, &api);

    said.command(&server.gokku(["apps", "destroy", api.name(), "--yes"]).ok());
    said.assert_without(&marks);
    assert_eq!(found(top, &marks.secret()), BTreeSet::new());
    watch.assert_nothing();
}

/// Who may read what: the table in docs/reliability.md. Below `repos/` and `releases/` are git's and the commit's own
/// modes, behind folders that others cannot enter.
#[track_caller]
fn assert_modes(server: &Server, app: &App<'_>) {
    let table = BTreeMap::from([
        ("repos", 0o750),
        ("apps", 0o750),
        ("proxy", 0o750),
        ("run", 0o750),
        ("run/proxy.sock", 0o660),
        ("run/proxy.log", 0o600),
        ("run/worker.log", 0o600),
        ("apps/APP", 0o750),
        ("apps/APP/app.toml", 0o600),
        ("apps/APP/lock", 0o600),
        ("apps/APP/shared/.env", 0o600),
        ("apps/APP/shared/.env.lock", 0o600),
        ("apps/APP/deploys/ID.log", 0o600),
        ("apps/APP/releases/ID.toml", 0o600),
    ]);
    let owner = fs::metadata(server.root()).unwrap().uid();
    let mut met = BTreeSet::new();
    for path in files(server.root()) {
        let about = fs::symlink_metadata(&path).unwrap();
        assert_eq!(about.uid(), owner, "{}", path.display());
        if about.is_symlink() {
            continue;
        }
        let mode = about.permissions().mode() & 0o7777;
        let below = path.strip_prefix(server.root()).unwrap().display().to_string();
        let socket = below == "run/proxy.sock";
        assert!(
            mode & 0o022 == 0 || socket,
            "{below} can be written by others: {mode:o}"
        );
        let mut pattern = below.replace(app.name(), "APP");
        for (folder, end) in [("apps/APP/deploys/", ".log"), ("apps/APP/releases/", ".toml")] {
            if pattern.starts_with(folder) && pattern.ends_with(end) && !pattern[folder.len()..].contains('/')
            {
                pattern = format!("{folder}ID{end}");
            }
        }
        if let Some((pattern, wanted)) = table.get_key_value(pattern.as_str()) {
            assert_eq!(mode, *wanted, "{below} is {mode:o}");
            met.insert(*pattern);
        }
    }
    assert_eq!(met, table.keys().copied().collect(), "each of the table is there");
}
