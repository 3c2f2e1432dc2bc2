//! A server with one app, on an engine and a traffic switch in memory: what can be asked of it, and what the daemon does for it.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use gokku_core::access::domain_grants::DomainGrants;
use gokku_core::config::processes::Scale;
use gokku_core::containers::{ContainerFacts, ContainerState, labels};
use gokku_core::logs::event::Event;
use gokku_core::reconcile::Repair;
use gokku_core::{Access, AppName, Asker, CommitId, ReleaseId, TreeId};
use gokku_proxy::route::table::{Routes, TableFile};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::app::apps::{self, App};
use crate::app::records;
use crate::engine::fake::fault::Fault;
use crate::engine::fake::world::World;
use crate::engine::fake::{Fake, behaving};
use crate::engine::runtime::Runtime;
use crate::fs::app_dir::AppDir;
use crate::fs::root::Root;
use crate::queue::{lock, transition_log};
use crate::reconcile::{drift, settle};
use crate::server::Server;
use crate::simulation::operation::Operation;
use crate::simulation::outcome::Expected;
use crate::simulation::switch::{Answered, InMemory, address, domain_of};
use crate::worker::request::{self, Request};
use crate::worker::run::run_on;

/// What a worker came to that was killed.
pub(super) const KILLED: &str = "killed";

/// How often the daemon looks after an app until nothing is left to be done.
const LOOKS: usize = 6;

/// How long a program may take to begin.
const FORK: Duration = Duration::from_secs(2);

/// How much is shown of what transitions have told.
const STORY: usize = 60;

/// When the worker is killed, beside what its calls lead to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    Never,
    /// When it has been woken so often.
    After(usize),
}

/// A rule that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// Whoever was cut off is not gone on with: the journal is removed.
    Recovers,
    /// A container that answers nobody is taken for one that does.
    AsksForHealth,
    /// Whatever differs is left.
    Repairs,
}

/// How an app is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Whether a new release stands beside the old one before that is stopped.
    pub(super) zero_downtime: bool,
    /// Whether it has more than a web process.
    pub(super) several: bool,
}

impl Shape {
    pub(super) const ALL: [Self; 4] = [
        Self {
            zero_downtime: true,
            several: false,
        },
        Self {
            zero_downtime: false,
            several: false,
        },
        Self {
            zero_downtime: true,
            several: true,
        },
        Self {
            zero_downtime: false,
            several: true,
        },
    ];

    /// What the code of a release says of its app, whose domain is the release's alone.
    fn gokku_yml(self, app: &AppName, release: ReleaseId) -> String {
        let processes = if self.several {
            "    processes:
      web: {count: 2}
      worker: {command: /app, stay_up: 1}
      clock: {command: /app, stay_up: 1, overlap: false}
"
        } else {
            ""
        };
        let domain = domain_of(app, release);
        format!("apps:\n  {app}:\n    environments: [{{name: production, domains: [{domain}]}}]\n{processes}")
    }
}

/// What came of many tries.
#[derive(Default)]
pub(super) struct Tally {
    tried: usize,
    wrong: Vec<String>,
}

impl Tally {
    /// Takes note of a try's end.
    pub(super) async fn count(&mut self, stage: &Stage, expected: Expected, about: impl FnOnce() -> String) {
        self.tried += 1;
        if let Err(why) = stage.look(expected).await {
            self.wrong.push(format!("{}: {why}\n{}", about(), stage.story()));
        }
    }

    /// Tells how many were tried, which must have been so many, and fails where something was wrong.
    pub(super) fn end(self, what: &str, least: usize) {
        let Self { tried, wrong } = self;
        println!("{what}: {tried}");
        assert!(
            wrong.is_empty(),
            "{what}: {} of {tried}:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
        assert!(tried >= least, "{what}: {tried}");
    }
}

pub(super) struct Stage {
    pub(super) server: Server,
    pub(super) app: AppName,
    pub(super) fake: Fake,
    pub(super) switch: InMemory,
    shape: Shape,
    /// A rule that is broken, to see whether that is found.
    pub(super) broken: Option<Broken>,
    /// Whether the supervisor runs, which may have the app at any time.
    pub(super) supervised: bool,
    commits: u32,
    folder: TempDir,
    before: Before,
}

/// Where each try begins.
#[derive(Default)]
struct Before {
    world: World,
    routes: Routes,
    answered: Answered,
}

impl Stage {
    /// Where everything of the app is.
    pub(super) fn dir(&self) -> AppDir {
        self.server.app_dir(&self.app)
    }

