//! The server as a whole: its folder, its engine, its switch.

use std::path::PathBuf;
use std::sync::Arc;

use gokku_core::{Access, AppName, Asker};
use gokku_docker::{ContainerFacts, Engine, labels};

use crate::engine::runtime::Runtime;
use crate::engine::traffic_switch::TrafficSwitch;
use crate::error::Error;
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
}

impl Server {
    /// A connection to the engine.
    pub async fn engine(&self) -> Result<Engine, Error> {
        Ok(Engine::connect(&self.engine).await?)
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
}
