//! The loop: observe, ask the core, perform one step, again.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use gokku_core::containers::{ContainerFacts, ImageFacts};
use gokku_core::logs::event::Event;
use gokku_core::logs::subject::{StepStarted, Subject};
use gokku_core::machine::backoff::Backoff;
use gokku_core::transition::{
    Abort, Cause, Decision, Failure, FailureKind, Goal, Journal, Observed, Previous, Refs, Step, abort,
    abort_detail, lets_go, next,
};
use gokku_core::{Access, AppName, ContainerId, ReleaseId, Slot};
use gokku_git::RefTransaction;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::app::{self, scale};
use crate::engine::daemon_client;
use crate::engine::runtime::Runtime;
use crate::engine::traffic_switch::TrafficSwitch;
use crate::fs::app_dir::AppDir;
use crate::fs::atomic;
use crate::fs::durable::{self, Pending};
use crate::kind::Kind;
use crate::plan::networks;
use crate::plan::networks::Networks;
use crate::plan::release_plan::Plan;
use crate::queue::abort::{asked, asked_by};
use crate::queue::journal;
use crate::queue::transition_log::Log;
use crate::server::Server;
use crate::transition::Error;
use crate::transition::carried::Carried;
use crate::transition::observe::seen;
use crate::transition::post_deploy;

/// How often a step that cannot be given up is tried before the transition is left to the daemon.
const ATTEMPTS: u32 = 10;
/// How long at most, where each attempt waits for an engine that does not answer.
const LONGEST_TRIAL: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// What a step that asks the engine for something short has left when somebody asks for the end: hardly ever is it needed, and
/// then what became of it is known.
const GRACE_OF_STEP: Duration = Duration::from_secs(3);
/// The same for a migration, which ends itself: its container is stopped and removed.
const GRACE_OF_MIGRATION: Duration = Duration::from_secs(15);

/// Performs one transition of one app. Whoever makes it holds the app's lock.
pub struct Driver {
    server: Server,
    /// The app.
    pub(crate) dir: AppDir,
    /// When it began.
    pub(crate) since: Instant,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) switch: Arc<dyn TrafficSwitch>,
    pub(crate) plan: Plan,
    pub(crate) goal: Goal,
    pub(crate) journal: Journal,
    pub(crate) log: Log,
    /// True once somebody asked for its end.
    pub(crate) asked: watch::Receiver<bool>,
    /// That was told to be too late.
    told_too_late: bool,
    /// What is to be added to the step that puts the code in its place.
    took_out: Duration,
    /// That the engine has no init was told.
    pub(crate) told_no_init: bool,
    /// The containers that passed their health check since they were last started.
    pub(crate) proven: HashSet<ContainerId>,
    /// The goal's image, once seen.
    pub(crate) image: Option<ImageFacts>,
    /// What its image declares as volumes, once looked at.
    pub(crate) carried: Option<Vec<Carried>>,
    /// The networks of what is made, once looked at.
    pub(crate) networks: Option<Networks>,
    /// The networks of the containers that were there in the beginning.
    pub(crate) networks_before: BTreeSet<String>,
    /// The containers as last seen.
    pub(crate) facts: Vec<ContainerFacts>,
    /// How far the push's refs are; none until whoever goes on with another's transition has looked.
    pub(crate) refs: Option<Refs>,
    /// They are locked by it.
    pub(crate) locked: Option<RefTransaction>,
    /// Nothing of the builder's cache is to be used: it may have what a power cut has broken.
    pub(crate) without_cache: bool,
    /// The release whose build the engine has not told the end of.
    pub(crate) unheard_build: Option<ReleaseId>,
    /// What the new release is made of, on its way to the disk.
    pub(crate) pending: Option<Pending>,
}

/// How a transition ended.
#[derive(Debug)]
pub enum End {
    /// The goal is reached.
    Done,
    /// It was given up, and everything is as before; but for what became of the former release meanwhile.
    GaveUp(Failure, Previous),
    /// It can neither go on nor back now; the journal stays for whoever comes next.
    Left(Error),
}

