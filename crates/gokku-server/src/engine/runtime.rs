//! Where containers run. The driver knows only this; behind it stands the Docker Engine, and could stand a
//! cluster's scheduler.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use gokku_core::config::image_ref::ImageRef;
use gokku_core::{ContainerId, ImageId};
use gokku_docker::{
    BuildRequest, ContainerFacts, ContainerSpec, Engine, Error, ImageFacts, LogLine, Login, NetworkFacts,
    NewNetwork, VolumeFacts,
};

/// What the driver needs of whatever runs containers. Every method can be called again after it was cut off.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// The containers that carry these labels.
    fn containers(
        &self,
        labels: &[(&str, &str)],
    ) -> impl Future<Output = Result<Vec<ContainerFacts>, Error>> + Send;
    /// One container with everything that is known of it.
    fn container(&self, id: &str) -> impl Future<Output = Result<Option<ContainerFacts>, Error>> + Send;
    /// An image by id or name.
    fn image(&self, name: &str) -> impl Future<Output = Result<Option<ImageFacts>, Error>> + Send;
    /// The folder where it keeps its data.
    fn data_root(&self) -> impl Future<Output = Result<PathBuf, Error>> + Send;
    /// Whether it has an init for its containers.
    fn has_init(&self) -> impl Future<Output = Result<bool, Error>> + Send;
    /// Builds an image.
    fn build(
        &self,
        request: &BuildRequest<'_>,
        on_line: &mut (dyn FnMut(String) + Send),
    ) -> impl Future<Output = Result<ImageId, Error>> + Send;
    /// What an image's name means in its registry now.
    fn digest_of(
        &self,
        image: &ImageRef,
        login: Option<&Login>,
    ) -> impl Future<Output = Result<ImageRef, Error>> + Send;
    /// Pulls an image.
    fn pull(
        &self,
        image: &ImageRef,
        login: Option<&Login>,
        on_line: &mut (dyn FnMut(String) + Send),
    ) -> impl Future<Output = Result<(), Error>> + Send;
    /// Gives an image a name.
    fn tag(&self, image: &str, repository: &str, tag: &str)
    -> impl Future<Output = Result<(), Error>> + Send;
    /// Takes a name from an image.
    fn remove_image(&self, name: &str) -> impl Future<Output = Result<(), Error>> + Send;
    /// Runs a one-off container to its end, or until somebody says to stop; then there is no exit code.
    fn run_once(
        &self,
        stop: &mut (dyn Future<Output = ()> + Send + Unpin),
        spec: &ContainerSpec,
        on_output: &mut (dyn FnMut(LogLine) + Send),
    ) -> impl Future<Output = Result<Option<i64>, Error>> + Send;
    /// Makes a container.
    fn create(&self, spec: &ContainerSpec) -> impl Future<Output = Result<ContainerId, Error>> + Send;
    /// Starts it.
    fn start(&self, id: &ContainerId) -> impl Future<Output = Result<(), Error>> + Send;
    /// Waits until it does not run.
    fn wait_exit(&self, id: &ContainerId) -> impl Future<Output = Result<i64, Error>> + Send;
    /// Stops it.
    fn stop(&self, id: &ContainerId, grace: Duration) -> impl Future<Output = Result<(), Error>> + Send;
    /// Removes it; a volume that its image declares and nothing was mounted for stays.
    fn remove(&self, id: &ContainerId) -> impl Future<Output = Result<(), Error>> + Send;
    /// Removes it with all volumes of its own.
    fn remove_with_volumes(&self, id: &ContainerId) -> impl Future<Output = Result<(), Error>> + Send;
    /// The networks that carry these labels.
    fn networks_with(
        &self,
        labels: &[(&str, &str)],
    ) -> impl Future<Output = Result<Vec<NetworkFacts>, Error>> + Send;
    /// The network of this name; made with these labels when there is none.
    fn network_or_make(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> impl Future<Output = Result<NetworkFacts, Error>> + Send;
    /// A network from a range of addresses; the one that is there with its labels and room enough.
    fn network_of_range(&self, new: &NewNetwork) -> impl Future<Output = Result<NetworkFacts, Error>> + Send;
    /// A volume by its name.
    fn volume(&self, name: &str) -> impl Future<Output = Result<Option<VolumeFacts>, Error>> + Send;
    /// Gives it another name.
    fn rename(&self, id: &ContainerId, name: &str) -> impl Future<Output = Result<(), Error>> + Send;
    /// Runs a program in it, to its end or for so long; then it is ended, and has no exit code.
    fn run_inside(
        &self,
        id: &ContainerId,
        command: &[String],
        limit: Duration,
        on_output: &mut (dyn FnMut(LogLine) + Send),
    ) -> impl Future<Output = Result<Option<i64>, Error>> + Send;
    /// The last lines it printed.
    fn last_lines(
        &self,
        id: &ContainerId,
        lines: usize,
    ) -> impl Future<Output = Result<Vec<String>, Error>> + Send;
}

