//! What there is on the engine in memory, and what its calls do with it. Everything happens at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use gokku_core::config::process_one::ImageCommand;
use gokku_core::containers::{
    ContainerEvent, ContainerFacts, ContainerSpec, ContainerState, Details, Error, EventKind, ImageFacts,
    Isolated, Isolation, MountSource, NetworkFacts, NewNetwork, VolumeFacts,
};
use gokku_core::{ContainerId, ImageId};
use tokio::sync::broadcast;

/// The port that every image listens on.
pub(crate) const PORT: u16 = 8000;

/// What the containers of an image do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// They serve until they are stopped.
    #[default]
    Serves,
    /// They end at once, with this code.
    Ends(i64),
    /// They run, and nobody listens.
    Refuses,
}

/// Everything on the engine.
#[derive(Clone, Default)]
pub(crate) struct World {
    containers: BTreeMap<ContainerId, Container>,
    images: BTreeMap<ImageId, (ImageFacts, Behaviour)>,
    networks: BTreeMap<String, NetworkFacts>,
    pub(super) volumes: BTreeMap<String, VolumeFacts>,
    /// How the next images behave.
    pub(super) next: Behaviour,
    /// What it keeps apart.
    pub(crate) isolation: Option<Isolation>,
    /// Why it cannot.
    pub(crate) no_firewall: Option<String>,
    followers: Option<broadcast::Sender<ContainerEvent>>,
    /// How many ids were given.
    ids: u32,
}

#[derive(Clone)]
struct Container {
    facts: ContainerFacts,
    spec: ContainerSpec,
    printed: Vec<String>,
    /// How often it was started.
    starts: u32,
}

pub(super) fn failed(words: &str) -> Error {
    Error::Failed(words.into())
}

pub(super) fn not_found(what: &str, id: &str) -> Error {
    Error::NotFound(format!("there is no {what} {id}").into())
}

fn conflict(words: String) -> Error {
    Error::Conflict(words.into())
}

pub(super) fn carries(there: &BTreeMap<String, String>, labels: &[(String, String)]) -> bool {
    labels.iter().all(|(key, value)| there.get(key) == Some(value))
}

impl World {
    /// An id of 64 hexadecimal digits that nothing else has.
    fn unique(&mut self) -> String {
        self.ids += 1;
        // Its beginning tells it from others, as that of a hash does.
        format!("{:08x}{:0>56x}", self.ids.reverse_bits() ^ 0x5bd1_e995, self.ids)
    }

    /// Returns the same once more, which nobody follows.
    pub(crate) fn copy(&self) -> Self {
        Self {
            followers: None,
            ..self.clone()
        }
    }

    /// Returns which container has an address now, and how often it was started.
    pub(crate) fn at(&self, address: IpAddr) -> Option<(&ContainerFacts, u32)> {
        let has_it = |one: &&Container| one.facts.addresses.values().any(|other| *other == address);
        let one = self.containers.values().find(has_it)?;
        Some((&one.facts, one.starts))
    }

    /// Returns whether somebody listens there.
    pub(crate) fn answers(&self, address: SocketAddr) -> bool {
        let behaviour =
            |facts: &ContainerFacts| self.images.get(&facts.image).map(|(_, behaviour)| *behaviour);
        let there = self.at(address.ip());
        address.port() == PORT && there.and_then(|(facts, _)| behaviour(facts)) == Some(Behaviour::Serves)
    }

    /// Returns the first address that nobody has: also one that somebody had a moment ago.
    fn free_address(&self) -> IpAddr {
        let all = self
            .containers
            .values()
            .flat_map(|one| one.facts.addresses.values());
        let taken: BTreeSet<IpAddr> = all.copied().collect();
        let mut addresses = (2..=u16::MAX).map(|last| {
            let [third, fourth] = last.to_be_bytes();
            IpAddr::V4(Ipv4Addr::new(10, 77, third, fourth))
        });
        let free = addresses.find(|address| !taken.contains(address));
        free.expect("fewer containers than addresses")
    }

