//! Looks at what is true now.

use gokku_core::containers::{ContainerFacts, ContainerState, labels};
use gokku_core::release::record::Outcome;
use gokku_core::transition::{Container, Goal, Observed, RecordState, Route, State};
use gokku_core::{ProcessKey, Slot};
use gokku_proxy::control::api::RouteStatus;

use crate::app::{env_store, records, refs};
use crate::transition::Error;
use crate::transition::driver::Driver;

impl Driver {
    /// Everything the core wants to know.
    pub(crate) async fn observe(&mut self) -> Result<Observed, Error> {
        let root_label = self.dir.root().label();
        let wanted = [
            (labels::ROOT, root_label.as_str()),
            (labels::APP, self.dir.app().as_str()),
        ];
        let (containers, route) = tokio::join!(
            self.runtime.containers(&wanted),
            self.switch.find_route(self.dir.app())
        );
        let route = route?;
        self.facts = containers?;
        let env = env_store::hash(&self.plan.env);
        let containers = self
            .facts
            .iter()
            .filter_map(|facts| self.container(facts, route.as_ref(), &env))
            .collect();
        let mut observed = Observed {
            containers,
            route: route.as_ref().map(seen).unwrap_or_default(),
            current: records::active(&self.dir),
            ..Observed::default()
        };
        if let Goal::Activate(activation) = &self.goal {
            observed.refs = match self.refs {
                Some(refs) => refs,
                None => refs::look(&self.dir, &activation.refs)?,
            };
            self.refs = Some(observed.refs);
            let id = activation.release;
            let record = records::load(&self.dir, id)?;
            observed.tree = self.dir.tree(id).is_dir();
            observed.record = match record.as_ref().map(|record| record.outcome) {
                None | Some(Outcome::Pruned) => RecordState::Missing,
                Some(Outcome::Unfinished) => RecordState::Unfinished,
                Some(Outcome::Good) => RecordState::Good,
                Some(Outcome::Failed) => RecordState::Failed,
            };
            let image = record.and_then(|record| record.image);
            observed.image = match (&image, &self.image) {
                // What was there a moment ago is not asked for again.
                (Some(id), Some(seen)) if *id == seen.id => true,
                (Some(id), _) => {
                    self.image = self.runtime.image(id.as_str()).await?;
                    self.image.is_some()
                }
                (None, _) => false,
            };
        }
        Ok(observed)
    }

    fn container(&self, facts: &ContainerFacts, route: Option<&RouteStatus>, env: &str) -> Option<Container> {
        if facts.label(labels::KIND).is_some() {
            return None;
        }
        let process: ProcessKey = facts.read_label(labels::PROCESS)?;
        let targets = route
            .into_iter()
            .flat_map(|route| route.targets.iter().chain(&route.retired));
        let in_flight = targets
            .filter(|target| target.container == facts.id)
            .map(|target| target.in_flight)
            .sum();
        let state = state(facts);
        Some(Container {
            slot: Slot::of_container(&facts.name, self.dir.app(), &process),
            process,
            transition: facts.read_label(labels::TRANSITION)?,
            release: facts.read_label(labels::RELEASE)?,
            state,
            same_env: facts.label(labels::ENV) == Some(env),
            healthy: state == State::Running && self.proven.contains(&facts.id),
            in_flight,
            id: facts.id.clone(),
        })
    }
}

/// Whether a container runs, as the core sees it.
pub(crate) fn state(facts: &ContainerFacts) -> State {
    match facts.state {
        ContainerState::Created => State::Created,
        ContainerState::Running => State::Running,
        ContainerState::Exited => State::Exited,
    }
}

/// A route, as the core sees it.
pub(crate) fn seen(route: &RouteStatus) -> Route {
    Route {
        targets: route
            .targets
            .iter()
            .map(|target| target.container.clone())
            .collect(),
        held: route.held,
    }
}
