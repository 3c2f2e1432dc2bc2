//! The network that containers are on.

use std::collections::HashMap;
use std::fs::File;

use bollard::models::NetworkCreateRequest;
use bollard::query_parameters::ListNetworksOptionsBuilder;

use crate::engine::Engine;
use crate::error::Error;

const LOOK: &str = "look for the network";

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
            return self.create_network(name).await;
        }
        for younger in all.drain(1..) {
            let removed = self.docker.remove_network(&younger).await;
            removed.map_err(|error| Error::of("remove the second network", name, error))?;
        }
        Ok(())
    }

    /// Removes the network of this name if nothing is on it, and says whether it did.
    pub async fn remove_network(&self, name: &str) -> Result<bool, Error> {
        let _one_at_a_time = self.lock().await;
        let mut removed = false;
        for network in self.networks(name).await? {
            match self
                .docker
                .remove_network(&network)
                .await
                .map_err(|error| Error::of("remove the network", &network, error))
            {
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
        // The engine looks for a part of the name.
        let filters = HashMap::from([("name".to_owned(), vec![name.to_owned()])]);
        let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
        let found = self.docker.list_networks(Some(options)).await;
        let mut found = found.map_err(|error| Error::of(LOOK, name, error))?;
        found.retain(|network| network.name.as_deref() == Some(name));
        found.sort_by(|a, b| (&a.created, &a.id).cmp(&(&b.created, &b.id)));
        Ok(found.into_iter().filter_map(|network| network.id).collect())
    }

    /// A lock that every process of this machine that uses this engine can have: the folder of its socket. Where it
    /// cannot be had the engine's own check must do.
    async fn lock(&self) -> Option<File> {
        let folder = self.socket.parent()?.to_owned();
        let locked = tokio::task::spawn_blocking(move || {
            let folder = File::open(folder).ok()?;
            folder.lock().ok()?;
            Some(folder)
        });
        locked.await.ok().flatten()
    }

    async fn create_network(&self, name: &str) -> Result<(), Error> {
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some(HashMap::from([(
                crate::labels::KIND.to_owned(),
                "network".to_owned(),
            )])),
            ..NetworkCreateRequest::default()
        };
        match self
            .docker
            .create_network(request)
            .await
            .map_err(|error| Error::of("create the network", name, error))
        {
            // Somebody else made it in the meantime.
            Ok(_) | Err(Error::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
