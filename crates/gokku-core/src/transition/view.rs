//! What the rules look at: the goal, the journal and what is true now, with the words they are written in.

use super::goal::Activation;
use super::journal::Journal;
use super::observed::{Container, Observed, State};
use crate::app::ids::ContainerId;
use crate::app::process_key::ProcessKey;

/// Of an activation.
pub(super) struct View<'a> {
    pub(super) activation: &'a Activation,
    pub(super) journal: &'a Journal,
    pub(super) observed: &'a Observed,
}

impl<'a> View<'a> {
    /// This transition's containers.
    pub(super) fn candidates(&self) -> impl Iterator<Item = &'a Container> {
        let id = self.activation.id;
        self.observed
            .containers
            .iter()
            .filter(move |container| container.transition == id)
    }

    fn others(&self) -> impl Iterator<Item = &'a Container> {
        let id = self.activation.id;
        self.observed
            .containers
            .iter()
            .filter(move |container| container.transition != id)
    }

    /// Those that stay as they are beside the new ones.
    fn kept(&self) -> impl Iterator<Item = &'a Container> {
        let kept = &self.journal.kept;
        self.others()
            .filter(move |container| kept.contains(&container.id))
    }

    /// All that is to leave.
    pub(super) fn old(&self) -> impl Iterator<Item = &'a Container> {
        let kept = &self.journal.kept;
        self.others()
            .filter(move |container| !kept.contains(&container.id))
    }

    /// Those that were active at the beginning and still exist.
    pub(super) fn former(&self) -> impl Iterator<Item = &'a Container> {
        let former = &self.journal.former;
        self.others()
            .filter(move |container| former.contains(&container.id))
    }

    /// Whether containers stay.
    pub(super) fn keeps(&self) -> bool {
        !self.journal.kept.is_empty()
    }

    pub(super) fn switched(&self) -> bool {
        self.journal.switched(self.observed)
    }

    /// A process of the goal that has no container.
    pub(super) fn missing(&self) -> Option<&'a ProcessKey> {
        self.activation.processes.iter().find(|key| {
            !self
                .candidates()
                .chain(self.kept())
                .any(|there| there.process == **key)
        })
    }

    /// Whether the traffic can be given back: all that was active at the beginning is still there.
    pub(super) fn can_go_back(&self) -> bool {
        let former = &self.journal.former;
        !former.is_empty()
            && !self.keeps()
            && self.former().count() == former.len()
            && !self.journal.former_failed
    }

    /// Whether a container of the goal is missing or does not run.
    pub(super) fn dead(&self) -> bool {
        self.missing().is_some()
            || self
                .candidates()
                .any(|container| container.state != State::Running)
    }

    /// Whether a container is of a type that runs alone.
    pub(super) fn is_alone(&self, container: &Container) -> bool {
        self.activation.alone.contains(container.process.kind())
    }

    /// The containers that the route is to point at.
    pub(super) fn leading(&self) -> Vec<ContainerId> {
        ids(self.leading_members())
    }

    /// Whether the route is to point at a container of the goal.
    pub(super) fn leads(&self, container: &Container) -> bool {
        self.activation.leads(&container.process)
    }

    fn leading_members(&self) -> impl Iterator<Item = &'a Container> {
        let members = self.kept().chain(self.candidates());
        members.filter(|container| self.leads(container))
    }

    /// Those that stay and are to have the traffic without some that have it now, where none of them is proven healthy.
    pub(super) fn left_alone(&self) -> Vec<&'a Container> {
        let leaves = self
            .old()
            .any(|old| self.observed.route.targets.contains(&old.id));
        if !self.keeps() || !leaves || self.leading_members().any(|one| one.healthy) {
            return Vec::new();
        }
        self.kept().filter(|one| self.leads(one)).collect()
    }
}

pub(super) fn ids<'a>(containers: impl Iterator<Item = &'a Container>) -> Vec<ContainerId> {
    containers.map(|container| container.id.clone()).collect()
}

pub(super) fn running<'a>(containers: impl Iterator<Item = &'a Container>) -> Vec<ContainerId> {
    ids(containers.filter(|container| container.state == State::Running))
}

/// Those with requests in flight.
pub(super) fn busy<'a>(containers: impl Iterator<Item = &'a Container>) -> Vec<ContainerId> {
    ids(containers.filter(|container| container.in_flight > 0))
}
