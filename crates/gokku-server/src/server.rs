//! The server as a whole: its folder, its engine, its switch.

use std::path::PathBuf;
use std::sync::Arc;

use gokku_core::access::domain_grants::DomainGrants;
use gokku_core::access::reached_at::ReachedAt;
use gokku_core::containers::{ContainerFacts, labels};
use gokku_core::{Access, AppName, Asker};
use gokku_docker::Engine;

use crate::app::server_config;
use crate::engine::runtime::Runtime;
use crate::engine::traffic_switch::TrafficSwitch;
use crate::fs::app_dir::AppDir;
use crate::fs::root::Root;

/// What everything on the server needs to know; read from the environment by the program.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its folder.
    pub root: Root,
    /// The gokku program, to start its other parts.
    pub program: PathBuf,
    /// The Docker Engine's socket.
    pub engine: PathBuf,
    /// The traffic switch, running or not.
    pub switch: Arc<dyn TrafficSwitch>,
    /// The program's version.
    pub version: String,
    /// Who asks: a user's or a key's name.
    pub by: String,
    /// The apps that whoever asks may reach.
    pub access: Access,
    /// Who answers for what is asked.
    pub asker: Asker,
    /// The domains that whoever asks may give to apps, where that is a key.
    pub domains: DomainGrants,
    /// The host by which whoever asks reaches it, where that is known.
    pub reached_at: Option<ReachedAt>,
}

impl Server {
    /// Connects to the Docker Engine itself, for what nothing else that runs containers is asked: what a container prints as it
    /// does, programs in it, logins.
    pub(crate) async fn docker(&self) -> Result<Engine, gokku_docker::Error> {
        Engine::connect(&self.engine).await
    }

    /// Connects to what runs the containers.
    pub(crate) async fn runtime(&self) -> Result<Arc<dyn Runtime>, gokku_core::containers::Error> {
        Ok(Arc::new(self.docker().await?))
    }

    /// The same for whoever is waited for by somebody: what is not answered once is not asked again.
    pub(crate) async fn brief_runtime(&self) -> Result<Arc<dyn Runtime>, gokku_core::containers::Error> {
        Ok(Arc::new(self.docker().await?.brief()))
    }

    /// The containers of an app of this server, whatever they are for.
    pub(crate) async fn containers(
        &self,
        engine: &dyn Runtime,
        app: &AppName,
    ) -> Result<Vec<ContainerFacts>, gokku_core::containers::Error> {
        let root = self.root.label();
        let mine = [(labels::ROOT, root.as_str()), (labels::APP, app.as_str())];
        engine.containers(&mine).await
    }

    /// Returns the URL of one of its ports, as whoever asks reaches it.
    pub fn url_of_port(&self, port: u16) -> String {
        match &self.reached_at {
            Some(at) => at.url(port),
            None => format!("http://localhost:{port}"),
        }
    }

    /// Returns the address of one of its TCP ports, `example.com:5432`: by the server's own name, if it has one, and otherwise as
    /// whoever asks reaches it.
    pub fn address_of_port(&self, port: u16) -> String {
        let config = server_config::read(&self.root).ok();
        match (config.and_then(|config| config.server.name), &self.reached_at) {
            (Some(name), _) => format!("{name}:{port}"),
            (None, Some(at)) => at.address(port),
            (None, None) => format!("localhost:{port}"),
        }
    }

    /// Returns where everything of an app is.
    pub fn app_dir(&self, app: &AppName) -> AppDir {
        self.root.app_dir(app)
    }
}
