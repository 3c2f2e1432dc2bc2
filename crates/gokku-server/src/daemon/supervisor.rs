//! Keeps what has traffic alive: starts containers again that exited, corrects addresses that changed, and sees that
//! apps which something happened to are brought to how they should be (`settle`), and that nothing passes between networks.
//!
//! Docker's own restart policy cannot wait `restart_delay` seconds, and would start a container that a
//! transition has just stopped: so it is `no`, and this is the one who restarts.
//!
//! Nothing here waits for the engine: every question to it is a job beside the loop, with a limit, so that one that hangs
//! costs the one container it is about. What is to be done for a container, and in which order, is `upkeep`'s to say.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use gokku_core::config::gokku_yml::RestartPolicy;
use gokku_core::containers::{ContainerFacts, ContainerState, EventKind, Isolated, labels};
use gokku_core::logs::audit::Change;
use gokku_core::machine::backoff::Backoff;
use gokku_core::{AppName, ContainerId, ProcessKey, Slot, reconcile};
use gokku_proxy::Switch;
use gokku_proxy::support::task::{catch_panic, spawn_catching};
use tokio::time::{Instant, MissedTickBehavior, sleep, sleep_until, timeout};

use crate::app::apps;
use crate::daemon::isolation::{IsolationWatch, News};
use crate::daemon::outside::Outside;
use crate::daemon::upkeep::{Told, Upkeep, Why};
use crate::engine::runtime::Runtime;
use crate::plan::{isolation, networks};
use crate::queue::leftovers;
use crate::reconcile::settle::{self, Known};
use crate::record::audit_log;
use crate::server::Server;
use crate::space::prune;

/// How often the daemon looks for transitions whose process has died.
const LOOK: Duration = Duration::from_secs(2);
/// How often an engine that has gone is looked for; whoever starts a container waits until it is found.
const ENGINE_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long the engine may take for an answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long it may take to start a container.
const START: Duration = Duration::from_secs(60);
/// How long it may take to keep networks apart.
const ISOLATE: Duration = Duration::from_secs(180);
/// How long the engine may tell of nothing: then it is asked for its containers, to hear whether it answers.
const QUIET: Duration = Duration::from_secs(10);

/// How long what could not be mended is left alone; longer each time.
const MEND_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_MEND_PAUSE: Duration = Duration::from_secs(3600);

/// Runs for ever; an engine that goes away, or does not answer, is waited for.
pub(crate) async fn run(server: &Server, switch: &Switch, outside: Arc<dyn Outside>) {
    let mut watch = Watch {
        server,
        outside: Arc::clone(&outside),
        switch,
        upkeep: Upkeep::default(),
        running: HashMap::new(),
        suspects: HashSet::new(),
        unsettled: HashSet::new(),
        known: HashMap::new(),
        at: HashSet::new(),
        pruning: false,
        isolation: IsolationWatch::new(Instant::now()),
        found: false,
        jobs: FuturesUnordered::new(),
    };
    let mut pause = Backoff::up_to(ENGINE_PAUSE);
    let mut told = None;
    loop {
        match connect(&*outside).await {
            Ok(engine) => {
                let end = watch.follow(&engine).await;
                if std::mem::take(&mut watch.found) {
                    told = None;
                    pause.reset();
                }
                if end != End::Deaf && switch.set_watched(false) {
                    note(server, None, Change::EngineLost);
                }
                let words = match end {
                    End::Gone => {
                        watch.forget();
                        "the Docker Engine has gone; waiting for it"
                    }
                    End::Silent => {
                        switch.mark_unseen_down();
                        "the Docker Engine does not answer; waiting for it"
                    }
                    End::Deaf => "the Docker Engine has not told of what happened; it is asked again",
                };
                tell_once(&mut told, words);
            }
            Err(words) => {
                if switch.set_watched(false) {
                    note(server, None, Change::EngineLost);
                }
                tell_once(&mut told, &words);
                // One that is there may start containers, whether or not it answers.
                if outside.is_there().await {
                    switch.mark_unseen_down();
                }
            }
        }
        sleep(pause.take()).await;
    }
}

