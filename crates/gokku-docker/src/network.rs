//! Networks that containers are on.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, TryLockError};
use std::time::Duration;

use bollard::models::NetworkCreateRequest;
use bollard::query_parameters::ListNetworksOptionsBuilder;
use gokku_core::pause::Pause;
use tokio::time::{Instant, sleep};

use crate::engine::Engine;
use crate::error::Error;
use crate::images::label_filter;
use crate::limits::Call;

const LOOK: &str = "look for the network";
/// How often it is looked whether the lock is free.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// What is known of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkFacts {
    /// Its name.
    pub name: String,
    /// What makes it: `bridge`, `overlay`, ….
    pub driver: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl From<bollard::models::Network> for NetworkFacts {
    fn from(one: bollard::models::Network) -> Self {
        Self {
            name: one.name.unwrap_or_default(),
            driver: one.driver.unwrap_or_default(),
            labels: one.labels.unwrap_or_default().into_iter().collect(),
        }
    }
}

impl Engine {
    /// Makes sure that there is one bridge network of this name.
    ///
    /// Engines before API 1.44 take the same name twice when asked at the same time, and then take it for neither: so
    /// one process at a time makes it, whichever server's it is, and of two that are there all the same the younger
    /// goes.
    pub async fn ensure_network(&self, name: &str) -> Result<(), Error> {
        if self.networks(name).await?.len() == 1 {
            return Ok(());
        }
        let _one_at_a_time = self.lock().await;
        let mut all = self.networks(name).await?;
        if all.is_empty() {
            return self.create_network(name, &BTreeMap::new()).await;
        }
        for younger in all.drain(1..) {
            let call = Call::new("network rm", "remove the second network", name);
            self.act(call, self.docker.remove_network(&younger)).await?;
        }
        Ok(())
    }

    /// The network of exactly this name; a bridge with these labels that is made when there is none.
    pub async fn network_or_make(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<NetworkFacts, Error> {
        if let Some(there) = self.network(name).await? {
            return Ok(there);
        }
        let _one_at_a_time = self.lock().await;
        if self.networks(name).await?.is_empty() {
            self.create_network(name, labels).await?;
        }
        self.network(name).await?.ok_or_else(|| Error::NotFound {
            what: LOOK,
            id: name.to_owned(),
        })
    }

    /// The network of exactly this name, the oldest one; none when there is none.
    pub async fn network(&self, name: &str) -> Result<Option<NetworkFacts>, Error> {
        Ok(self
            .networks_named(name)
            .await?
            .into_iter()
            .next()
            .map(NetworkFacts::from))
    }

    /// The networks that carry all these labels, by their names.
    pub async fn networks_with(&self, labels: &[(&str, &str)]) -> Result<Vec<NetworkFacts>, Error> {
        let filters = label_filter(labels);
        let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
        let call = Call::new("network ls", "list the networks", "network");
        let found = self.ask(call, self.docker.list_networks(Some(options))).await?;
        let mut all: Vec<NetworkFacts> = found.into_iter().map(NetworkFacts::from).collect();
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
            let call = Call::new("network rm", "remove the network", &network);
            match self.act(call, self.docker.remove_network(&network)).await {
                Ok(()) => removed = true,
                Err(Error::NotFound { .. } | Error::Conflict { .. }) => {}
                // An engine says 403 of one that has endpoints.
                Err(Error::Api { message, .. }) if message.contains("active endpoints") => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }

    /// The ids of the networks of exactly this name, oldest first.
    async fn networks(&self, name: &str) -> Result<Vec<String>, Error> {
        let found = self.networks_named(name).await?;
        Ok(found.into_iter().filter_map(|network| network.id).collect())
    }

    async fn networks_named(&self, name: &str) -> Result<Vec<bollard::models::Network>, Error> {
        // The engine looks for a part of the name.
        let filters = HashMap::from([("name".to_owned(), vec![name.to_owned()])]);
        let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
        let call = Call::new("network ls", LOOK, name);
        let mut found = self.ask(call, self.docker.list_networks(Some(options))).await?;
        found.retain(|network| network.name.as_deref() == Some(name));
        found.sort_by(|a, b| (&a.created, &a.id).cmp(&(&b.created, &b.id)));
        Ok(found)
    }

    /// A lock that every process of this machine that uses this engine can have: the folder of its socket. Where it
    /// cannot be had the engine's own check must do; also where somebody keeps it who waits for an engine that hangs.
    async fn lock(&self) -> Option<File> {
        let folder = File::open(self.socket.parent()?).ok()?;
        let until = Instant::now() + self.limits.question;
        let mut pause = Pause::up_to(LONGEST_PAUSE);
        loop {
            match folder.try_lock() {
                Ok(()) => return Some(folder),
                Err(TryLockError::WouldBlock) if Instant::now() < until => sleep(pause.take()).await,
                Err(_) => return None,
            }
        }
    }

    async fn create_network(&self, name: &str, labels: &BTreeMap<String, String>) -> Result<(), Error> {
        let mut all: HashMap<String, String> = labels.clone().into_iter().collect();
        all.insert(crate::labels::KIND.to_owned(), "network".to_owned());
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some(all),
            ..NetworkCreateRequest::default()
        };
        let call = Call::new("network create", "create the network", name);
        match self.act(call, self.docker.create_network(request)).await {
            // Somebody else made it in the meantime.
            Ok(_) | Err(Error::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
