//! A world without Docker: what each step of a transition does to what is observed.

use gokku_core::transition::{Container, Observed, RecordState, Refs, State, Step};
use gokku_core::{ContainerId, ProcessKey, ReleaseId, Slot};

/// What is true, and whether the new release can ever be healthy.
pub(crate) struct World {
    pub(crate) observed: Observed,
    pub(crate) healthy: bool,
    /// The release that is to get the traffic; in a deploy also the transition's id.
    pub(crate) release: ReleaseId,
}

impl World {
    /// An app that runs `active` as its blue container and has its traffic there.
    pub(crate) fn serving(active: ReleaseId, release: ReleaseId, healthy: bool) -> Self {
        let blue = Container {
            id: ContainerId::new("container-of-the-active-release"),
            process: ProcessKey::first_web(),
            slot: Some(Slot::Blue),
            transition: active,
            release: active,
            state: State::Running,
            same_env: true,
            healthy: true,
            in_flight: 3,
        };
        let mut observed = Observed {
            current: Some(active),
            ..Observed::default()
        };
        observed.route.targets.insert(blue.id.clone());
        observed.containers.push(blue);
        Self {
            observed,
            healthy,
            release,
        }
    }

    /// Does one step; the error is what the engine or the health check would say.
    pub(crate) fn perform(&mut self, step: &Step) -> Result<(), String> {
        let seen = &mut self.observed;
        match step {
            Step::Export => {
                seen.tree = true;
                seen.record = RecordState::Unfinished;
            }
            Step::Build | Step::Pull => seen.image = true,
            Step::Migrate | Step::NoteFailure { .. } => {}
            Step::Create { process } => seen.containers.push(Container {
                id: ContainerId::new("container-of-the-new-release"),
                process: process.clone(),
                slot: Some(Slot::Green),
                transition: self.release,
                release: self.release,
                state: State::Created,
                same_env: true,
                healthy: false,
                in_flight: 0,
            }),
            Step::Start { containers } => self.each(containers, |one| one.state = State::Running),
            Step::AwaitHealth { containers } => {
                if !self.healthy && self.is_new(containers) {
                    return Err("GET /health answered 500 for 30 s".to_owned());
                }
                self.each(containers, |one| one.healthy = true);
            }
            Step::Hold => seen.route.held = true,
            Step::PrepareRefs => seen.refs = Refs::Prepared,
            Step::CommitRefs => seen.refs = Refs::Moved,
            Step::RestoreRefs => seen.refs = Refs::Unmoved,
            Step::Switch { targets } => {
                seen.route.targets = targets.iter().cloned().collect();
                seen.route.held = false;
            }
            Step::SetCurrent { release } => {
                seen.current = *release;
                if *release == Some(self.release) {
                    seen.record = RecordState::Good;
                }
            }
            Step::Drain { containers } => self.each(containers, |one| one.in_flight = 0),
            Step::Stop { containers } => self.each(containers, |one| {
                one.state = State::Exited;
                one.healthy = false;
                one.in_flight = 0;
            }),
            Step::Remove { containers } => seen.containers.retain(|one| !containers.contains(&one.id)),
            Step::Rename { container, .. } => {
                self.each(std::slice::from_ref(container), |one| one.slot = Some(Slot::Blue));
            }
            Step::Unroute => {
                seen.route.targets.clear();
                seen.route.held = false;
            }
            Step::Release => seen.route.held = false,
            Step::Discard => {
                seen.tree = false;
                seen.image = false;
                seen.record = RecordState::Failed;
            }
        }
        Ok(())
    }

    fn is_new(&self, containers: &[ContainerId]) -> bool {
        let mut all = self.observed.containers.iter();
        all.any(|one| containers.contains(&one.id) && one.release == self.release)
    }

    fn each(&mut self, ids: &[ContainerId], change: impl FnMut(&mut Container)) {
        let containers = self.observed.containers.iter_mut();
        containers.filter(|one| ids.contains(&one.id)).for_each(change);
    }
}
