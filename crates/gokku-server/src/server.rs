//! The server as a whole: its folder, its engine, its switch.

use std::path::PathBuf;

use gokku_core::{Access, AppName, Asker};
use gokku_docker::{ContainerFacts, Engine, labels};
use gokku_proxy::Client;

use crate::engine::runtime::Runtime;
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
    pub async fn engine(&self) -> Result<Engine, gokku_core::containers::Error> {
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

    /// Where everything of an app is.
    pub fn app_dir(&self, app: &AppName) -> AppDir {
        self.root.app_dir(app)
    }

    /// The traffic switch, running or not.
    pub fn switch(&self) -> Client {
        Client::new(self.root.socket())
    }
}
