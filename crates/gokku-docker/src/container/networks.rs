//! Networks that containers are on.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, TryLockError};
use std::time::Duration;

use bollard::models::{Ipam, IpamConfig, NetworkConnectRequest, NetworkCreateRequest};
use bollard::query_parameters::ListNetworksOptionsBuilder;
use futures_util::future::BoxFuture;
use gokku_core::containers::network::{NetworkFacts, NewNetwork};
use gokku_core::machine::backoff::Backoff;
use tokio::time::{Instant, sleep};

use gokku_core::ContainerId;
use gokku_core::machine::subnet::Subnet;

use crate::engine::connection::Engine;
use crate::engine::error::Error;
use crate::engine::labels::{self, label_filter};
use crate::engine::limits::Call;

const LOOK: &str = "look for the network";
/// How often it is looked whether the lock is free.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
const MAKE: &str = "create the network";
/// How many pieces of a range are tried that the engine does not give, though nothing shows why.
const TRIES: usize = 64;

fn facts(one: bollard::models::Network) -> NetworkFacts {
    NetworkFacts {
        name: one.name.unwrap_or_default(),
        driver: one.driver.unwrap_or_default(),
        labels: one.labels.unwrap_or_default().into_iter().collect(),
        subnets: one
            .ipam
            .and_then(|ipam| ipam.config)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|config| config.subnet?.parse().ok())
            .collect(),
    }
}

impl Engine {
    /// The network of exactly the one name, whatever it is; a bridge that is made of a free piece of its range when there is
    /// none.
    ///
    /// Engines before API 1.44 take the same name twice when asked at the same time, and then take it for neither: so
    /// one process at a time makes it, whichever server's it is.
    pub async fn network_or_make(&self, new: &NewNetwork) -> Result<NetworkFacts, Error> {
        let name = new.names.first().map_or("", String::as_str);
        if let Some(there) = self.network(name).await? {
            return Ok(there);
        }
        let _one_at_a_time = self.lock().await;
        let all = self.networks_with(&[]).await?;
        if all.iter().all(|one| one.name != name) {
            match self.make_of_range(name, new, &all).await {
                // Somebody else has made it in the meantime.
                Err(Error::Conflict { message, .. }) if message.contains("already exists") => {}
                made => made?,
            }
        }
        self.just_made(name).await
    }

    /// The network that has room enough among those with these labels, the largest; one that is made of a free piece of
    /// its range where there is none.
    ///
    /// What is free is found by looking at all networks of the engine, by one process at a time; what only the engine
    /// knows of is passed over when it refuses.
    pub async fn network_of_range(&self, new: &NewNetwork) -> Result<NetworkFacts, Error> {
        let _one_at_a_time = self.lock().await;
        let all = self.networks_with(&[]).await?;
        let has_labels = |one: &&NetworkFacts| {
            new.labels
                .iter()
                .all(|(key, value)| one.label(key) == Some(value))
        };
        let made = all
            .iter()
            .filter(has_labels)
            .filter(|one| one.room() >= new.containers);
        if let Some(made) = made.max_by_key(|one| one.room()) {
            return Ok(made.clone());
        }
        let is_free = |name: &&String| all.iter().all(|one| one.name != **name);
        let name = new.names.iter().find(is_free).ok_or_else(|| Error::NamesTaken {
            what: MAKE,
            names: new.names.clone(),
        })?;
        self.make_of_range(name, new, &all).await?;
        self.just_made(name).await
    }

    /// Makes a network of a piece of its range that none of these has.
    async fn make_of_range(&self, name: &str, new: &NewNetwork, all: &[NetworkFacts]) -> Result<(), Error> {
        let mut taken: Vec<Subnet> = all.iter().flat_map(|one| one.subnets.iter().copied()).collect();
        taken.extend(&new.avoid);
        let mut tries = TRIES;
        loop {
            let piece = new.range.choose(new.containers, &taken)?;
            match self.create_network(name, &new.labels, piece).await {
                Err(Error::Api { message, .. } | Error::Conflict { message, .. })
                    if message.contains("overlap") && tries > 0 =>
                {
                    tries -= 1;
                    taken.push(piece);
                }
                made => return made,
            }
        }
    }

    /// Returns the network of exactly this name, once there must be one. Who did not get the lock in time may have made one as
    /// well, and then the engine starts nothing on either: the oldest stays, whoever looks.
    async fn just_made(&self, name: &str) -> Result<NetworkFacts, Error> {
        let mut found = self.networks_named(name).await?.into_iter();
        let oldest = found.next().map(facts).ok_or_else(|| Error::NotFound {
            what: LOOK,
            id: name.to_owned(),
        })?;
        for mut other in found {
            let id = other.id.take().unwrap_or_default();
            // All that are made here say of what kind they are.
            if facts(other).label(labels::KIND).is_some() {
                self.remove_network_of(&id).await?;
            }
        }
        Ok(oldest)
    }