    /// Returns the containers that carry these labels.
    pub(crate) fn containers(&self, labels: &[(String, String)]) -> Vec<ContainerFacts> {
        let all = self
            .containers
            .values()
            .filter(|one| carries(&one.facts.labels, labels));
        all.map(|one| ContainerFacts {
            details: None,
            ..one.facts.clone()
        })
        .collect()
    }

    pub(super) fn container(&self, id_or_name: &str) -> Option<ContainerFacts> {
        let named = |one: &&Container| one.facts.id.as_str() == id_or_name || one.facts.name == id_or_name;
        self.containers.values().find(named).map(|one| one.facts.clone())
    }

    fn of(&mut self, id: &ContainerId) -> Result<&mut Container, Error> {
        let missing = || not_found("container", id.as_str());
        self.containers.get_mut(id).ok_or_else(missing)
    }

    fn is_taken(&self, name: &str, by_other_than: Option<&ContainerId>) -> Result<(), Error> {
        let mut others = self
            .containers
            .values()
            .filter(|one| Some(&one.facts.id) != by_other_than);
        match others.find(|one| one.facts.name == name) {
            Some(other) => Err(conflict(format!(
                "the name {name} is in use by {}",
                other.facts.id.short()
            ))),
            None => Ok(()),
        }
    }

    pub(super) fn create(&mut self, spec: &ContainerSpec) -> Result<ContainerId, Error> {
        let missing = || not_found("image", &spec.image);
        let image = self.image(&spec.image).ok_or_else(missing)?.id.clone();
        let id = ContainerId::new(self.unique());
        let name = if spec.name.is_empty() {
            format!("nameless-{}", id.short())
        } else {
            spec.name.clone()
        };
        self.is_taken(&name, None)?;
        for mount in &spec.mounts {
            if let MountSource::Volume { name, labels } = &mount.source {
                let volume = VolumeFacts {
                    name: name.clone(),
                    labels: labels.clone(),
                };
                self.volumes.entry(name.clone()).or_insert(volume);
            }
        }
        let container = Container {
            facts: ContainerFacts {
                id: id.clone(),
                name,
                image,
                labels: spec.labels.clone(),
                state: ContainerState::Created,
                addresses: BTreeMap::new(),
                details: Some(Details {
                    init: spec.init,
                    ..Details::default()
                }),
            },
            spec: spec.clone(),
            printed: Vec::new(),
            starts: 0,
        };
        self.containers.insert(id.clone(), container);
        Ok(id)
    }

    pub(super) fn start(&mut self, id: &ContainerId) -> Result<(), Error> {
        let (image, networks) = {
            let one = self.of(id)?;
            if one.facts.state == ContainerState::Running {
                return Ok(());
            }
            let networks: Vec<String> = std::iter::once(&one.spec.network)
                .chain(&one.spec.beside)
                .cloned()
                .collect();
            (one.facts.image.clone(), networks)
        };
        for network in networks
            .iter()
            .filter(|name| !matches!(name.as_str(), "none" | "bridge"))
        {
            if !self.networks.contains_key(network) {
                return Err(not_found("network", network));
            }
        }
        let behaviour = self
            .images
            .get(&image)
            .map_or(Behaviour::Serves, |(_, behaviour)| *behaviour);
        let address = self.free_address();
        let one = self.of(id)?;
        // A program that ends by itself is asked for by its words, in either engine.
        let words: Vec<&str> = one.spec.command.iter().flatten().map(String::as_str).collect();
        let ends = match (words.as_slice(), behaviour) {
            (["exit" | "fail", code, ..], _) => Some(code.parse().unwrap_or(1)),
            (["say", ..] | ["migrate"], _) => Some(0),
            (_, Behaviour::Ends(code)) => Some(code),
            _ => None,
        };
        one.printed.extend(match words.as_slice() {
            ["say", text] | ["fail", _, text] => Some(format!("{text}\n")),
            _ => None,
        });
        one.facts.state = ContainerState::Running;
        one.starts += 1;
        one.facts.addresses = networks
            .into_iter()
            .filter(|name| name != "none")
            .map(|name| (name, address))
            .collect();
        let details = one.facts.details.get_or_insert_default();
        details.pid = u32::MAX;
        details.started_at = jiff::Timestamp::now().to_string();
        self.tell(id, EventKind::Started);
        if let Some(code) = ends {
            self.end(id, code);
        }
        Ok(())
    }

