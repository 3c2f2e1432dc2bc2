//! Keeps what has traffic alive: starts containers again that exited, corrects addresses that changed, and ends
//! transitions whose process has died.
//!
//! Docker's own restart policy cannot wait `restart_delay` seconds, and would start a container that a
//! transition has just stopped: so it is `no`, and this is the one who restarts.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::StreamExt;
use gokku_core::gokku_yml::RestartPolicy;
use gokku_core::{AppName, ContainerId, ReleaseId};
use gokku_docker::{ContainerFacts, ContainerState, Engine, Happening, labels};
use gokku_proxy::Switch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, sleep_until};

use crate::lock::{self, Attempt, Holder};
use crate::server::Server;
use crate::{NETWORK, apps, journal, recover};

/// How often the daemon looks for transitions whose process has died.
const LOOK: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// How often an engine that has gone is looked for; whoever starts a container waits until it is found.
const ENGINE_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Runs for ever; an engine that goes away is waited for.
pub(crate) async fn run(server: &Server, switch: &Switch) {
    let mut pause = FIRST_PAUSE;
    let mut looked = false;
    let mut told = None;
    loop {
        match server.engine().await {
            Ok(engine) => {
                told = None;
                pause = FIRST_PAUSE;
                looked |= Watch {
                    server,
                    switch,
                    engine,
                    by_hand: HashSet::new(),
                    due: HashMap::new(),
                    starting: JoinSet::new(),
                    recovering: JoinSet::new(),
                }
                .follow()
                .await;
                switch.set_watched(false);
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
        sleep_until(Instant::now() + pause).await;
        pause = (pause * 2).min(ENGINE_PAUSE);
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
    starting: JoinSet<(ContainerId, Result<(), gokku_docker::Error>)>,
    /// Transitions that are being ended, for the same reason.
    recovering: JoinSet<()>,
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
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next_due = self.due.values().min().copied();
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) => self.heed(&event.id, event.happening).await,
                    Some(Err(_)) | None => return true,
                },
                Some(Ok((id, started))) = self.starting.join_next() => if let Err(error) = started {
                    tracing::warn!("{error}");
                    self.due.insert(id, Instant::now() + LONGEST_PAUSE);
                },
                () = sleep_until(next_due.unwrap_or_else(Instant::now)), if next_due.is_some() => self.start_due().await,
                _ = ticks.tick(), if self.recovering.is_empty() => self.recover(),
                Some(_) = self.recovering.join_next() => {}
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
                ContainerState::Exited => self.plan_restart(&facts, 1, Duration::ZERO),
            }
        }
        Ok(())
    }

    async fn heed(&mut self, id: &ContainerId, happening: Happening) {
        match happening {
            Happening::Started => {
                self.by_hand.remove(id);
                self.due.remove(id);
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
                    self.plan_restart(&facts, code, Duration::from_secs(delay));
                }
            }
            Happening::Removed => {
                self.switch.lose(id);
                self.by_hand.remove(id);
                self.due.remove(id);
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

    fn plan_restart(&mut self, facts: &ContainerFacts, code: i64, delay: Duration) {
        let policy = facts.label(labels::RESTART).and_then(RestartPolicy::from_word);
        let wanted = match policy {
            Some(RestartPolicy::Always) => true,
            Some(RestartPolicy::OnFailure) => code != 0,
            Some(RestartPolicy::No) | None => false,
        };
        if wanted && self.has_traffic(facts) && !self.by_hand.contains(&facts.id) {
            tracing::info!(
                "{} has exited (code {code}) and is started again in {} s",
                facts.name,
                delay.as_secs()
            );
            self.due.insert(facts.id.clone(), Instant::now() + delay);
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
            if facts.state == ContainerState::Exited && self.has_traffic(&facts) {
                let engine = self.engine.clone();
                self.starting.spawn(async move {
                    let started = engine.start(&id).await;
                    (id, started)
                });
            }
        }
    }

    /// Tells the switch where a container is now.
    async fn correct(&self, facts: &ContainerFacts) {
        if let Some(address) = facts.addresses.get(NETWORK)
            && self.switch.target(&facts.id).is_some()
            && let Err(error) = self.switch.repair(&facts.id, *address).await
        {
            tracing::error!("{}: {error}", facts.name);
        }
    }

    /// Ends transitions whose process has died.
    fn recover(&mut self) {
        let root = &self.server.root;
        for app in apps::list(root).unwrap_or_default() {
            if root.journal(&app.name).exists() || recover::has_leftovers(root, &app.name) {
                let (server, engine) = (self.server.clone(), self.engine.clone());
                self.recovering.spawn(end(server, app.name, engine));
            }
        }
    }
}

/// Ends an app's transition, unless its process lives.
async fn end(server: Server, app: AppName, engine: Engine) {
    let journal = journal::load(&server.root, &app).ok().flatten();
    let holder = Holder {
        pid: std::process::id(),
        by: "gokku".to_owned(),
        what: "recovery".to_owned(),
        id: journal.map_or(ReleaseId::at(0), |journal| journal.id),
    };
    let Ok(Attempt::Got(_lock)) = lock::try_acquire(&server.root, &app, &holder) else {
        return;
    };
    let ended = Box::pin(recover::recover(&server, &app, &engine)).await;
    let swept = ended.and_then(|()| recover::sweep(&server.root, &app));
    if let Err(error) = swept {
        tracing::error!("{error}");
    }
}