/// Tells the log, unless it was the last that it was told.
fn tell_once(told: &mut Option<String>, words: &str) {
    if told.as_deref() != Some(words) {
        tracing::warn!("{words}");
        *told = Some(words.to_owned());
    }
}

/// What comes of a question to the engine, within its limit; why nothing does, otherwise.
async fn ask<T, E: std::fmt::Display>(
    what: &str,
    limit: Duration,
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    match catch_panic(what, timeout(limit, asked)).await {
        Some(Ok(answer)) => answer.map_err(|error| error.to_string()),
        Some(Err(_)) => Err(format!(
            "{what}: the Docker Engine has not answered within {} s",
            limit.as_secs()
        )),
        None => Err(format!("{what}: it has panicked")),
    }
}

async fn connect(outside: &dyn Outside) -> Result<Arc<dyn Runtime>, String> {
    ask("connect to the engine", ANSWER, outside.connect()).await
}

/// Why an engine is not followed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Its connection has ended.
    Gone,
    /// It answers nothing.
    Silent,
    /// It answers, and does not tell what happens.
    Deaf,
}

/// What was done beside the loop.
enum Done {
    /// A container was looked at; where it was started, the switch knows where it is.
    Looked(ContainerId, Why, Result<Option<ContainerFacts>, String>),
    /// The switch was told where a container is.
    Corrected(ContainerId),
    /// A container was started.
    Started(ContainerFacts, Result<(), Refusal>),
    /// All containers were asked for; and whether the engine has answered anything.
    Listed(Result<Vec<ContainerFacts>, String>, bool),
    /// An app was compared with how it should be.
    Settled(AppName, Option<BTreeSet<reconcile::Drift>>),
    /// The build cache was kept to its budget.
    Pruned,
    /// Networks are kept apart, or why not.
    Isolated(Result<Isolated, String>),
}

/// Why a container was not started.
enum Refusal {
    /// The engine has said so.
    Said(String),
    /// It has said nothing: it may be that the container starts all the same.
    Unanswered(String),
}

/// What happens to the containers, across connections to the engine.
struct Watch<'a> {
    server: &'a Server,
    switch: &'a Switch,
    /// Where the engine is, and who works.
    outside: Arc<dyn Outside>,
    /// What is to be done for each container.
    upkeep: Upkeep,
    /// Which containers run, as far as the engine has told.
    running: HashMap<ContainerId, bool>,
    /// Those of which it had not told when it was asked last.
    suspects: HashSet<ContainerId>,
    /// Apps that something has happened to since they were compared with what they should be.
    unsettled: HashSet<AppName>,
    /// What is known of those that were.
    known: HashMap<AppName, Difference>,
    /// Apps that are being brought to how they should be.
    at: HashSet<AppName>,
    /// Whether the build cache is being kept to its budget.
    pruning: bool,
    /// When it is seen to that networks are kept apart.
    isolation: IsolationWatch,
    /// Whether the engine has said which containers there are, since that was asked last.
    found: bool,
    /// What is being done.
    jobs: FuturesUnordered<BoxFuture<'a, Done>>,
}

/// How an app differed from what it should be when it was last looked at.
#[derive(Debug)]
struct Difference {
    known: BTreeSet<reconcile::Drift>,
    /// When it is to be mended once more.
    again: Instant,
    pause: Duration,
}

/// Whether a container is one to keep running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeps {
    Yes,
    No,
    /// A transition is under way: its end says.
    Later,
}

fn note(server: &Server, app: Option<&AppName>, change: Change) {
    audit_log::note(&server.root, audit_log::DAEMON, app, change);
}

/// The app that a container belongs to.
fn app_of(label: Option<&str>) -> Option<AppName> {
    label.and_then(|app| app.parse().ok())
}

