//! Keeps what has traffic alive: starts containers again that exited, corrects addresses that changed, and sees that
//! apps which something happened to are brought to how they should be (`settle`).
//!
//! Docker's own restart policy cannot wait `restart_delay` seconds, and would start a container that a
//! transition has just stopped: so it is `no`, and this is the one who restarts.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use futures_util::StreamExt;
use gokku_core::change::Change;
use gokku_core::gokku_yml::RestartPolicy;
use gokku_core::pause::Pause;
use gokku_core::{AppName, ContainerId, ProcessKey, Slot, reconcile};
use gokku_docker::{ContainerFacts, ContainerState, Engine, Happening, labels};
use gokku_proxy::Switch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, sleep, sleep_until};

use crate::server::Server;
use crate::settle::{self, Known};
use crate::{apps, events, networks, prune, recover};

/// How often the daemon looks for transitions whose process has died.
const LOOK: Duration = Duration::from_secs(2);
/// How often an engine that has gone is looked for; whoever starts a container waits until it is found.
const ENGINE_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long what could not be mended is left alone; longer each time.
const MEND_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_MEND_PAUSE: Duration = Duration::from_secs(3600);

/// Runs for ever; an engine that goes away is waited for.
pub(crate) async fn run(server: &Server, switch: &Switch) {
    let mut known = HashMap::new();
    let mut pause = Pause::up_to(ENGINE_PAUSE);
    let mut looked = false;
    let mut told = None;
    loop {
        match server.engine().await {
            Ok(engine) => {
                told = None;
                pause.reset();
                note(server, None, Change::EngineFound);
                looked |= Watch {
                    server,
                    switch,
                    engine,
                    by_hand: HashSet::new(),
                    due: HashMap::new(),
                    starting: JoinSet::new(),
                    coming: HashSet::new(),
                    unsettled: HashSet::new(),
                    known: &mut known,
                    settling: JoinSet::new(),
                    at: HashSet::new(),
                    pruning: JoinSet::new(),
                }
                .follow()
                .await;
                switch.set_watched(false);
                note(server, None, Change::EngineLost);
                tracing::warn!("the Docker Engine has gone; waiting for it");
            }
            Err(error) => {
                let words = error.to_string();
                if told.as_ref() != Some(&words) {
                    tracing::warn!("{words}");
                    told = Some(words);
                }
                // What was seen before is better than what the table says: a container that was down still is.
                if !looked {
                    switch.trust();
                }
            }
        }
        sleep(pause.take()).await;
    }
}

/// One connection to the engine, for as long as it lasts.
struct Watch<'a> {
    server: &'a Server,
    switch: &'a Switch,
    engine: Engine,
    /// Containers that somebody stopped; they stay down until somebody starts them, or the engine restarts.
    by_hand: HashSet<ContainerId>,
    /// When containers are to be started again.
    due: HashMap<ContainerId, Instant>,
    /// Containers that are being started: what happens meanwhile is heard at once.
    starting: JoinSet<(ContainerFacts, Result<(), gokku_docker::Error>)>,
    /// Containers that are about to be started, or are being.
    coming: HashSet<ContainerId>,
    /// Apps that something has happened to since they were compared with what they should be.
    unsettled: HashSet<AppName>,
    /// What is known of those that were.
    known: &'a mut HashMap<AppName, Difference>,
    /// Apps that are being brought to how they should be, for the same reason.
    settling: JoinSet<(AppName, Option<BTreeSet<reconcile::Difference>>)>,
    /// Their names.
    at: HashSet<AppName>,
    /// The build cache being kept to its budget.
    pruning: JoinSet<()>,
}

/// How an app differed from what it should be when it was last looked at.
#[derive(Debug)]
struct Difference {
    known: BTreeSet<reconcile::Difference>,
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
    events::note(&server.root, events::DAEMON, app, change);
}

/// The app that a container belongs to.
fn app_of(label: Option<&str>) -> Option<AppName> {
    label.and_then(|app| app.parse().ok())
}

