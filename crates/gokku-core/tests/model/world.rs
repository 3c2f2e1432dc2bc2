//! The world a transition acts on, with all that may befall it.

use std::collections::BTreeSet;
use std::rc::Rc;

use gokku_core::transition::{
    Container, FailureKind, Goal, Journal, Observed, RecordState, Refs, State, Step,
};
use gokku_core::{ContainerId, ProcessKey, ReleaseId, Slot};

/// One state of everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct World {
    /// What is true. `healthy` is what the driver knows, `proven` what is so.
    pub(crate) observed: Observed,
    /// The journal as it is on disk.
    pub(crate) written: Journal,
    /// The journal in the driver's memory; none when the driver was killed.
    pub(crate) live: Option<Journal>,
    /// The release whose domains lead to the app: they move with its traffic, and where there is none, with what is the active one.
    pub(crate) domains: Option<ReleaseId>,
    /// The containers that passed their health check since they last started.
    pub(crate) proven: Vec<ContainerId>,
    /// How often the migration ran.
    pub(crate) migrations: u8,
    /// Something outside befell a container.
    pub(crate) befallen: bool,
    /// A step failed or the driver was killed.
    pub(crate) stumbled: bool,
    /// An active container was stopped before the switch.
    pub(crate) previous_touched: bool,
    /// An active container was stopped or started, whenever.
    pub(crate) previous_stirred: bool,
    /// What the engine was asked and nobody waits for any more: it may do it at any later moment, or never.
    pub(crate) late: Option<Step>,
    /// How the transition ended.
    pub(crate) end: Option<End>,
    /// What was true in the beginning.
    begun: Rc<Observed>,
    /// Counts containers, so that each has its own id.
    made: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Done,
    GaveUp(FailureKind),
}

pub(crate) fn container(
    name: &str,
    process: &ProcessKey,
    slot: Option<Slot>,
    transition: ReleaseId,
    release: ReleaseId,
    state: State,
) -> Container {
    Container {
        id: ContainerId::new(format!("{name}-{process}")),
        process: process.clone(),
        slot,
        transition,
        release,
        state,
        same_env: true,
        healthy: false,
        in_flight: u64::from(state == State::Running && slot == Some(Slot::Blue)),
    }
}

impl World {
    pub(crate) fn begin(journal: Journal, observed: Observed) -> Self {
        Self {
            begun: Rc::new(observed.clone()),
            domains: observed.current,
            observed,
            written: Journal {
                resumed: false,
                ..journal.clone()
            },
            live: Some(journal),
            proven: Vec::new(),
            migrations: 0,
            befallen: false,
            stumbled: false,
            previous_touched: false,
            previous_stirred: false,
            late: None,
            end: None,
            made: 0,
        }
    }

    pub(crate) fn goal(&self) -> &Goal {
        &self.written.goal
    }

    pub(crate) fn is_previous(&self, id: &ContainerId) -> bool {
        self.written.previous.contains(id)
    }

    /// Whether a container is of a type of which two must not run at once.
    pub(crate) fn is_exclusive(&self, id: &ContainerId) -> bool {
        let Goal::Activate(activation) = self.goal() else {
            return false;
        };
        let mut all = self.observed.containers.iter();
        all.any(|one| one.id == *id && activation.exclusive.contains(one.process.kind()))
    }

    /// The targets of the beginning.
    pub(crate) fn begun_routed(&self) -> &BTreeSet<ContainerId> {
        &self.begun.route.targets
    }

    /// Whether a container did not exist even in the beginning.
    pub(crate) fn begun_gone(&self, id: &ContainerId) -> bool {
        !self.begun.containers.iter().any(|container| container.id == *id)
    }

    /// Whether a container ran in the beginning.
    pub(crate) fn begun_running(&self, id: &ContainerId) -> bool {
        self.begun
            .containers
            .iter()
            .any(|container| container.id == *id && container.state == State::Running)
    }