/// What a driver is made of.
pub struct DriverConfig {
    /// The server.
    pub server: Server,
    /// The app.
    pub app: AppName,
    /// Where containers run.
    pub runtime: Arc<dyn Runtime>,
    /// What the release is built and run with.
    pub plan: Plan,
    /// What is wanted.
    pub goal: Goal,
    /// Where it is told.
    pub log: Log,
    /// True once somebody asked for its end.
    pub asked: watch::Receiver<bool>,
    /// How long it took to take the code out of the repository, before it began.
    pub took_out: Duration,
}

impl Driver {
    /// Begins a transition: its journal is written before anything is done.
    pub async fn begin(parts: DriverConfig, id: ReleaseId) -> Result<Self, Error> {
        let placeholder = Journal::begin(id, parts.goal.clone(), &Observed::default());
        let mut driver = Self::of(parts, placeholder);
        driver.refs = Some(Refs::Unmoved);
        let observed = driver.observe().await?;
        driver.networks_before = networks::of_containers(&driver.facts);
        driver.journal = Journal::begin(id, driver.goal.clone(), &observed);
        journal::save(&driver.dir, &driver.journal)?;
        Ok(driver)
    }

    /// Goes on with a transition that somebody else began.
    pub fn resume(parts: DriverConfig, journal: Journal) -> Self {
        Self::of(parts, journal)
    }

    fn of(parts: DriverConfig, journal: Journal) -> Self {
        let switch = Arc::clone(&parts.server.switch);
        Self {
            dir: parts.server.app_dir(&parts.app),
            server: parts.server,
            since: Instant::now(),
            runtime: parts.runtime,
            switch,
            plan: parts.plan,
            goal: parts.goal,
            journal,
            log: parts.log,
            asked: parts.asked,
            told_too_late: false,
            took_out: parts.took_out,
            told_no_init: false,
            proven: HashSet::new(),
            image: None,
            carried: None,
            networks: None,
            networks_before: BTreeSet::new(),
            facts: Vec::new(),
            refs: None,
            locked: None,
            without_cache: false,
            unheard_build: None,
            pending: None,
        }
    }

    /// The apps that whoever asked may know of.
    pub(crate) fn access(&self) -> &Access {
        &self.server.access
    }