impl Watch<'_> {
    /// Whether it could look.
    async fn follow(mut self) -> bool {
        let root = self.server.root.label();
        // Events first: what happens while we look is heard afterwards.
        let mut events = self.engine.events(&[(labels::ROOT, &root)]);
        if self.look().await.is_err() {
            return false;
        }
        self.switch.set_watched(true);
        let all = apps::list(&self.server.root).unwrap_or_default();
        self.unsettled.extend(all.into_iter().map(|app| app.name));
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next_due = self.due.values().min().copied();
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        self.unsettled.extend(app_of(event.labels.get(labels::APP).map(String::as_str)));
                        self.heed(&event.id, event.happening).await;
                    }
                    Some(Err(_)) | None => return true,
                },
                Some(Ok((facts, started))) = self.starting.join_next() => self.started(&facts, started),
                () = sleep_until(next_due.unwrap_or_else(Instant::now)), if next_due.is_some() => self.start_due().await,
                _ = ticks.tick() => {
                    self.settle();
                    self.keep_cache();
                }
                Some(_) = self.pruning.join_next() => {}
                Some(Ok((app, differing))) = self.settling.join_next() => self.settled(app, differing),
            }
        }
    }

    /// Looks at every container once: after the daemon's start, and the engine's.
    async fn look(&mut self) -> Result<(), gokku_docker::Error> {
        let root = self.server.root.label();
        let all = self.engine.containers(&[(labels::ROOT, &root)]).await?;
        let runs = |id: &ContainerId| {
            all.iter()
                .any(|facts| facts.id == *id && facts.state == ContainerState::Running)
        };
        // First those that do not run: one that is started now may get the address of any of them.
        for lost in self.switch.containers().iter().filter(|id| !runs(id)) {
            self.switch.lose(lost);
        }
        for facts in all {
            match facts.state {
                ContainerState::Running => self.correct(&facts).await,
                ContainerState::Created => {}
                // Whatever ended it, the machine or the engine went down as well: `on-failure` counts that as one.
                ContainerState::Exited => self.plan_restart(&facts, None, Duration::ZERO),
            }
        }
        Ok(())
    }

    async fn heed(&mut self, id: &ContainerId, happening: Happening) {
        match happening {
            Happening::Started => {
                self.by_hand.remove(id);
                self.due.remove(id);
                self.coming.remove(id);
                if let Ok(Some(facts)) = self.engine.container(id.as_str()).await {
                    self.correct(&facts).await;
                }
            }
            Happening::Killed => {
                self.by_hand.insert(id.clone());
            }
            Happening::Died(code) => {
                self.switch.lose(id);
                if let Ok(Some(facts)) = self.engine.container(id.as_str()).await
                    && facts.state == ContainerState::Exited
                {
                    let delay = facts
                        .label(labels::RESTART_DELAY)
                        .and_then(|delay| delay.parse().ok())
                        .unwrap_or(5);
                    self.plan_restart(&facts, Some(code), Duration::from_secs(delay));
                }
            }
            Happening::Removed => {
                self.switch.lose(id);
                self.by_hand.remove(id);
                self.due.remove(id);
                self.coming.remove(id);
            }
            Happening::Other => {}
        }
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
            && self.server.root.journal(app).exists()
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
    fn plan_restart(&mut self, facts: &ContainerFacts, code: Option<i64>, delay: Duration) {
        let policy = facts.label(labels::RESTART).and_then(RestartPolicy::from_word);
        let wanted = match policy {
            Some(RestartPolicy::Always) => true,
            Some(RestartPolicy::OnFailure) => code != Some(0),
            Some(RestartPolicy::No) | None => false,
        };
        let keeps = self.keeps(facts);
        if keeps == Keeps::No {
            return;
        }
        let again = wanted && !self.by_hand.contains(&facts.id);
        if let Some(code) = code.filter(|_| keeps == Keeps::Yes) {
            let change = Change::ContainerExited {
                container: facts.name.clone(),
                code,
                again: again.then_some(delay.as_secs()),
            };
            tracing::info!("{change}");
            note(self.server, app_of(facts.label(labels::APP)).as_ref(), change);
        }
        if again {
            self.due.insert(facts.id.clone(), Instant::now() + delay);
            self.coming.insert(facts.id.clone());
        }
    }

    fn started(&mut self, facts: &ContainerFacts, started: Result<(), gokku_docker::Error>) {
        let app = app_of(facts.label(labels::APP));
        match started {
            Ok(()) => {
                let container = facts.name.clone();
                note(
                    self.server,
                    app.as_ref(),
                    Change::ContainerRestarted { container },
                );
            }
            Err(error) => {
                tracing::warn!("{error}");
                self.due.insert(facts.id.clone(), Instant::now() + LONGEST_PAUSE);
                // From now on it is one that does not run.
                self.coming.remove(&facts.id);
                self.unsettled.extend(app);
            }
        }
    }

    async fn start_due(&mut self) {
        let now = Instant::now();
        let due: Vec<ContainerId> = self
            .due
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            self.due.remove(&id);
            let Ok(Some(facts)) = self.engine.container(id.as_str()).await else {
                continue;
            };
            // Looked at again: a transition may have taken its traffic since.
            match self.keeps(&facts) {
                Keeps::Yes if facts.state == ContainerState::Exited => {
                    let engine = self.engine.clone();
                    self.starting.spawn(async move {
                        let started = engine.start(&id).await;
                        (facts, started)
                    });
                }
                Keeps::Later if facts.state == ContainerState::Exited => {
                    self.due.insert(id, Instant::now() + LOOK);
                }
                _ => {
                    self.coming.remove(&id);
                }
            }
        }
    }

    /// Tells the switch where a container is now.
    async fn correct(&self, facts: &ContainerFacts) {
        if let Some(address) = networks::address(facts)
            && self.switch.target(&facts.id).is_some()
            && let Err(error) = self.switch.repair(&facts.id, address).await
        {
            tracing::error!("{}: {error}", facts.name);
        }
    }

    /// Sees to the apps whose transition was cut off, and to those that something has happened to.
    fn settle(&mut self) {
        let root = &self.server.root;
        let now = Instant::now();
        for app in apps::list(root).unwrap_or_default() {
            let app = app.name;
            let (server, engine) = (self.server.clone(), self.engine.clone());
            let cut_off = root.journal(&app).exists() || recover::has_leftovers(root, &app);
            let before = self.known.get(&app);
            let again = before.is_some_and(|before| before.again <= now);
            if self.at.contains(&app) || !(cut_off || again || self.unsettled.contains(&app)) {
                continue;
            }
            // Who prunes does so last: the end of the old container has been told by then.
            let cut_off = cut_off || !prune::half_pruned(root, &app).is_empty();
            // What happens from now on counts for the next time.
            self.unsettled.remove(&app);
            self.at.insert(app.clone());
            let known = Known {
                differences: before.map(|before| before.known.clone()).unwrap_or_default(),
                coming: self.coming.clone(),
                again,
            };
            self.settling.spawn(async move {
                if cut_off {
                    settle::end(&server, &app, &engine).await;
                }
                let differing = settle::mend(&server, &app, &engine, &known).await;
                (app, differing)
            });
        }
    }

    /// Sees to the build cache, once something was built.
    fn keep_cache(&mut self) {
        if !self.pruning.is_empty() || !prune::was_built(&self.server.root) {
            return;
        }
        let server = Server {
            by: events::DAEMON.to_owned(),
            ..self.server.clone()
        };
        let engine = self.engine.clone();
        self.pruning.spawn(async move {
            if let Err(error) = prune::keep_cache(&server, &engine).await {
                tracing::warn!("{error}");
            }
        });
    }

    /// Takes note of how an app was found; of one that somebody is at, nothing is known.
    fn settled(&mut self, app: AppName, differing: Option<BTreeSet<reconcile::Difference>>) {
        self.at.remove(&app);
        let Some(known) = differing else {
            self.unsettled.insert(app);
            return;
        };
        if known.iter().all(|difference| difference.mend().is_none()) {
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