    /// The releases of those containers that exist.
    pub(crate) fn releases_of<'a>(&self, ids: impl Iterator<Item = &'a ContainerId>) -> BTreeSet<ReleaseId> {
        let all = &self.observed.containers;
        let found = ids.filter_map(|id| all.iter().find(|container| container.id == *id));
        found.map(|container| container.release).collect()
    }

    fn stir(&mut self, containers: &[ContainerId]) {
        self.previous_stirred |= containers.iter().any(|id| self.is_previous(id));
    }

    /// The driver is killed.
    pub(crate) fn crash(&mut self) {
        self.live = None;
        self.stumbled = true;
    }

    /// Somebody reads the journal and goes on.
    pub(crate) fn resume(&mut self) {
        self.live = Some(Journal {
            resumed: true,
            created: BTreeSet::new(),
            drained: false,
            ..self.written.clone()
        });
        for container in &mut self.observed.containers {
            container.healthy = false;
        }
        // git lets go of what nobody has on its standard input any more.
        if self.observed.refs == Refs::Prepared {
            self.observed.refs = Refs::Unmoved;
        }
    }

    pub(crate) fn write(&mut self) {
        if let Some(live) = &self.live {
            self.written = live.clone();
        }
    }

    fn each(&mut self, ids: &[ContainerId], mut change: impl FnMut(&mut Container)) {
        for container in &mut self.observed.containers {
            if ids.contains(&container.id) {
                change(container);
            }
        }
    }

    fn stopped(&mut self, ids: &[ContainerId]) {
        self.each(ids, |container| {
            container.state = State::Exited;
            container.healthy = false;
            container.in_flight = 0;
        });
        self.proven.retain(|id| !ids.contains(id));
    }

    /// How many parts the step's effect has: a crash may come between any two.
    pub(crate) fn parts(step: &Step) -> usize {
        match step {
            Step::Start { containers }
            | Step::AwaitHealth { containers }
            | Step::Stop { containers }
            | Step::Remove { containers }
            | Step::Drain { containers } => containers.len(),
            Step::Discard => 3,
            Step::SetCurrent { .. } => 2,
            Step::NoteFailure { .. } => 0,
            _ => 1,
        }
    }

    /// The first `parts` parts of the step's effect.
    pub(crate) fn perform(&mut self, step: &Step, parts: usize) {
        if parts == 0 && Self::parts(step) > 0 {
            if matches!(step, Step::Migrate) {
                // It began; that it failed does not undo what it did.
                self.migrations += 1;
            }
            return;
        }
        match step {
            Step::Export => self.observed.tree = true,
            Step::Build | Step::Pull => self.observed.image = true,
            Step::Migrate => self.migrations += 1,
            Step::Create { process } => self.create(process),
            Step::Start { containers } => {
                let ids = &containers[..parts];
                self.stir(ids);
                self.each(ids, |container| {
                    container.state = State::Running;
                    container.healthy = false;
                });
                self.proven.retain(|id| !ids.contains(id));
            }
            Step::AwaitHealth { containers } => {
                let ids = &containers[..parts];
                self.each(ids, |container| {
                    container.healthy = container.state == State::Running;
                });
                self.proven.extend(ids.iter().cloned());
                self.proven.sort();
                self.proven.dedup();
            }
            Step::Hold => self.observed.route.held = true,
            Step::PrepareRefs => self.observed.refs = Refs::Prepared,
            Step::CommitRefs => self.observed.refs = Refs::Moved,
            Step::RestoreRefs => self.observed.refs = Refs::Unmoved,
            Step::Switch { targets } => {
                self.domains = self.releases_of(targets.iter()).first().copied();
                self.observed.route.targets = targets.iter().cloned().collect();
                self.observed.route.held = false;
            }
            Step::SetCurrent { release } => {
                let goal = matches!(self.goal(), Goal::Activate(a) if Some(a.release) == *release);
                if goal {
                    self.observed.record = RecordState::Good;
                }
                if parts == 2 {
                    self.observed.current = *release;
                }
            }
            Step::Drain { containers } => self.each(&containers[..parts], |container| {
                container.in_flight = 0;
            }),
            Step::Stop { containers } => {
                self.stir(&containers[..parts]);
                if !self.written.switched(&self.observed) {
                    self.previous_touched |= containers[..parts]
                        .iter()
                        .any(|id| self.written.previous.contains(id) && !self.is_exclusive(id));
                }
                self.stopped(&containers[..parts]);
            }
            Step::Remove { containers } => self.remove(&containers[..parts]),
            Step::Rename { container, .. } => {
                self.each(std::slice::from_ref(container), |container| {
                    container.slot = Some(Slot::Blue);
                });
            }
            Step::Unroute => {
                if matches!(self.goal(), Goal::Activate(_)) {
                    self.domains = self.written.previous_release;
                }
                self.observed.route = gokku_core::transition::Route::default();
            }
            Step::Release => self.observed.route.held = false,
            Step::Discard => {
                self.observed.record = RecordState::Failed;
                self.observed.image &= parts < 2;
                self.observed.tree &= parts < 3;
            }
            Step::NoteFailure { kind } => {
                if let Some(live) = &mut self.live {
                    live.note(*kind, String::new());
                }
                self.write();
            }
        }
    }

    /// The same world, where the engine may do the step later. What else an engine does is like what befalls a container: one
    /// that is stopped has died, one that is removed was removed by hand.
    pub(crate) fn and_later(&self, step: &Step) -> Option<Self> {
        let asks = matches!(
            step,
            Step::Create { .. } | Step::Start { .. } | Step::Rename { .. }
        );
        asks.then(|| Self {
            late: Some(step.clone()),
            ..self.clone()
        })
    }

    /// The engine comes to what it was asked long ago.
    pub(crate) fn belated(&self) -> Option<Self> {
        let mut world = self.clone();
        let step = world.late.take()?;
        world.perform(&step, Self::parts(&step));
        Some(world)
    }

    fn create(&mut self, process: &ProcessKey) {
        let Goal::Activate(activation) = self.goal().clone() else {
            return;
        };
        // An engine gives a name once.
        let mut all = self.observed.containers.iter();
        if all.any(|one| one.process == *process && one.slot == Some(Slot::Green)) {
            return;
        }
        self.made += 1;
        let name = format!("new{}", self.made);
        self.observed.containers.push(container(
            &name,
            process,
            Some(Slot::Green),
            activation.id,
            activation.release,
            State::Created,
        ));
    }

    pub(crate) fn remove(&mut self, ids: &[ContainerId]) {
        self.observed
            .containers
            .retain(|container| !ids.contains(&container.id));
        self.proven.retain(|id| !ids.contains(id));
    }

    /// What may befall the world from outside, each a fault.
    pub(crate) fn befallings(&self) -> Vec<(String, Self)> {
        let mut all = Vec::new();
        let mut push = |what: String, change: &dyn Fn(&mut Self)| {
            let mut world = self.clone();
            change(&mut world);
            world.befallen = true;
            all.push((what, world));
        };
        for container in &self.observed.containers {
            let id = std::slice::from_ref(&container.id);
            if container.state == State::Running {
                push(format!("{} dies", container.id), &|world| world.stopped(id));
            }
            push(format!("{} is removed by hand", container.id), &|world| {
                world.remove(id);
            });
        }
        let running: Vec<ContainerId> = self
            .observed
            .containers
            .iter()
            .filter(|container| container.state == State::Running)
            .map(|container| container.id.clone())
            .collect();
        if running.len() > 1 {
            push("the engine restarts".to_owned(), &|world| world.stopped(&running));
        }
        all
    }

    /// What the daemon does by itself: routed web containers that exited are started again, unless requests wait. Others
    /// only when the transition is over.
    pub(crate) fn supervised(&self) -> Option<Self> {
        let route = &self.observed.route;
        let ids: Vec<ContainerId> = self
            .observed
            .containers
            .iter()
            .filter(|container| {
                let runs_not = container.process.is_web() && container.state == State::Exited;
                runs_not && route.targets.contains(&container.id)
            })
            .map(|container| container.id.clone())
            .collect();
        if ids.is_empty() || route.held {
            return None;
        }
        let mut world = self.clone();
        world.each(&ids, |container| container.state = State::Running);
        Some(world)
    }
}