    /// A server whose app is where the operation can begin.
    pub(super) async fn new(shape: Shape, operation: Operation) -> Self {
        // In memory: what must be on the disk is brought there again and again.
        let memory = Path::new("/dev/shm");
        let above = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let folder = tempfile::Builder::new()
            .prefix("gokku-")
            .tempdir_in(above)
            .expect("a folder");
        let root = Root::open(&folder.path().join("server")).expect("the server's folders");
        let fake = Fake::new(folder.path().to_owned());
        let switch = InMemory::new(
            TableFile::at(root.routes()),
            Routes::new(),
            &fake,
            Answered::new(),
        );
        let mut stage = Self {
            server: Server {
                root,
                program: "/bin/true".into(),
                engine: "/no/engine".into(),
                switch: Arc::new(switch.clone()),
                version: "simulated".to_owned(),
                by: "test".to_owned(),
                access: Access::All,
                asker: Asker::Owner,
                domains: DomainGrants::default(),
                reached_at: None,
            },
            app: "api".parse().expect("a name"),
            fake,
            switch,
            shape,
            broken: None,
            supervised: false,
            commits: 0,
            folder,
            before: Before::default(),
        };
        stage.add("api", operation).await;
        stage.keep();
        stage
    }

    /// Adds an app, which is brought to where the operation can begin, and is what this is about from now on.
    pub(super) async fn add(&mut self, app: &str, operation: Operation) {
        self.app = app.parse().expect("a name");
        self.make_app();
        for earlier in operation.earlier() {
            let (told, _) = self.act(*earlier, Vec::new(), Cut::Never).await;
            assert!(told.contains("Succeeded"), "{earlier:?} to begin with: {told}");
        }
    }

    fn make_app(&self) {
        let root = &self.server.root;
        for folder in [
            self.dir().path(),
            self.dir().releases(),
            self.dir().deploys(),
            self.dir().path().join("shared"),
            self.dir().path().join("incoming"),
        ] {
            fs::create_dir_all(folder).expect("made");
        }
        let app = App {
            version: 1,
            name: self.app.clone(),
            environment: "production".parse().expect("an environment"),
            branch: Some("main".parse().expect("a branch")),
            scale: Scale::new(),
            volumes: BTreeMap::new(),
            stands_back: false,
            created: "2026-01-01T00:00:00Z".to_owned(),
        };
        apps::save(root, &app).expect("saved");
        let env = format!(
            "ZERO_DOWNTIME={}\nSTOP_TIMEOUT=1\nDRAIN_TIMEOUT=1\n",
            self.shape.zero_downtime
        );
        fs::write(self.dir().env(), env).expect("written");
    }

    fn kept(&self) -> PathBuf {
        self.folder.path().join("kept")
    }

    /// Keeps how everything is now.
    fn keep(&mut self) {
        let routes = TableFile::at(self.server.root.routes())
            .load()
            .expect("a table")
            .routes;
        // Whether their code is what git says is asked of git, which there is none of.
        for mut record in records::list(&self.dir()).expect("records") {
            record.commit = None;
            records::save(&self.dir(), &record).expect("saved");
        }
        self.before = Before {
            world: self.fake.world().copy(),
            routes,
            answered: self.switch.answered(),
        };
        copy(self.server.root.path(), &self.kept());
    }

    /// Makes everything as it was when it was kept.
    pub(super) async fn reset(&mut self) {
        // What nobody waits for any more comes to its end.
        tokio::time::sleep(Duration::from_secs(1000)).await;
        self.fake.go_right();
        let root = &self.server.root;
        fs::remove_dir_all(root.path()).expect("removed");
        copy(&self.kept(), root.path());
        *self.fake.world() = self.before.world.copy();
        let table = TableFile::at(root.routes());
        let (routes, answered) = (self.before.routes.clone(), self.before.answered.clone());
        self.switch = InMemory::new(table, routes, &self.fake, answered);
        self.switch.believe(self.broken == Some(Broken::AsksForHealth));
        self.server.switch = Arc::new(self.switch.clone());
        self.tell_switch().await;
    }

    /// Tells the switch where the containers are that run.
    async fn tell_switch(&self) {
        let routes = self.switch.routes();
        for id in routes.containers() {
            match address(&self.fake, &id) {
                Some(address) => drop(routes.mark_up(&id, address).await),
                None => routes.mark_down(&id),
            }
        }
    }