/// How long a container stays down before it is started again.
fn restart_delay(facts: &ContainerFacts) -> Duration {
    let delay = facts
        .label(labels::RESTART_DELAY)
        .and_then(|delay| delay.parse().ok());
    Duration::from_secs(delay.unwrap_or(5))
}

/// All containers of this server.
async fn list(server: &Server, engine: &Arc<dyn Runtime>) -> Result<Vec<ContainerFacts>, String> {
    let root = server.root.label();
    let mine = [(labels::ROOT, root.as_str())];
    ask("list the containers", ANSWER, engine.containers(&mine)).await
}

/// Tells the switch where a container is now.
async fn tell_switch(switch: &Switch, facts: &ContainerFacts) {
    let told = async {
        if let Some(address) = networks::address(facts)
            && switch.target(&facts.id).is_some()
            && let Err(error) = switch.mark_up(&facts.id, address).await
        {
            tracing::error!("{}: {error}", facts.name);
        }
    };
    catch_panic("tell the switch where a container is", told).await;
}

impl Watch<'_> {
    /// Follows the engine for as long as it tells what happens.
    async fn follow(&mut self, engine: &Arc<dyn Runtime>) -> End {
        let root = self.server.root.label();
        // Events first: what happens while we look is heard afterwards.
        let mut events = engine.events(&[(labels::ROOT, &root)]);
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // When the engine is asked for all containers; none while it is.
        let mut quiet = Some(Instant::now());
        let mut looked = false;
        loop {
            self.begin_due(engine);
            let next = self.upkeep.next(Instant::now());
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        quiet = quiet.map(|at| if looked { Instant::now() + QUIET } else { at });
                        self.unsettled.extend(app_of(event.labels.get(labels::APP).map(String::as_str)));
                        self.heed(&event.id, event.kind);
                    }
                    Some(Err(error)) if error.is_silence() => return End::Deaf,
                    Some(Err(_)) | None => return End::Gone,
                },
                container = self.switch.next_ended() => self.upkeep.ended(&container, Instant::now()),
                Some(done) = self.jobs.next() => match done {
                    Done::Listed(all, answers) => {
                        match all {
                            Ok(all) if !looked => {
                                looked = true;
                                self.look(all);
                                self.begin_settling();
                            }
                            Ok(all) => {
                                if self.is_deaf(all) {
                                    return End::Deaf;
                                }
                            }
                            Err(words) if answers => {
                                tracing::warn!("{words}");
                                if !looked {
                                    self.look_at_each();
                                }
                            }
                            Err(words) => {
                                tracing::warn!("{words}");
                                return if self.outside.is_there().await { End::Silent } else { End::Gone };
                            }
                        }
                        quiet = Some(Instant::now() + QUIET);
                    }
                    Done::Looked(id, why, found) => {
                        if self.looked(engine, &id, why, found) {
                            return End::Deaf;
                        }
                    }
                    Done::Corrected(id) => self.corrected(&id),
                    Done::Started(facts, started) => self.started(&facts, started),
                    Done::Settled(app, differing) => self.settled(app, differing),
                    Done::Pruned => self.pruning = false,
                    Done::Isolated(came) => self.isolated(came),
                },
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
                () = sleep_until(quiet.unwrap_or_else(Instant::now)), if quiet.is_some() => {
                    quiet = None;
                    let (server, engine) = (self.server, Arc::clone(engine));
                    let outside = Arc::clone(&self.outside);
                    let asking = async move {
                        // One that does not list its containers may answer all the rest.
                        let (all, answers) = tokio::join!(list(server, &engine), connect(&*outside));
                        Done::Listed(all, answers.is_ok())
                    };
                    self.jobs.push(asking.boxed());
                }
                _ = ticks.tick(), if looked => {
                    self.settle(engine);
                    self.keep_cache(engine);
                    self.isolate(engine);
                }
            }
        }
    }

    /// All containers have been looked at: so all apps are.
    fn begin_settling(&mut self) {
        self.found = true;
        if !self.switch.set_watched(true) {
            note(self.server, None, Change::EngineFound);
        }
        let all = apps::list(&self.server.root).unwrap_or_default();
        self.unsettled.extend(all.into_iter().map(|app| app.name));
    }

    /// The engine does not say which containers there are: those that have traffic are looked at one by one.
    fn look_at_each(&mut self) {
        for container in self.switch.containers() {
            self.upkeep.tell(&container, Told::Started);
        }
    }

    /// The engine has gone: what was to be done for containers is not known any more. It comes back with some of them.
    fn forget(&mut self) {
        self.upkeep = Upkeep::default();
        self.running.clear();
        self.suspects.clear();
        self.isolation.engine_gone();
    }

    /// Takes all containers in, after the daemon's start, and the engine's.
    fn look(&mut self, all: Vec<ContainerFacts>) {
        let running = |facts: &ContainerFacts| facts.state == ContainerState::Running;
        self.running = all
            .iter()
            .map(|facts| (facts.id.clone(), running(facts)))
            .collect();
        self.suspects.clear();
        // First those that do not run: one that is started now may get the address of any of them.
        for lost in self.switch.containers() {
            if self.running.get(&lost) != Some(&true) {
                self.switch.mark_down(&lost);
            }
        }
        for facts in all {
            match facts.state {
                ContainerState::Running => self.correct(&facts),
                ContainerState::Created => {}
                ContainerState::Exited if self.upkeep.has_ended(&facts.id) => {}
                // Whatever ended it, the machine or the engine went down as well: `on-failure` counts that as one.
                ContainerState::Exited => self.plan_restart(&facts, None, Instant::now()),
            }
        }
    }

    /// Compares what the engine says of all containers with what it has told. Whether it has left out something, and had
    /// when it was asked before.
    fn is_deaf(&mut self, all: Vec<ContainerFacts>) -> bool {
        let mut suspects = HashSet::new();
        for facts in all {
            let runs = facts.state == ContainerState::Running;
            let told = self.running.get(&facts.id).copied().unwrap_or(false);
            if runs != told && !self.upkeep.is_busy(&facts.id) {
                suspects.insert(facts.id.clone());
            }
            let target = self.switch.target(&facts.id);
            if runs && told && target.is_some_and(|target| target.status().down) {
                self.correct(&facts);
            }
        }
        let still = suspects.iter().any(|id| self.suspects.contains(id));
        self.suspects = suspects;
        still
    }

    fn heed(&mut self, id: &ContainerId, kind: EventKind) {
        let told = match kind {
            EventKind::Started => Told::Started,
            EventKind::Killed => Told::Killed,
            EventKind::Died(code) => Told::Died(code),
            EventKind::Removed => Told::Removed,
            EventKind::Other => return,
        };
        match told {
            Told::Started => {
                self.running.insert(id.clone(), true);
            }
            Told::Died(_) => {
                self.running.insert(id.clone(), false);
                self.switch.mark_down(id);
            }
            Told::Removed => {
                self.running.remove(id);
                self.switch.mark_down(id);
            }
            Told::Killed | Told::Ended(_) => {}
        }
        self.suspects.remove(id);
        self.upkeep.tell(id, told);
    }

    /// Begins to look at those containers that are to be looked at.
    fn begin_due(&mut self, engine: &Arc<dyn Runtime>) {
        for (id, why) in self.upkeep.begin(Instant::now()) {
            let (switch, engine) = (self.switch, Arc::clone(engine));
            let looking = async move {
                let found = ask("look at the container", ANSWER, engine.container(id.as_str())).await;
                if let (Why::Told(Told::Started), Ok(Some(facts))) = (why, &found) {
                    tell_switch(switch, facts).await;
                }
                Done::Looked(id, why, found)
            };
            self.jobs.push(looking.boxed());
        }
    }

    /// What follows from a look at a container. Whether it shows that the engine has left something out.
    fn looked(
        &mut self,
        engine: &Arc<dyn Runtime>,
        id: &ContainerId,
        why: Why,
        found: Result<Option<ContainerFacts>, String>,
    ) -> bool {
        let now = Instant::now();
        let facts = match found {
            Ok(Some(facts)) => facts,
            Ok(None) => {
                self.upkeep.done(id);
                self.upkeep.give_up(id);
                return false;
            }
            Err(words) => {
                if self.upkeep.failed(id, why, now) {
                    tracing::warn!(container = id.short(), "{words}; it is tried again");
                }
                return false;
            }
        };
        self.upkeep.done(id);
        self.corrected(id);
        if facts.state == ContainerState::Running {
            if why == Why::Due {
                self.upkeep.give_up(id);
            }
            return false;
        }
        self.switch.mark_down(id);
        let code = facts.details.as_ref().map(|details| details.exit_code);
        let (code, ended) = match why {
            Why::Due => {
                self.start(engine, facts);
                return false;
            }
            Why::Told(Told::Died(code)) => (Some(code), now),
            Why::Told(Told::Ended(ended)) => (code, ended),
            // It has ended since, and may have been told to before.
            Why::Told(_) => (code, now),
        };
        if facts.state == ContainerState::Exited {
            let at = ended + restart_delay(&facts);
            self.plan_restart(&facts, code, at);
        }
        matches!(why, Why::Told(Told::Ended(_)))
    }

    /// Whether a container has its app's traffic, and requests do not wait: then it is to run.
    fn has_traffic(&self, facts: &ContainerFacts) -> bool {
        let route = facts
            .label(labels::APP)
            .and_then(|app| app.parse().ok())
            .and_then(|app| self.switch.route(&app).ok());
        route.is_some_and(|route| {
            let status = self.switch.status(&route);
            !status.held && status.targets.iter().any(|target| target.container == facts.id)
        })
    }

    /// Whether a container is one to keep running: it has traffic, or it stands beside what has it.
    fn keeps(&self, facts: &ContainerFacts) -> Keeps {
        let process: Option<ProcessKey> = facts.read_label(labels::PROCESS);
        let app = app_of(facts.label(labels::APP));
        let beside = app.zip(process).filter(|(_, process)| !process.is_web());
        if let Some((app, _)) = &beside
            && self.server.app_dir(app).journal().exists()
        {
            return Keeps::Later;
        }
        if self.has_traffic(facts) {
            return Keeps::Yes;
        }
        let Some((app, process)) = beside else {
            return Keeps::No;
        };
        let route = self.switch.route(&app).map(|route| self.switch.status(&route));
        let serves = route.is_ok_and(|route| !route.held && !route.targets.is_empty());
        if serves && facts.name == Slot::Blue.container_name(&app, &process) {
            Keeps::Yes
        } else {
            Keeps::No
        }
    }

    /// Sees to a container that does not run; its exit code is known of one that was seen to end.
    fn plan_restart(&mut self, facts: &ContainerFacts, code: Option<i64>, at: Instant) {
        let keeps = self.keeps(facts);
        if keeps == Keeps::No || self.upkeep.is_due(&facts.id) {
            return;
        }
        let policy = facts.label(labels::RESTART).and_then(RestartPolicy::from_word);
        let wanted = match policy {
            Some(RestartPolicy::Always) => true,
            Some(RestartPolicy::OnFailure) => code != Some(0),
            Some(RestartPolicy::No) | None => false,
        };
        let again = wanted && !self.upkeep.is_by_hand(&facts.id);
        if let Some(code) = code.filter(|_| keeps == Keeps::Yes) {
            let change = Change::ContainerExited {
                container: facts.name.clone(),
                code,
                again: again.then(|| restart_delay(facts).as_secs()),
            };
            tracing::info!("{change}");
            note(self.server, app_of(facts.label(labels::APP)).as_ref(), change);
        }
        if again {
            self.upkeep.plan(&facts.id, at);
        }
    }

    /// Starts a container whose time has come, if it is still one to keep running.
    fn start(&mut self, engine: &Arc<dyn Runtime>, facts: ContainerFacts) {
        // Looked at again: a transition may have taken its traffic since.
        match self.keeps(&facts) {
            Keeps::Yes if facts.state == ContainerState::Exited => {}
            Keeps::Later if facts.state == ContainerState::Exited => {
                self.upkeep.plan(&facts.id, Instant::now() + LOOK);
                return;
            }
            _ => {
                self.upkeep.give_up(&facts.id);
                return;
            }
        }
        let engine = Arc::clone(engine);
        self.upkeep.start(&facts.id);
        let starting = async move {
            let starting = catch_panic("start a container", timeout(START, engine.start(&facts.id)));
            let started = match starting.await {
                Some(Ok(Ok(()))) => Ok(()),
                Some(Ok(Err(error))) => Err(Refusal::Said(error.to_string())),
                Some(Err(_)) => Err(Refusal::Unanswered(format!(
                    "the Docker Engine has not said within {} s whether it was started",
                    START.as_secs()
                ))),
                None => Err(Refusal::Unanswered("starting it has panicked".to_owned())),
            };
            Done::Started(facts, started)
        };
        self.jobs.push(starting.boxed());
    }

    fn started(&mut self, facts: &ContainerFacts, started: Result<(), Refusal>) {
        let app = app_of(facts.label(labels::APP));
        match started {
            Ok(()) => {
                // Whether or not the engine tells so.
                self.upkeep.started(&facts.id);
                let container = facts.name.clone();
                note(
                    self.server,
                    app.as_ref(),
                    Change::ContainerRestarted { container },
                );
            }
            Err(Refusal::Said(words)) => {
                tracing::warn!("{}: {words}", facts.name);
                self.upkeep.try_later(&facts.id, Instant::now() + LONGEST_PAUSE);
                self.unsettled.extend(app);
            }
            Err(Refusal::Unanswered(words)) => {
                tracing::warn!("{}: {words}", facts.name);
                self.upkeep.plan(&facts.id, Instant::now() + LONGEST_PAUSE);
            }
        }
    }

    /// Tells the switch where a container is now.
    fn correct(&mut self, facts: &ContainerFacts) {
        if self.switch.target(&facts.id).is_none() {
            return;
        }
        let (switch, facts) = (self.switch, facts.clone());
        self.jobs.push(
            async move {
                tell_switch(switch, &facts).await;
                Done::Corrected(facts.id)
            }
            .boxed(),
        );
    }

    /// The switch was told where a container was when it was looked at: that is nothing any more if it has ended since.
    fn corrected(&mut self, id: &ContainerId) {
        if self.upkeep.has_ended(id) {
            self.switch.mark_down(id);
        }
    }

    /// Sees to the apps whose transition was cut off, and to those that something has happened to.
    fn settle(&mut self, engine: &Arc<dyn Runtime>) {
        let root = &self.server.root;
        let now = Instant::now();
        for app in apps::list(root).unwrap_or_default() {
            let app = app.name;
            let (server, engine) = (self.server.clone(), Arc::clone(engine));
            let outside = Arc::clone(&self.outside);
            let dir = root.app_dir(&app);
            let cut_off = dir.journal().exists() || leftovers::has_leftovers(&dir);
            let before = self.known.get(&app);
            let again = before.is_some_and(|before| before.again <= now);
            if self.at.contains(&app) || !(cut_off || again || self.unsettled.contains(&app)) {
                continue;
            }
            // Who prunes does so last: the end of the old container has been told by then.
            let cut_off = cut_off || !prune::half_pruned(&dir).is_empty();
            // What happens from now on counts for the next time.
            self.unsettled.remove(&app);
            self.at.insert(app.clone());
            let known = Known {
                differences: before.map(|before| before.known.clone()).unwrap_or_default(),
                coming: self.upkeep.coming(),
                again,
            };
            let what = format!("bring {app} to how it should be");
            let name = app.clone();
            let settling = spawn_catching(what, async move {
                if cut_off {
                    settle::end(&server, &name, &engine).await;
                }
                let settled = settle::repair(&server, &name, &*engine, &known).await?;
                if let Some(operation) = settled.bring_up {
                    outside.work(&name, operation).await;
                }
                Some(settled.differing)
            });
            // Of one whose settling has panicked nothing is known.
            self.jobs
                .push(async move { Done::Settled(app, settling.await.flatten()) }.boxed());
        }
    }

    /// Sees to the build cache, once something was built.
    fn keep_cache(&mut self, engine: &Arc<dyn Runtime>) {
        if self.pruning || !prune::was_built(&self.server.root) {
            return;
        }
        self.pruning = true;
        let server = Server {
            by: audit_log::DAEMON.to_owned(),
            ..self.server.clone()
        };
        let engine = Arc::clone(engine);
        let pruning = spawn_catching("keep the build cache to its budget".to_owned(), async move {
            if let Err(error) = prune::keep_cache(&server, &*engine).await {
                tracing::warn!("{error}");
            }
        });
        self.jobs.push(
            async move {
                pruning.await;
                Done::Pruned
            }
            .boxed(),
        );
    }

    /// Sees to it that networks are kept apart, when it is time.
    fn isolate(&mut self, engine: &Arc<dyn Runtime>) {
        let range = isolation::range(&self.server.root);
        if !self.isolation.begin(Instant::now(), range) {
            return;
        }
        let (root, engine) = (self.server.root.clone(), Arc::clone(engine));
        let isolating = async move {
            let isolated = isolation::isolate(&*engine, &root, range);
            Done::Isolated(ask("keep the networks of apps apart", ISOLATE, isolated).await)
        };
        self.jobs.push(isolating.boxed());
    }

    fn isolated(&mut self, came: Result<Isolated, String>) {
        match self.isolation.done(Instant::now(), came) {
            Some(News::Made) => {
                tracing::info!("the networks of apps are kept apart by a rule of gokku's own");
            }
            Some(News::MadeAgain) => {
                tracing::warn!("the rule that keeps the networks of apps apart was gone, and was made again");
            }
            Some(News::ThereAfterAll) => tracing::info!("the networks of apps are kept apart after all"),
            Some(News::Failed(why)) => tracing::error!(
                "{why}: whenever a network is made, an app may reach another one's containers for a moment; it is tried again, and `gokku doctor` says what to do"
            ),
            None => {}
        }
    }

    /// Takes note of how an app was found; of one that somebody is at, nothing is known.
    fn settled(&mut self, app: AppName, differing: Option<BTreeSet<reconcile::Drift>>) {
        self.at.remove(&app);
        let Some(known) = differing else {
            self.unsettled.insert(app);
            return;
        };
        if known.iter().all(|difference| difference.repair().is_none()) {
            // Nothing that could be tried again.
            let again = Instant::now() + LONGEST_MEND_PAUSE;
            let pause = MEND_PAUSE;
            self.known.insert(app, Difference { known, again, pause });
            return;
        }
        let now = Instant::now();
        let (again, pause) = match self.known.get(&app) {
            Some(before) if before.again > now && before.known.is_superset(&known) => {
                (before.again, before.pause)
            }
            Some(before) if before.known.is_superset(&known) => {
                let pause = (before.pause * 2).min(LONGEST_MEND_PAUSE);
                (now + pause, pause)
            }
            _ => (now + MEND_PAUSE, MEND_PAUSE),
        };
        self.known.insert(app, Difference { known, again, pause });
    }
}