    /// Puts a container on one more network.
    pub(crate) async fn connect_network(&self, name: &str, container: &ContainerId) -> Result<(), Error> {
        let request = NetworkConnectRequest {
            container: container.to_string(),
            endpoint_config: None,
        };
        let call = Call::new("network connect", "put the container on the network", name);
        self.act(call, self.docker.connect_network(name, request)).await
    }

    /// The network of exactly this name, the oldest one; none when there is none.
    pub async fn network(&self, name: &str) -> Result<Option<NetworkFacts>, Error> {
        Ok(self.networks_named(name).await?.into_iter().next().map(facts))
    }

    /// The networks that carry all these labels, by their names.
    pub async fn networks_with(&self, labels: &[(&str, &str)]) -> Result<Vec<NetworkFacts>, Error> {
        let call = Call::new("network ls", "list the networks", "network");
        let found = self.networks_listed(call, &label_filter(labels)).await?;
        let mut all: Vec<NetworkFacts> = found.into_iter().map(facts).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// Whether a container is on the network of this name, or will be when it is started again.
    pub async fn network_is_used(&self, name: &str) -> Result<bool, Error> {
        let filters = HashMap::from([("network".to_owned(), vec![name.to_owned()])]);
        Ok(!self.listed(&filters).await?.is_empty())
    }

    /// Removes the network of this name if nothing is on it, and says whether it did.
    pub async fn remove_network(&self, name: &str) -> Result<bool, Error> {
        let _one_at_a_time = self.lock().await;
        let mut removed = false;
        for network in self.networks(name).await? {
            removed |= self.remove_network_of(&network).await?;
        }
        Ok(removed)
    }

    /// Removes the network with this id if nothing is on it, and says whether it did.
    async fn remove_network_of(&self, id: &str) -> Result<bool, Error> {
        let call = Call::new("network rm", "remove the network", id);
        match self.act(call, self.docker.remove_network(id)).await {
            Ok(()) => Ok(true),
            Err(Error::NotFound { .. } | Error::Conflict { .. }) => Ok(false),
            // An engine says 403 of one that has endpoints.
            Err(Error::Api { message, .. }) if message.contains("active endpoints") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The ids of the networks of exactly this name, oldest first.
    async fn networks(&self, name: &str) -> Result<Vec<String>, Error> {
        let found = self.networks_named(name).await?;
        Ok(found.into_iter().filter_map(|network| network.id).collect())
    }

    fn networks_listed<'a>(
        &'a self,
        call: Call<'a>,
        filters: &HashMap<String, Vec<String>>,
    ) -> BoxFuture<'a, Result<Vec<bollard::models::Network>, Error>> {
        let options = ListNetworksOptionsBuilder::default().filters(filters).build();
        self.ask(call, self.docker.list_networks(Some(options)))
    }

    async fn networks_named(&self, name: &str) -> Result<Vec<bollard::models::Network>, Error> {
        // The engine looks for a part of the name.
        let filters = HashMap::from([("name".to_owned(), vec![name.to_owned()])]);
        let call = Call::new("network ls", LOOK, name);
        let mut found = self.networks_listed(call, &filters).await?;
        found.retain(|network| network.name.as_deref() == Some(name));
        found.sort_by(|a, b| (&a.created, &a.id).cmp(&(&b.created, &b.id)));
        Ok(found)
    }

    /// A lock that every process of this machine that uses this engine can have: the folder of its socket. Where it
    /// cannot be had the engine's own check must do; also where somebody keeps it who waits for an engine that hangs.
    async fn lock(&self) -> Option<File> {
        let folder = File::open(self.socket.parent()?).ok()?;
        let until = Instant::now() + self.limits.question;
        let mut pause = Backoff::up_to(LONGEST_PAUSE);
        loop {
            match folder.try_lock() {
                Ok(()) => return Some(folder),
                Err(TryLockError::WouldBlock) if Instant::now() < until => sleep(pause.take()).await,
                Err(_) => return None,
            }
        }
    }

    async fn create_network(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
        subnet: Subnet,
    ) -> Result<(), Error> {
        let mut all: HashMap<String, String> = labels.clone().into_iter().collect();
        let kind = all.entry(labels::KIND.to_owned());
        kind.or_insert_with(|| "network".to_owned());
        let ipam = Ipam {
            config: Some(vec![IpamConfig {
                subnet: Some(subnet.to_string()),
                ..IpamConfig::default()
            }]),
            ..Ipam::default()
        };
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some(all),
            ipam: Some(ipam),
            ..NetworkCreateRequest::default()
        };
        let call = Call::new("network create", MAKE, name);
        self.act(call, self.docker.create_network(request))
            .await
            .map(drop)
    }
}
