//! The loop: observe, ask the core, perform one step, again.

use std::collections::HashSet;
use std::time::Duration;

use gokku_core::event::Event;
use gokku_core::transition::{Decision, Failure, FailureKind, Goal, Journal, Observed, Step, next};
use gokku_core::{AppName, ContainerId};
use gokku_docker::{ContainerFacts, ImageFacts};
use gokku_proxy::Client;
use tokio::sync::watch;

use crate::error::{Error, Kind};
use crate::log::Log;
use crate::pause::Pause;
use crate::plan::Plan;
use crate::root::Root;
use crate::runtime::Runtime;
use crate::server::Server;
use crate::{clock, ensure, journal};

/// How often a step that cannot be given up is tried before the transition is left to the daemon.
const ATTEMPTS: u32 = 10;
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Performs one transition of one app. Whoever makes it holds the app's lock.
pub struct Driver<R> {
    server: Server,
    pub(crate) root: Root,
    pub(crate) app: AppName,
    pub(crate) runtime: R,
    pub(crate) switch: Client,
    pub(crate) plan: Plan,
    pub(crate) goal: Goal,
    pub(crate) journal: Journal,
    pub(crate) log: Log,
    /// True once somebody asked to stop.
    pub(crate) abort: watch::Receiver<bool>,
    /// The containers that passed their health check since they were last started.
    pub(crate) proven: HashSet<ContainerId>,
    /// The goal's image, once seen.
    pub(crate) image: Option<ImageFacts>,
    /// The containers as last seen.
    pub(crate) facts: Vec<ContainerFacts>,
}

/// How a transition ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The goal is reached.
    Done,
    /// It was given up, and everything is as before.
    GaveUp(Failure),
    /// It can neither go on nor back now; the journal stays for whoever comes next.
    Left(String),
}

/// What a driver is made of.
pub struct Parts<R> {
    /// The server.
    pub server: Server,
    /// The app.
    pub app: AppName,
    /// Where containers run.
    pub runtime: R,
    /// What the release is built and run with.
    pub plan: Plan,
    /// What is wanted.
    pub goal: Goal,
    /// Where it is told.
    pub log: Log,
    /// True once somebody asked to stop.
    pub abort: watch::Receiver<bool>,
}

impl<R: Runtime> Driver<R> {
    /// A transition that begins now: its journal is written before anything is done.
    pub async fn begin(parts: Parts<R>, id: gokku_core::ReleaseId) -> Result<Self, Error> {
        let placeholder = Journal::begin(id, parts.goal.clone(), &Observed::default());
        let mut driver = Self::of(parts, placeholder);
        let observed = driver.observe().await?;
        driver.journal = Journal::begin(id, driver.goal.clone(), &observed);
        journal::save(&driver.root, &driver.app, &driver.journal)?;
        Ok(driver)
    }

    /// A transition that somebody else began.
    pub fn resume(parts: Parts<R>, journal: Journal) -> Self {
        Self::of(parts, journal)
    }

    fn of(parts: Parts<R>, journal: Journal) -> Self {
        let switch = parts.server.switch();
        Self {
            root: parts.server.root.clone(),
            server: parts.server,
            app: parts.app,
            runtime: parts.runtime,
            switch,
            plan: parts.plan,
            goal: parts.goal,
            journal,
            log: parts.log,
            abort: parts.abort,
            proven: HashSet::new(),
            image: None,
            facts: Vec::new(),
        }
    }

    /// The log, to tell more of it.
    pub fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Goes on until an end. When there is one, the journal is gone; that of an app that is destroyed goes with it.
    pub async fn run(&mut self) -> End {
        let mut patience = Patience::new();
        loop {
            let observed = match self.observe().await {
                Ok(observed) => observed,
                Err(error) => {
                    self.revive(&error).await;
                    if patience.is_over("observe", &error.message).await {
                        return End::Left(error.message);
                    }
                    continue;
                }
            };
            self.heed_abort(&observed);
            let (step, why) = match next(&self.goal, &self.journal, &observed) {
                Decision::Do { step, why } => (step, why),
                Decision::Done => return self.end(End::Done),
                Decision::GiveUp(failure) => return self.end(End::GaveUp(failure)),
            };
            if self.journal.before(&step)
                && let Err(error) = self.save()
            {
                return End::Left(error.message);
            }
            let result = self.tell(&step, why, &observed).await;
            let failed = result.as_ref().err().cloned();
            let given_up_before = (self.journal.failure.is_some(), self.journal.former_failed);
            if self.journal.after(&step, &observed, result)
                && let Err(error) = self.save()
            {
                tracing::warn!("{error}");
            }
            let given_up = (self.journal.failure.is_some(), self.journal.former_failed);
            match failed {
                // What cannot be given up is tried again.
                Some(error) if given_up == given_up_before => {
                    if patience.is_over(step.name(), &error).await {
                        return End::Left(format!("{}: {error}", step.name()));
                    }
                }
                _ => patience = Patience::new(),
            }
        }
    }

