//! What the Docker Engine has of this server, when the server is taken down: it is stopped, or removed.
//!
//! What has lost its name is found by the engine alone: it is asked itself.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::{BoxFuture, try_join_all};
use gokku_core::config::network_name::OF_ALL;
use gokku_core::containers::{ContainerState, NetworkFacts, labels};
use gokku_docker::Engine;
use serde::Serialize;

use crate::app::apps;
use crate::command::Error;
use crate::plan::isolation;
use crate::server::Server;
use crate::transition::{carried, pull};

/// How long containers may take to answer their last requests; no new ones come.
const GRACE: Duration = Duration::from_secs(30);

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Left {
    /// How many containers were stopped or removed.
    pub containers: usize,
    /// How many images were removed.
    pub images: usize,
    /// How many networks were removed.
    pub networks: usize,
    /// The apps' volumes, which stay.
    pub volumes: Vec<String>,
    /// Why the firewall's rule between networks stays, where it does and nobody needs it.
    pub firewall: Option<String>,
}

/// Stops every container of this server, and removes it with the images and the network when `data` goes, too. The rule between
/// networks goes with the containers.
pub fn leave(server: &Server, data: bool) -> BoxFuture<'_, Result<Left, Error>> {
    Box::pin(take_down(server, data))
}

async fn take_down(server: &Server, data: bool) -> Result<Left, Error> {
    if server.switch.status().await.is_ok() {
        return Err(Error::SwitchRuns);
    }
    let engine = server.docker().await?;
    let label = server.root.label();
    let mine = [(labels::ROOT, label.as_str())];
    let mut left = Left::default();
    let all = engine.containers(&mine).await?;
    let running = all.iter().filter(|facts| facts.state == ContainerState::Running);
    let stopped = try_join_all(running.map(|facts| engine.stop(&facts.id, GRACE))).await?;
    if !data {
        left.containers = stopped.len();
        left.firewall = end_isolation(server, &engine).await?;
        return Ok(left);
    }
    // What images declare stays, too, also where no volume of the app's was made of it yet.
    let mut unlabelled = BTreeSet::new();
    for facts in &all {
        if let Some(facts) = engine.container(facts.id.as_str()).await? {
            unlabelled.extend(carried::of_image(&facts).map(|(_, volume)| volume));
        }
        engine.remove(&facts.id).await?;
    }
    left.containers = all.len();
    for app in apps::list(&server.root).unwrap_or_default() {
        pull::forget_all(&engine, &server.app_dir(&app.name)).await?;
        for volume in app.volumes.into_values() {
            if engine.volume(&volume).await?.is_some() {
                unlabelled.insert(volume);
            }
        }
    }
    left.images = images(&engine, &mine).await?;
    let networks = engine.networks_with(&mine).await?;
    let names = networks.iter().map(|network| network.name.as_str());
    for name in names.chain([OF_ALL]) {
        left.networks += usize::from(engine.remove_network(name).await?);
    }
    let volumes = engine.volumes(&mine).await?;
    let own = volumes.into_iter().map(|volume| volume.name);
    left.volumes = own.chain(unlabelled).collect();
    left.firewall = end_isolation(server, &engine).await?;
    Ok(left)
}

/// Takes the rule away that kept networks apart, unless another server has networks on this engine: it may be that one's, too. Why
/// it stays, where it could not be taken away.
async fn end_isolation(server: &Server, engine: &Engine) -> Result<Option<String>, Error> {
    let label = server.root.label();
    let networks = engine.networks_with(&[]).await?;
    let of_another = |network: &NetworkFacts| network.label(labels::ROOT).is_some_and(|root| root != label);
    if networks.iter().any(of_another) {
        return Ok(None);
    }
    let ended = engine.end_isolation(&label, isolation::range(&server.root)).await;
    Ok(ended.err().map(|error| error.to_string()))
}

async fn images(engine: &Engine, mine: &[(&str, &str)]) -> Result<usize, Error> {
    let images = engine.images(mine).await?;
    for image in &images {
        for tag in &image.tags {
            engine.remove_image(tag).await?;
        }
    }
    engine.prune_images(mine).await?;
    Ok(images.len())
}