    /// Returns the log, to tell more of it.
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
                    // Who asked for its end does not wait for what cannot be seen: the daemon goes on when it can.
                    if self.heeds_abort_unseen().await || patience.is_over("observe", &error).await {
                        self.let_go().await;
                        return End::Left(error);
                    }
                    continue;
                }
            };
            self.heed_abort(&observed);
            let (step, why) = match next(&self.goal, &self.journal, &observed) {
                Decision::Do { step, why } => (step, why),
                Decision::Done => {
                    // Until it is on the disk there is a journal, and whoever goes on brings it there.
                    if let Err(error) = self.bring_to_disk().await {
                        if patience.is_over("disk", &error).await {
                            return End::Left(error);
                        }
                        continue;
                    }
                    // Before the journal goes: whoever goes on after a crash runs it too.
                    self.post_deploy().await;
                    return match self.keep_scale() {
                        Ok(()) => self.end(End::Done),
                        Err(error) => End::Left(error.into()),
                    };
                }
                Decision::GiveUp(failure) => {
                    let previous = self.journal.previous_now();
                    return self.end(End::GaveUp(failure, previous));
                }
            };
            if self.journal.before(&step)
                && let Err(error) = self.save()
            {
                return End::Left(error);
            }
            let Some(result) = self.tell(&step, why, &observed).await else {
                self.heed_abort(&observed);
                continue;
            };
            let told = result.as_ref().copied().map_err(ToString::to_string);
            let given_up_before = (self.journal.failure.is_some(), self.journal.previous_failed);
            if self.journal.after(&step, &observed, told)
                && let Err(error) = self.save()
            {
                tracing::warn!("{error}");
            }
            let given_up = (self.journal.failure.is_some(), self.journal.previous_failed);
            match result {
                // What cannot be given up is tried again.
                Err(error) if given_up == given_up_before => {
                    if patience.is_over(step.name().as_str(), &error).await {
                        self.let_go().await;
                        return End::Left(Error::Step {
                            step: step.name(),
                            source: Box::new(error),
                        });
                    }
                }
                _ => patience = Patience::new(),
            }
        }
    }

    /// A traffic switch that has gone is started again, so that a transition comes to its end without it being missed.
    async fn revive(&self, error: &Error) {
        if error.kind() == Kind::Unavailable
            && let Err(error) = daemon_client::running(&self.server).await
        {
            tracing::warn!("{error}");
        }
    }

    /// Begins to bring to the disk what a new release is made of: its code, its image, the commit, its record.
    pub(crate) async fn begin_to_write(&mut self) {
        if let Ok(data) = self.runtime.data_folders().await {
            self.pending = Some(Pending::begin(durable::folders(self.dir.root().path(), data)));
        }
    }

    /// Waits until that is there, before anything of the former release leaves for the new one.
    pub(crate) async fn is_written(&mut self, step: &Step) -> Result<(), Error> {
        let leaves = matches!(
            step,
            Step::Hold | Step::Drain { .. } | Step::Stop { .. } | Step::Switch { .. }
        );
        match self.pending.take_if(|_| leaves && self.journal.failure.is_none()) {
            Some(pending) => {
                pending.end().await?;
                Ok(atomic::remove(&self.dir.unwritten())?)
            }
            None => Ok(()),
        }
    }

    /// Brings to the disk what was written since: the containers, the branch, what is active.
    async fn bring_to_disk(&mut self) -> Result<(), Error> {
        if !matches!(self.goal, Goal::Activate(_)) {
            return Ok(());
        }
        let data = self.runtime.data_folders().await?;
        Pending::begin(durable::folders(self.dir.root().path(), data))
            .end()
            .await?;
        Ok(atomic::remove(&self.dir.unwritten())?)
    }

    /// Runs what is to be run in the new container when a deploy has reached its goal.
    async fn post_deploy(&mut self) {
        let commands = &self.plan.config.deployment.post_deploy;
        let Goal::Activate(activation) = &self.goal else {
            return;
        };
        if commands.is_empty() || !activation.makes_release() {
            return;
        }
        let first = activation.processes.iter().find(|one| activation.is_routed(one));
        let name = first.map(|process| Slot::Blue.container_name(self.dir.app(), process));
        if let Some(first) = self.facts.iter().find(|facts| Some(&facts.name) == name.as_ref()) {
            post_deploy::run(&*self.runtime, &first.id, commands, &mut self.log).await;
        }
    }

    /// What somebody has scaled stays so from now on.
    fn keep_scale(&self) -> Result<(), app::Error> {
        match &self.goal {
            Goal::Activate(activation) if activation.cause == Cause::Scale => {
                scale::keep(&self.dir, &self.plan.processes, &activation.processes)
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, end: End) -> End {
        if self.goal == Goal::Destroy {
            // It goes with the app's folder: until then whoever comes next goes on from here.
            return end;
        }
        match journal::remove(&self.dir) {
            Ok(()) => end,
            Err(error) => End::Left(error.into()),
        }
    }

    pub(crate) fn save(&self) -> Result<(), Error> {
        Ok(journal::save(&self.dir, &self.journal)?)
    }

    /// Somebody who asks for its end is heard until the switch, and told when it is too late.
    fn heed_abort(&mut self, observed: &Observed) {
        if !*self.asked.borrow() {
            return;
        }
        let by = asked_by(&self.dir, self.journal.id);
        match abort(&self.goal, &self.journal, observed) {
            Abort::Heard => {
                let detail = abort_detail(by.as_deref(), &self.journal);
                if self.journal.note(FailureKind::Aborted, detail)
                    && let Err(error) = self.save()
                {
                    tracing::warn!("{error}");
                }
            }
            Abort::TooLate(why) if !self.told_too_late => {
                self.told_too_late = true;
                let why = why.to_owned();
                self.log.tell(Event::AbortRefused { by, why });
            }
            Abort::TooLate(_) | Abort::GivenUpAlready => {}
        }
    }

    /// The route alone: what is known while the engine does not answer.
    async fn route_alone(&self) -> Option<Observed> {
        let route = self.switch.find_route(self.dir.app()).await.ok()??;
        Some(Observed {
            route: seen(&route),
            ..Observed::default()
        })
    }

    /// Hears somebody who asks for the end while nobody can look at the engine; whether it is to be given up.
    async fn heeds_abort_unseen(&mut self) -> bool {
        if !*self.asked.borrow() {
            return false;
        }
        let Some(observed) = self.route_alone().await else {
            return false;
        };
        self.heed_abort(&observed);
        self.journal.failure.is_some()
    }

    /// Before the transition is left to whoever can look again: requests that wait for it would wait for nobody.
    async fn let_go(&self) {
        let Some(observed) = self.route_alone().await else {
            return;
        };
        if lets_go(&self.goal, &self.journal, &observed.route)
            && let Err(error) = self.switch.release(self.dir.app()).await
        {
            tracing::warn!("{error}");
        }
    }

    /// Performs a step and tells of it; none when it was cut short.
    async fn tell(
        &mut self,
        step: &Step,
        why: &'static str,
        observed: &Observed,
    ) -> Option<Result<(), Error>> {
        let name = step.name();
        let about = self.about(step);
        self.log.tell(Event::StepStarted(StepStarted {
            step: name,
            about,
            why: why.to_owned(),
        }));
        let began = std::time::Instant::now();
        let result = self.perform_unless_asked(step, observed).await;
        let mut took = began.elapsed();
        if matches!(step, Step::Export) {
            took += std::mem::take(&mut self.took_out);
        }
        self.log.tell(match &result {
            Some(Ok(())) => Event::StepFinished { step: name, took },
            failed => Event::StepFailed {
                step: name,
                took,
                error: match failed {
                    Some(Err(error)) => error.to_string(),
                    _ => "aborted".to_owned(),
                },
            },
        });
        result
    }

    /// Performs a step. One that takes long is cut short when somebody asks for the end before the switch, and one that waits
    /// for the engine soon after; after the switch who asks is told at once, not when the last request is answered.
    async fn perform_unless_asked(&mut self, step: &Step, observed: &Observed) -> Option<Result<(), Error>> {
        let mut receiver = self.asked.clone();
        let verdict = abort(&self.goal, &self.journal, observed);
        if matches!(verdict, Abort::Heard) {
            let written = tokio::select! {
                written = self.is_written(step) => written,
                () = asked(&mut receiver) => return None,
            };
            if let Err(error) = written {
                return Some(Err(error));
            }
        }
        let result = match verdict {
            _ if *receiver.borrow() => self.perform(step).await,
            Abort::Heard if is_long(step) => {
                tokio::select! {
                    result = self.perform(step) => result,
                    () = asked(&mut receiver) => return None,
                }
            }
            Abort::Heard => {
                let over = async {
                    match grace(step) {
                        Some(grace) => {
                            asked(&mut receiver).await;
                            sleep(grace).await;
                        }
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    result = self.perform(step) => result,
                    // What the engine does of it later is seen then: by the next look, or by the daemon.
                    () = over => return None,
                }
            }
            Abort::GivenUpAlready => self.perform(step).await,
            Abort::TooLate(_) => {
                let late = TooLate {
                    dir: self.dir.clone(),
                    id: self.journal.id,
                    log: self.log.beside(),
                };
                let mut told = false;
                let result = {
                    let mut perform = std::pin::pin!(self.perform(step));
                    tokio::select! {
                        result = &mut perform => result,
                        () = asked(&mut receiver) => {
                            told = late.tell(verdict);
                            perform.await
                        }
                    }
                };
                self.told_too_late |= told;
                result
            }
        };
        // A migration ends itself: whoever goes on must not find its container still being made.
        let cut_short = result.is_err() && matches!(step, Step::Migrate) && *self.asked.borrow();
        (!cut_short).then_some(result)
    }

    /// What a step is about.
    fn about(&self, step: &Step) -> Subject {
        let name = |id: &ContainerId| {
            let facts = self.facts.iter().find(|facts| facts.id == *id);
            facts.map_or(id.short().to_owned(), |facts| facts.name.clone())
        };
        let about = match step {
            Step::Start { containers }
            | Step::AwaitHealth { containers }
            | Step::Drain { containers }
            | Step::Stop { containers }
            | Step::Remove { containers }
            | Step::Switch { targets: containers } => {
                Some(Subject::Containers(containers.iter().map(name).collect()))
            }
            Step::Create { process } => {
                let name = Slot::Green.container_name(self.dir.app(), process);
                Some(Subject::Containers(vec![name]))
            }
            Step::Rename { container, process } => Some(Subject::Rename {
                container: name(container),
                to: Slot::Blue.container_name(self.dir.app(), process),
            }),
            Step::Pull => self.reference().map(Subject::Image),
            Step::CommitRefs | Step::RestoreRefs => self.goal.pushed_branch().map(Subject::Branch),
            Step::SetCurrent { release } => release.map(Subject::Release),
            Step::Export
            | Step::Build
            | Step::Migrate
            | Step::Hold
            | Step::PrepareRefs
            | Step::Unroute
            | Step::Release
            | Step::Discard
            | Step::NoteFailure { .. } => None,
        };
        about.unwrap_or(Subject::App)
    }
}

/// What is needed to tell somebody that it is too late, while a step is performed.
struct TooLate {
    dir: AppDir,
    id: ReleaseId,
    log: Option<Log>,
}

impl TooLate {
    /// Whether it could be told.
    fn tell(self, verdict: Abort) -> bool {
        let (Abort::TooLate(why), Some(mut log)) = (verdict, self.log) else {
            return false;
        };
        let by = asked_by(&self.dir, self.id);
        let why = why.to_owned();
        log.tell(Event::AbortRefused { by, why });
        true
    }
}

/// Whether a step may take long enough to be cut short, and can be at any moment.
fn is_long(step: &Step) -> bool {
    matches!(
        step,
        Step::Build | Step::Pull | Step::AwaitHealth { .. } | Step::Drain { .. }
    )
}

/// How long a step may still take when somebody asks for the end; none for one that nothing outside can hold up.
fn grace(step: &Step) -> Option<Duration> {
    match step {
        Step::Migrate => Some(GRACE_OF_MIGRATION),
        Step::Create { .. }
        | Step::Start { .. }
        | Step::Stop { .. }
        | Step::Remove { .. }
        | Step::Rename { .. } => Some(GRACE_OF_STEP),
        _ => None,
    }
}

/// Trying again: more slowly each time, and not for ever.
struct Patience {
    attempts: u32,
    since: Instant,
    pause: Backoff,
}

impl Patience {
    fn new() -> Self {
        Self {
            attempts: 0,
            since: Instant::now(),
            pause: Backoff::up_to(LONGEST_PAUSE),
        }
    }

    /// Waits before the next attempt; true when there is to be none.
    async fn is_over(&mut self, what: &str, error: &Error) -> bool {
        self.attempts += 1;
        tracing::warn!("{what} failed, attempt {}: {error}", self.attempts);
        if self.attempts >= ATTEMPTS || self.since.elapsed() >= LONGEST_TRIAL {
            return true;
        }
        sleep(self.pause.take()).await;
        false
    }
}