    pub(super) fn end(&mut self, id: &ContainerId, code: i64) {
        let Ok(one) = self.of(id) else { return };
        one.facts.state = ContainerState::Exited;
        one.facts.addresses.clear();
        let details = one.facts.details.get_or_insert_default();
        details.pid = 0;
        details.exit_code = code;
        details.finished_at = jiff::Timestamp::now().to_string();
        self.tell(id, EventKind::Died(code));
    }

    pub(super) fn running(&mut self, id: &ContainerId) -> Result<(), Error> {
        match self.of(id)?.facts.state {
            ContainerState::Running => Ok(()),
            _ => Err(conflict(format!("{} does not run", id.short()))),
        }
    }

    pub(super) fn stop(&mut self, id: &ContainerId) -> Result<(), Error> {
        if self.of(id)?.facts.state == ContainerState::Running {
            self.tell(id, EventKind::Killed);
            self.end(id, 143);
        }
        Ok(())
    }

    /// Ends all that runs, and tells nobody any more.
    pub(super) fn restart(&mut self) {
        self.followers = None;
        let running: Vec<ContainerId> = self.containers.keys().cloned().collect();
        for id in running {
            if self.running(&id).is_ok() {
                self.end(&id, 137);
            }
        }
    }

    pub(crate) fn remove(&mut self, id: &ContainerId) {
        if self.running(id).is_ok() {
            self.end(id, 137);
        }
        if self.containers.contains_key(id) {
            self.tell(id, EventKind::Removed);
            self.containers.remove(id);
        }
    }

    pub(super) fn rename(&mut self, id: &ContainerId, name: &str) -> Result<(), Error> {
        self.of(id)?;
        self.is_taken(name, Some(id))?;
        name.clone_into(&mut self.of(id)?.facts.name);
        Ok(())
    }

    pub(super) fn exit_code(&mut self, id: &ContainerId) -> Result<Option<i64>, Error> {
        let one = self.of(id)?;
        let code = one.facts.details.as_ref().map_or(0, |details| details.exit_code);
        Ok((one.facts.state != ContainerState::Running).then_some(code))
    }

    pub(super) fn printed(&self, id: &ContainerId) -> Vec<String> {
        self.containers
            .get(id)
            .map(|one| one.printed.clone())
            .unwrap_or_default()
    }

    pub(super) fn image(&self, id_or_name: &str) -> Option<&ImageFacts> {
        let named = |image: &&ImageFacts| {
            image.id.as_str() == id_or_name || image.tags.iter().any(|tag| tag == id_or_name)
        };
        self.images.values().map(|(image, _)| image).find(named)
    }

    /// Returns the images that carry these labels.
    pub(crate) fn images(&self, labels: &[(String, String)]) -> Vec<ImageFacts> {
        let all = self.images.values().map(|(image, _)| image);
        all.filter(|image| carries(&image.labels, labels))
            .cloned()
            .collect()
    }

    pub(super) fn build(&mut self, tag: &str, labels: BTreeMap<String, String>) -> Result<ImageId, Error> {
        let id = ImageId::new(format!("sha256:{}", self.unique()));
        let facts = ImageFacts {
            id: id.clone(),
            tags: Vec::new(),
            exposed: vec![PORT],
            volumes: Vec::new(),
            runs: ImageCommand::default(),
            labels,
            size: 1 << 20,
        };
        self.images.insert(id.clone(), (facts, self.next));
        self.tag(id.as_str(), tag)?;
        Ok(id)
    }

    pub(super) fn pull(&mut self, name: &str) -> Result<(), Error> {
        if self.image(name).is_none() {
            self.build(name, BTreeMap::new())?;
        }
        Ok(())
    }