impl Runtime for Engine {
    async fn containers(&self, labels: &[(&str, &str)]) -> Result<Vec<ContainerFacts>, Error> {
        Engine::containers(self, labels).await
    }
    async fn networks_with(&self, labels: &[(&str, &str)]) -> Result<Vec<NetworkFacts>, Error> {
        Engine::networks_with(self, labels).await
    }
    async fn network_or_make(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<NetworkFacts, Error> {
        Engine::network_or_make(self, name, labels).await
    }
    async fn network_of_range(&self, new: &NewNetwork) -> Result<NetworkFacts, Error> {
        Engine::network_of_range(self, new).await
    }
    async fn container(&self, id: &str) -> Result<Option<ContainerFacts>, Error> {
        Engine::container(self, id).await
    }
    async fn image(&self, name: &str) -> Result<Option<ImageFacts>, Error> {
        Engine::image(self, name).await
    }
    async fn data_root(&self) -> Result<PathBuf, Error> {
        Engine::data_root(self).await
    }
    async fn has_init(&self) -> Result<bool, Error> {
        Engine::has_init(self).await
    }
    async fn build(
        &self,
        request: &BuildRequest<'_>,
        on_line: &mut (dyn FnMut(String) + Send),
    ) -> Result<ImageId, Error> {
        Engine::build(self, request, on_line).await
    }
    async fn digest_of(&self, image: &ImageRef, login: Option<&Login>) -> Result<ImageRef, Error> {
        Engine::digest_of(self, image, login).await
    }
    async fn pull(
        &self,
        image: &ImageRef,
        login: Option<&Login>,
        on_line: &mut (dyn FnMut(String) + Send),
    ) -> Result<(), Error> {
        Engine::pull(self, image, login, on_line).await
    }
    async fn tag(&self, image: &str, repository: &str, tag: &str) -> Result<(), Error> {
        Engine::tag(self, image, repository, tag).await
    }
    async fn remove_image(&self, name: &str) -> Result<(), Error> {
        Engine::remove_image(self, name).await
    }
    async fn run_once(
        &self,
        stop: &mut (dyn Future<Output = ()> + Send + Unpin),
        spec: &ContainerSpec,
        on_output: &mut (dyn FnMut(LogLine) + Send),
    ) -> Result<Option<i64>, Error> {
        self.run_once_until(stop, spec, on_output).await
    }
    async fn create(&self, spec: &ContainerSpec) -> Result<ContainerId, Error> {
        Engine::create(self, spec).await
    }
    async fn start(&self, id: &ContainerId) -> Result<(), Error> {
        Engine::start(self, id).await
    }
    async fn wait_exit(&self, id: &ContainerId) -> Result<i64, Error> {
        Engine::wait_exit(self, id).await
    }
    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), Error> {
        Engine::stop(self, id, grace).await
    }
    async fn remove(&self, id: &ContainerId) -> Result<(), Error> {
        Engine::remove(self, id).await
    }
    async fn remove_with_volumes(&self, id: &ContainerId) -> Result<(), Error> {
        Engine::remove_with_volumes(self, id).await
    }
    async fn volume(&self, name: &str) -> Result<Option<VolumeFacts>, Error> {
        Engine::volume(self, name).await
    }
    async fn rename(&self, id: &ContainerId, name: &str) -> Result<(), Error> {
        Engine::rename(self, id, name).await
    }
    async fn run_inside(
        &self,
        id: &ContainerId,
        command: &[String],
        limit: Duration,
        on_output: &mut (dyn FnMut(LogLine) + Send),
    ) -> Result<Option<i64>, Error> {
        Engine::run_inside(self, id, command, limit, on_output).await
    }
    async fn last_lines(&self, id: &ContainerId, lines: usize) -> Result<Vec<String>, Error> {
        Engine::last_lines(self, id, lines).await
    }
}
