//! What must be true when a fault has passed and the daemon has looked after the app.

use std::collections::{BTreeSet, HashSet};

use gokku_core::containers::{ContainerState, labels};
use gokku_core::release::record::Outcome;
use gokku_core::{ContainerId, ProcessKey, ReleaseId, Slot};

use crate::app::{apps, records};
use crate::plan::release_plan::Plan;
use crate::queue::leftovers;
use crate::reconcile::drift;
use crate::simulation::stage::Stage;
use crate::simulation::switch::domain_of;

/// How the app may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// As many containers of each process as there are to be, with the traffic.
    One,
    OneOrNone,
    Stopped,
    StoppedOrOne,
    Gone,
    GoneOrOne,
}

impl Stage {
    /// Looks whether it is so; what is not, otherwise.
    pub(super) async fn look(&self, expected: Expected) -> Result<(), String> {
        let root = &self.server.root;
        let wrong = self.switch.wrong();
        if !wrong.is_empty() {
            return Err(format!("on the way: {}", wrong.join("; ")));
        }
        let containers = self.containers();
        let mine = [
            (labels::ROOT.to_owned(), root.label()),
            (labels::APP.to_owned(), self.app.to_string()),
        ];
        let tags: BTreeSet<String> = self
            .fake
            .world()
            .images(&mine)
            .into_iter()
            .flat_map(|image| image.tags)
            .collect();
        if !self.dir().path().exists() {
            return match expected {
                Expected::Gone | Expected::GoneOrOne if containers.is_empty() && tags.is_empty() => Ok(()),
                _ => Err(format!("the app is gone; left: {containers:?} {tags:?}")),
            };
        }
        if expected == Expected::Gone {
            return Err("the app is still there".to_owned());
        }
        if self.dir().journal().exists() {
            return Err("the journal is still there".to_owned());
        }
        if !self.is_free() {
            return Err("somebody has the app".to_owned());
        }
        if leftovers::has_leftovers(&self.dir()) {
            return Err("something half written or not begun is left".to_owned());
        }
        let engine = self.fake.clone();
        let differs = drift::look(&self.server, &engine, &self.app, &HashSet::new()).await;
        match differs {
            Ok(none) if none.is_empty() => {}
            differs => return Err(format!("it differs: {differs:?}, of {containers:?}")),
        }
        self.releases(&tags)?;
        let route = self
            .server
            .switch
            .find_route(&self.app)
            .await
            .map_err(|error| error.to_string())?;
        let active = records::active(&self.dir());
        let domains: Vec<String> = route
            .iter()
            .flat_map(|route| &route.release_domains)
            .map(|domain| domain.name.as_str().to_owned())
            .collect();
        let wanted: Vec<String> = active
            .iter()
            .map(|release| domain_of(&self.app, *release))
            .collect();
        if route.is_some() && domains != wanted {
            return Err(format!("{domains:?} lead to the app, and should {wanted:?}"));
        }
        let targets: BTreeSet<ContainerId> = route
            .iter()
            .flat_map(|route| &route.targets)
            .map(|target| target.container.clone())
            .collect();
        if route.is_some_and(|route| route.held) {
            return Err("requests wait for nobody".to_owned());
        }
        let runs = containers.iter().any(|one| one.state == ContainerState::Running);
        if !runs && targets.is_empty() {
            let may = match expected {
                Expected::OneOrNone => active.is_none() && containers.is_empty(),
                Expected::Stopped | Expected::StoppedOrOne => true,
                _ => false,
            };
            return if may {
                Ok(())
            } else {
                Err(format!("nothing runs; active is {active:?}, {containers:?}"))
            };
        }
        if expected == Expected::Stopped {
            return Err("it is not stopped".to_owned());
        }
        let active = active.ok_or("something runs, and no release is active")?;
        let plan = Plan::of_release(&self.dir(), active).map_err(|error| error.to_string())?;
        let scale = apps::load(&self.dir()).map_err(|error| error.to_string())?.scale;
        let keys = plan.processes.keys(&scale).map_err(|error| error.to_string())?;
        let names: BTreeSet<String> = keys
            .iter()
            .map(|key| Slot::Blue.container_name(&self.app, key))
            .collect();
        let there: BTreeSet<String> = containers.iter().map(|one| one.name.clone()).collect();
        if names != there || containers.len() != names.len() {
            return Err(format!("the containers are {there:?}, and should be {names:?}"));
        }
        for one in &containers {
            let release: Option<ReleaseId> = one.read_label(labels::RELEASE);
            let process: Option<ProcessKey> = one.read_label(labels::PROCESS);
            let is_web = process.is_some_and(|process| process.is_web());
            let good = one.state == ContainerState::Running
                && release == Some(active)
                && is_web == targets.contains(&one.id);
            if !good {
                return Err(format!(
                    "{one:?} is not as it should be: active is {active}, targets are {targets:?}"
                ));
            }
        }
        Ok(())
    }

    /// The records, the code and the images are of the same releases.
    fn releases(&self, tags: &BTreeSet<String>) -> Result<(), String> {
        let records = records::list(&self.dir()).map_err(|error| error.to_string())?;
        if let Some(record) = records
            .iter()
            .find(|record| record.outcome == Outcome::Unfinished)
        {
            return Err(format!("the release {} is unfinished", record.id));
        }
        let good: Vec<ReleaseId> = records
            .iter()
            .filter(|record| record.outcome == Outcome::Good)
            .map(|record| record.id)
            .collect();
        for record in &records {
            let is_good = good.contains(&record.id);
            let has_code = self.dir().tree(record.id).is_dir();
            let has_image = tags.contains(&records::image_tag(&self.app, record.id));
            if has_code != is_good || has_image != is_good {
                return Err(format!(
                    "{}: good {is_good}, its code {has_code}, its image {has_image}",
                    record.id
                ));
            }
        }
        match records::active(&self.dir()) {
            Some(active) if !good.contains(&active) => {
                Err(format!("{active} is active, and good are {good:?}"))
            }
            _ => Ok(()),
        }
    }
}