    pub(super) fn tag(&mut self, image: &str, name: &str) -> Result<(), Error> {
        let id = self
            .image(image)
            .ok_or_else(|| not_found("image", image))?
            .id
            .clone();
        for (other, _) in self.images.values_mut() {
            other.tags.retain(|tag| tag != name);
        }
        if let Some((image, _)) = self.images.get_mut(&id) {
            image.tags.push(name.to_owned());
        }
        Ok(())
    }

    pub(super) fn remove_image(&mut self, name: &str) -> Result<(), Error> {
        let Some(image) = self.image(name) else {
            return Ok(());
        };
        let (id, last) = (image.id.clone(), image.tags.len() < 2);
        let user = self.containers.values().find(|one| one.facts.image == id);
        if let (true, Some(user)) = (last, user) {
            return Err(conflict(format!("{name} is in use by {}", user.facts.id.short())));
        }
        if last {
            self.images.remove(&id);
        } else if let Some((image, _)) = self.images.get_mut(&id) {
            image.tags.retain(|tag| tag != name);
        }
        Ok(())
    }

    pub(super) fn networks(&self, labels: &[(String, String)]) -> Vec<NetworkFacts> {
        self.networks
            .values()
            .filter(|one| carries(&one.labels, labels))
            .cloned()
            .collect()
    }

    pub(super) fn network(&self, name: &str) -> Option<&NetworkFacts> {
        self.networks.get(name)
    }

    pub(super) fn network_or_make(&mut self, new: &NewNetwork) -> Result<NetworkFacts, Error> {
        let there = new.names.first().and_then(|name| self.networks.get(name));
        match there.cloned() {
            Some(there) => Ok(there),
            None => self.make_network(new),
        }
    }

    pub(super) fn network_of_range(&mut self, new: &NewNetwork) -> Result<NetworkFacts, Error> {
        let labels: Vec<(String, String)> = new.labels.clone().into_iter().collect();
        let there = self
            .networks(&labels)
            .into_iter()
            .filter(|one| one.room() >= new.containers);
        match there.max_by_key(NetworkFacts::room) {
            Some(there) => Ok(there),
            None => self.make_network(new),
        }
    }

    fn make_network(&mut self, new: &NewNetwork) -> Result<NetworkFacts, Error> {
        let free = new.names.iter().find(|name| !self.networks.contains_key(*name));
        let name = free.ok_or_else(|| conflict(format!("{} are taken", new.names.join(", "))))?;
        let taken: Vec<_> = self
            .networks
            .values()
            .flat_map(|one| one.subnets.clone())
            .collect();
        let piece = new
            .range
            .choose(new.containers, &taken)
            .map_err(|error| Error::Failed(error.into()))?;
        let network = NetworkFacts {
            name: name.clone(),
            driver: "bridge".to_owned(),
            labels: new.labels.clone(),
            subnets: vec![piece],
        };
        self.networks.insert(name.clone(), network.clone());
        Ok(network)
    }

    pub(super) fn isolate(&mut self, isolation: Isolation) -> Result<Isolated, Error> {
        if let Some(why) = &self.no_firewall {
            return Err(failed(why));
        }
        Ok(match self.isolation.replace(isolation) {
            Some(_) => Isolated::Already,
            None => Isolated::Now,
        })
    }

    pub(super) fn network_is_used(&self, name: &str) -> bool {
        let is_on =
            |one: &Container| one.spec.network == name || one.spec.beside.iter().any(|beside| beside == name);
        self.containers.values().any(is_on)
    }

    pub(super) fn remove_network(&mut self, name: &str) -> bool {
        let runs = |one: &Container| one.facts.addresses.contains_key(name);
        !self.containers.values().any(runs) && self.networks.remove(name).is_some()
    }

    pub(super) fn follow(&mut self) -> broadcast::Receiver<ContainerEvent> {
        let new = || broadcast::channel(1024).0;
        self.followers.get_or_insert_with(new).subscribe()
    }

    fn tell(&self, id: &ContainerId, kind: EventKind) {
        if let (Some(followers), Some(one)) = (&self.followers, self.containers.get(id)) {
            let labels = one.facts.labels.clone();
            // Nobody may follow.
            let _ = followers.send(ContainerEvent {
                id: id.clone(),
                kind,
                labels,
            });
        }
    }
}