    /// A traffic switch that has gone is started again, so that a transition comes to its end without it being missed.
    async fn revive(&self, error: &Error) {
        if error.kind == Kind::Unavailable
            && let Err(error) = ensure::running(&self.server).await
        {
            tracing::warn!("{error}");
        }
    }

    fn end(&mut self, end: End) -> End {
        if self.goal == Goal::Destroy {
            // It goes with the app's folder: until then whoever comes next goes on from here.
            return end;
        }
        match journal::remove(&self.root, &self.app) {
            Ok(()) => end,
            Err(error) => End::Left(error.message),
        }
    }

    pub(crate) fn save(&self) -> Result<(), Error> {
        journal::save(&self.root, &self.app, &self.journal)
    }

    /// Somebody who asks to stop is heard until the switch.
    fn heed_abort(&mut self, observed: &Observed) {
        if *self.abort.borrow()
            && matches!(self.goal, Goal::Activate(_))
            && !self.journal.switched(observed)
            && self.journal.note(FailureKind::Aborted, String::new())
            && let Err(error) = self.save()
        {
            tracing::warn!("{error}");
        }
    }

    /// Performs a step and tells of it.
    async fn tell(&mut self, step: &Step, why: &'static str, observed: &Observed) -> Result<(), String> {
        let name = step.name().to_owned();
        let about = self.about(step);
        self.log.tell(Event::StepStarted {
            step: name.clone(),
            about,
            why: why.to_owned(),
        });
        let began = clock::now_ms();
        let can_stop = self.journal.failure.is_none() && !self.journal.switched(observed);
        let mut asked_to_stop = self.abort.clone();
        let result = tokio::select! {
            result = self.perform(step) => result.map_err(|error| error.message),
            _ = asked_to_stop.wait_for(|asked| *asked), if can_stop && is_long(step) => {
                self.journal.note(FailureKind::Aborted, String::new());
                Err("aborted".to_owned())
            }
        };
        let ms = u64::try_from(clock::now_ms() - began).unwrap_or(0);
        self.log.tell(match &result {
            Ok(()) => Event::StepFinished { step: name, ms },
            Err(error) => Event::StepFailed {
                step: name,
                ms,
                error: error.clone(),
            },
        });
        result
    }

    /// What a step is about, in words.
    fn about(&self, step: &Step) -> String {
        let names = |ids: &[ContainerId]| {
            let name = |id: &ContainerId| {
                self.facts
                    .iter()
                    .find(|facts| facts.id == *id)
                    .map_or(id.short().to_owned(), |facts| facts.name.clone())
            };
            ids.iter().map(name).collect::<Vec<_>>().join(", ")
        };
        match step {
            Step::Start { containers }
            | Step::AwaitHealth { containers }
            | Step::Drain { containers }
            | Step::Stop { containers }
            | Step::Remove { containers }
            | Step::Switch { targets: containers } => names(containers),
            Step::Create { process } => gokku_core::Slot::Green.container_name(&self.app, process),
            Step::Rename { container, process } => format!(
                "{} to {}",
                names(std::slice::from_ref(container)),
                gokku_core::Slot::Blue.container_name(&self.app, process)
            ),
            Step::SetCurrent { release } => release.map_or_else(String::new, |id| id.to_string()),
            _ => String::new(),
        }
    }
}

/// Whether a step may take long enough to be cut short.
fn is_long(step: &Step) -> bool {
    matches!(
        step,
        Step::Build | Step::Migrate | Step::AwaitHealth { .. } | Step::Drain { .. }
    )
}

/// Trying again: more slowly each time, and not for ever.
struct Patience {
    attempts: u32,
    pause: Pause,
}

impl Patience {
    fn new() -> Self {
        Self {
            attempts: 0,
            pause: Pause::up_to(LONGEST_PAUSE),
        }
    }

    /// Waits before the next attempt; true when there is to be none.
    async fn is_over(&mut self, what: &str, error: &str) -> bool {
        self.attempts += 1;
        tracing::warn!("{what} failed, attempt {}: {error}", self.attempts);
        if self.attempts >= ATTEMPTS {
            return true;
        }
        self.pause.wait().await;
        false
    }
}