    /// Has a worker do it, with these calls to the engine going wrong; what it came to, and its calls.
    pub(super) async fn act(
        &mut self,
        operation: Operation,
        faults: Vec<(usize, Fault)>,
        cut: Cut,
    ) -> (String, Vec<&'static str>) {
        behaving(&self.fake, operation.behaviour());
        let asked = match operation {
            Operation::FirstDeploy | Operation::Deploy | Operation::BadDeploy | Operation::SickDeploy => {
                self.commits += 1;
                let id = format!("{:040x}", self.commits);
                request::Operation::Deploy {
                    commit: id.parse::<CommitId>().expect("a commit"),
                    tree: TreeId::new(id),
                    branch: "main".parse().expect("a branch"),
                    push: None,
                    rebuild: false,
                    took_out: 0,
                }
            }
            Operation::Rollback => request::Operation::Rollback { release: None },
            Operation::Restart => request::Operation::Restart,
            Operation::ScaleUp | Operation::ScaleDown => {
                let count = match (self.shape.several, operation) {
                    (false, Operation::ScaleUp) => 2,
                    (true, Operation::ScaleUp) => 3,
                    _ => 1,
                };
                request::Operation::Scale {
                    scale: Scale::from([("web".parse().expect("a process"), count)]),
                }
            }
            Operation::Stop => request::Operation::Stop,
            Operation::Start => request::Operation::Start,
            Operation::Destroy => request::Operation::Destroy { volumes: false },
        };
        self.ask(asked, faults, cut).await
    }

    /// The calls of an operation to which nothing happens.
    pub(super) async fn calls(&mut self, operation: Operation) -> Vec<&'static str> {
        self.reset().await;
        let (told, calls) = self.act(operation, Vec::new(), Cut::Never).await;
        if let Err(why) = self.look(operation.expected()).await {
            panic!("{operation:?} without a fault: {why}\n  it had come to: {told}");
        }
        assert!(calls.len() > 2, "{operation:?}: {calls:?}");
        calls
    }

    /// An operation from the beginning, to which something happens, and then the daemon's end of it, to which something may
    /// happen at first; what the worker came to.
    pub(super) async fn attempt(
        &mut self,
        operation: Operation,
        faults: Vec<(usize, Fault)>,
        cut: Cut,
        daemon: &[(usize, Fault)],
    ) -> String {
        self.reset().await;
        let (told, _) = self.act(operation, faults, cut).await;
        if !daemon.is_empty() {
            self.settle_with(daemon.to_vec()).await;
        }
        self.settle().await;
        told
    }

    /// The same of anything that can be asked.
    pub(super) async fn ask(
        &self,
        operation: request::Operation,
        faults: Vec<(usize, Fault)>,
        cut: Cut,
    ) -> (String, Vec<&'static str>) {
        assert!(self.supervised || self.is_free(), "somebody has the app");
        let request = request(&self.dir(), operation);
        let id = request.id;
        if request.operation.deploys() {
            let code = self.dir().incoming(id);
            fs::create_dir_all(&code).expect("made");
            fs::write(code.join("Dockerfile"), "FROM scratch\n").expect("written");
            let text = self.shape.gokku_yml(&self.app, id);
            fs::write(code.join("gokku.yml"), text).expect("written");
        }
        let (_keep, asked) = watch::channel(false);
        let engine = self.engine();
        self.fake.go_wrong(faults);
        let mut running = Box::pin(run_on(&self.server, async { Ok(engine) }, &request, asked));
        let mut polls = 0;
        let cut = poll_fn(|context| {
            if matches!(cut, Cut::After(most) if polls >= most) {
                return Poll::Ready(None);
            }
            polls += 1;
            running.as_mut().poll(context).map(Some)
        });
        let done = tokio::select! {
            biased;
            () = self.fake.caller_dies() => None,
            done = cut => done,
        };
        let came_to = match done {
            None => KILLED.to_owned(),
            Some(done) => {
                let told = transition_log::read(&self.dir(), id);
                let last = told.last().map(|stamped| format!("{:?}", stamped.event));
                format!("{done:?} {}", last.unwrap_or_default())
            }
        };
        drop(running);
        (came_to, self.fake.go_right())
    }

    /// Whether nobody has the app. A program that another test starts has the open files of this process, and so its locks,
    /// until it is that program: that is waited for, in real time.
    pub(super) fn is_free(&self) -> bool {
        let began = std::time::Instant::now();
        let limit = if self.supervised { Duration::ZERO } else { FORK };
        loop {
            match lock::holder(&self.dir()) {
                Ok(Some(_)) if began.elapsed() < limit => std::thread::yield_now(),
                holder => return !matches!(holder, Ok(Some(_))),
            }
        }
    }

    pub(super) fn engine(&self) -> Arc<dyn Runtime> {
        Arc::new(self.fake.clone())
    }

    /// The app's containers.
    pub(super) fn containers(&self) -> Vec<ContainerFacts> {
        let labels = [
            (labels::ROOT.to_owned(), self.server.root.label()),
            (labels::APP.to_owned(), self.app.to_string()),
        ];
        self.fake.world().containers(&labels)
    }

    /// What the daemon does, until nothing is left to be done.
    pub(super) async fn settle(&self) {
        // A minute later: code that no worker has come to use by then is nobody's.
        let past = SystemTime::now() - Duration::from_secs(120);
        let incoming = self.dir().path().join("incoming");
        for code in fs::read_dir(incoming).into_iter().flatten().flatten() {
            let code = File::open(code.path()).and_then(|code| code.set_modified(past));
            code.expect("older");
        }
        for _ in 0..LOOKS {
            if self.settle_once().await {
                return;
            }
        }
    }

    /// What the last transitions have told, in short.
    pub(super) fn story(&self) -> String {
        let mut lines = Vec::new();
        for id in transition_log::list(&self.dir()) {
            for told in transition_log::read(&self.dir(), id) {
                let line = format!("    {:?}", told.event);
                lines.push(line.chars().take(250).collect::<String>());
            }
        }
        lines[lines.len().saturating_sub(STORY)..].join("\n")
    }

    /// Whether a transition has told this.
    pub(super) fn has_told(&self, event: &Event) -> bool {
        let dir = self.dir();
        let all = transition_log::list(&dir).into_iter();
        all.flat_map(|id| transition_log::read(&dir, id))
            .any(|told| told.event == *event)
    }

    /// The same, once, with calls that go wrong; it may be killed in the midst of it.
    pub(super) async fn settle_with(&self, faults: Vec<(usize, Fault)>) {
        self.fake.go_wrong(faults);
        tokio::select! {
            biased;
            () = self.fake.caller_dies() => {}
            _ = self.settle_once() => {}
        }
        self.fake.go_right();
    }

    /// Whether nothing is left to be done.
    async fn settle_once(&self) -> bool {
        assert!(self.is_free(), "somebody has the app");
        let engine = self.engine();
        // The switch is told where those are that run.
        self.tell_switch().await;
        if self.broken == Some(Broken::Recovers) {
            // What there is to be removed, if anything, is.
            let _ = fs::remove_file(self.dir().journal());
        }
        Box::pin(settle::end(&self.server, &self.app, &engine)).await;
        let is_there = self.dir().path().exists();
        if !is_there || self.dir().journal().exists() || self.broken == Some(Broken::Repairs) {
            return !is_there;
        }
        if self
            .containers()
            .iter()
            .any(|one| one.state != ContainerState::Running)
        {
            self.keep_up(&*engine).await;
        }
        let known = settle::Known {
            again: true,
            ..settle::Known::default()
        };
        let settled = Box::pin(settle::repair(&self.server, &self.app, &*engine, &known)).await;
        let Some(settled) = settled else { return false };
        if let Some(operation) = settled.bring_up {
            self.ask(operation, Vec::new(), Cut::Never).await;
            return false;
        }
        settled.differing.is_empty()
    }

    /// Starts what has traffic, or stands beside what has it, as the supervisor does.
    async fn keep_up(&self, engine: &dyn Runtime) {
        let differs = drift::look(&self.server, engine, &self.app, &HashSet::new()).await;
        for one in differs.into_iter().flatten() {
            if let gokku_core::reconcile::Drift::Down { name, .. } = &one
                && one.repair() != Some(Repair::Activate)
                && let Ok(Some(facts)) = engine.container(name).await
            {
                // One that cannot be started is looked at again.
                let _ = engine.start(&facts.id).await;
            }
        }
        self.tell_switch().await;
    }
}

/// A request, which is begun.
pub(super) fn request(dir: &AppDir, operation: request::Operation) -> Request {
    Request {
        app: dir.app().clone(),
        id: transition_log::allocate(dir).expect("an id"),
        by: "test".to_owned(),
        asker: Asker::Owner,
        only: None,
        domains: DomainGrants::default(),
        operation,
        wait: false,
    }
}

/// Copies a folder with everything below it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            copy(&path, &target);
        } else if kind.is_symlink() {
            let leads_to = fs::read_link(&path).expect("a link");
            std::os::unix::fs::symlink(leads_to, target).expect("linked");
        } else {
            fs::copy(&path, target).expect("copied");
        }
    }
}
