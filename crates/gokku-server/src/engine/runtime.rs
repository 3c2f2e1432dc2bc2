//! Where containers run, as a trait: behind it stands the Docker Engine, and could stand a cluster's scheduler. What passes
//! through it (`gokku_core::containers`) names no engine.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use gokku_core::config::image_ref::ImageRef;
use gokku_core::containers::{
    BuildRequest, ContainerEvent, ContainerFacts, ContainerSpec, Error, ImageFacts, Isolated, Isolation,
    LogLine, Login, Mount, NetworkFacts, NewNetwork, PrunedCache, Usage, VolumeFacts,
};
use gokku_core::{ContainerId, ImageId};
use gokku_docker::Engine;

/// What becomes of a call.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;
/// What gets each line of progress.
pub type OnLine<'a> = &'a mut (dyn FnMut(String) + Send + 'a);
/// What gets each piece that a container prints.
pub type OnOutput<'a> = &'a mut (dyn FnMut(LogLine) + Send + 'a);

/// What is needed of whatever runs containers. Every call can be made again after it was cut off.
pub trait Runtime: Send + Sync + 'static {
    /// Returns the containers that carry all these labels, running or not, in no order.
    fn containers<'a>(&'a self, labels: &'a [(&'a str, &'a str)]) -> Answer<'a, Vec<ContainerFacts>>;
    /// Returns a container by its id or exact name, with everything that is known of it; none when there is none.
    fn container<'a>(&'a self, id: &'a str) -> Answer<'a, Option<ContainerFacts>>;
    /// Returns an image by its id or name; none when there is none.
    fn image<'a>(&'a self, name: &'a str) -> Answer<'a, Option<ImageFacts>>;
    /// Returns the images that carry all these labels.
    fn images<'a>(&'a self, labels: &'a [(&'a str, &'a str)]) -> Answer<'a, Vec<ImageFacts>>;
    /// Returns the folder where it keeps its data.
    fn data_root(&self) -> Answer<'_, PathBuf>;
    /// Returns the folders whose file systems have its data: what is to survive a power cut is on these.
    fn data_folders(&self) -> Answer<'_, Vec<PathBuf>>;
    /// Returns whether it has an init for its containers.
    fn has_init(&self) -> Answer<'_, bool>;
    /// Builds an image; `on_line` gets each line of progress. Dropping the future cancels the build.
    fn build<'a>(&'a self, request: &'a BuildRequest<'a>, on_line: OnLine<'a>) -> Answer<'a, ImageId>;
    /// Returns what an image's name means in its registry now: the name with a digest.
    fn digest_of<'a>(&'a self, image: &'a ImageRef, login: Option<&'a Login>) -> Answer<'a, ImageRef>;
    /// Pulls an image. Dropping the future cancels it.
    fn pull<'a>(
        &'a self,
        image: &'a ImageRef,
        login: Option<&'a Login>,
        on_line: OnLine<'a>,
    ) -> Answer<'a, ()>;
    /// Gives an image another name, taking it from the image that had it.
    fn tag<'a>(&'a self, image: &'a str, repository: &'a str, tag: &'a str) -> Answer<'a, ()>;
    /// Takes a name from an image, and removes the image when it was its last and nothing uses it. One that is not there is no error.
    fn remove_image<'a>(&'a self, name: &'a str) -> Answer<'a, ()>;
    /// Runs a one-off container to its end, or until somebody says to stop: then it is gone, and there is no exit code. Dropping the future removes it, too.
    fn run_one_off<'a>(
        &'a self,
        stop: &'a mut (dyn Future<Output = ()> + Send + Unpin + 'a),
        spec: &'a ContainerSpec,
        on_output: OnOutput<'a>,
    ) -> Answer<'a, Option<i64>>;
    /// Makes a container.
    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> Answer<'a, ContainerId>;
    /// Starts a container; one that runs already is no error.
    fn start<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()>;
    /// Waits until a container does not run, and returns its exit code.
    fn wait_exit<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, i64>;
    /// Stops a container: SIGTERM, then SIGKILL after the grace. One that does not run is no error.
    fn stop<'a>(&'a self, id: &'a ContainerId, grace: Duration) -> Answer<'a, ()>;
    /// Removes a container, running or not; a volume that its image declares and nothing was mounted for stays. One that is not there is no error.
    fn remove<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()>;
    /// Removes a container with all volumes of its own.
    fn remove_with_volumes<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()>;
    /// Gives a container another name.
    fn rename<'a>(&'a self, id: &'a ContainerId, name: &'a str) -> Answer<'a, ()>;
    /// Runs a program in a container, to its end or for so long; then it is ended, and has no exit code.
    fn run_inside<'a>(
        &'a self,
        id: &'a ContainerId,
        command: &'a [String],
        limit: Duration,
        on_output: OnOutput<'a>,
    ) -> Answer<'a, Option<i64>>;
    /// Returns the last lines that a container printed.
    fn last_lines<'a>(&'a self, id: &'a ContainerId, lines: usize) -> Answer<'a, Vec<String>>;
    /// Returns the networks that carry all these labels, by their names.
    fn networks_with<'a>(&'a self, labels: &'a [(&'a str, &'a str)]) -> Answer<'a, Vec<NetworkFacts>>;
    /// Returns the network of this name; none when there is none.
    fn network<'a>(&'a self, name: &'a str) -> Answer<'a, Option<NetworkFacts>>;
    /// Returns the network of the one name, made from a range of addresses when there is none.
    fn network_or_make<'a>(&'a self, new: &'a NewNetwork) -> Answer<'a, NetworkFacts>;
    /// Returns the network with these labels that has room enough; made from a range of addresses when there is none.
    fn network_of_range<'a>(&'a self, new: &'a NewNetwork) -> Answer<'a, NetworkFacts>;
    /// Returns whether a container is on the network of this name, or will be when it is started again.
    fn network_is_used<'a>(&'a self, name: &'a str) -> Answer<'a, bool>;
    /// Removes the network of this name if nothing is on it, and returns whether it did.
    fn remove_network<'a>(&'a self, name: &'a str) -> Answer<'a, bool>;
    /// Has nothing pass from one network to another, whatever it does itself meanwhile, and returns how that was found.
    fn isolate<'a>(&'a self, isolation: &'a Isolation) -> Answer<'a, Isolated>;
    /// Returns a volume by its name; none when there is none.
    fn volume<'a>(&'a self, name: &'a str) -> Answer<'a, Option<VolumeFacts>>;
    /// Returns the volumes that carry all these labels, by their names.
    fn volumes<'a>(&'a self, labels: &'a [(&'a str, &'a str)]) -> Answer<'a, Vec<VolumeFacts>>;
    /// Removes a volume.
    fn remove_volume<'a>(&'a self, name: &'a str) -> Answer<'a, ()>;
    /// Checks that no other app's container has a folder that is to be mounted, where either can write to it.
    fn check_folders<'a>(&'a self, mounts: &'a [Mount], app: &'a str) -> Answer<'a, ()>;
    /// Returns what its disk is used for.
    fn usage(&self) -> Answer<'_, Usage>;
    /// Removes of the build cache what was not used for longest, until no more than `keep` bytes are left of it.
    fn prune_cache(&self, keep: u64) -> Answer<'_, PrunedCache>;
    /// Follows what happens from this call on to containers that carry all these labels. Ends, mostly with an error, when
    /// whatever runs them goes away.
    fn events(&self, labels: &[(&str, &str)]) -> BoxStream<'static, Result<ContainerEvent, Error>>;
}

/// An answer of the Docker Engine, by what it means.
fn answer<'a, T: Send + 'a>(
    asked: impl Future<Output = Result<T, gokku_docker::Error>> + Send + 'a,
) -> Answer<'a, T> {
    asked.map_err(Error::from).boxed()
}

impl Runtime for Engine {
    fn containers<'a>(&'a self, labels: &'a [(&'a str, &'a str)]) -> Answer<'a, Vec<ContainerFacts>> {
        answer(Engine::containers(self, labels))
    }
    fn container<'a>(&'a self, id: &'a str) -> Answer<'a, Option<ContainerFacts>> {
        answer(Engine::container(self, id))
    }
    fn image<'a>(&'a self, name: &'a str) -> Answer<'a, Option<ImageFacts>> {
        answer(Engine::image(self, name))
    }
    fn images<'a>(&'a self, labels: &'a [(&'a str, &'a str)]) -> Answer<'a, Vec<ImageFacts>> {
        answer(Engine::images(self, labels))
    }
    fn data_root(&self) -> Answer<'_, PathBuf> {
        answer(Engine::data_root(self))
    }
    fn data_folders(&self) -> Answer<'_, Vec<PathBuf>> {
        answer(Engine::data_folders(self))
    }
    fn has_init(&self) -> Answer<'_, bool> {
        answer(Engine::has_init(self))
    }
    fn build<'a>(&'a self, request: &'a BuildRequest<'a>, on_line: OnLine<'a>) -> Answer<'a, ImageId> {
        answer(Engine::build(self, request, on_line))
    }
    fn digest_of<'a>(&'a self, image: &'a ImageRef, login: Option<&'a Login>) -> Answer<'a, ImageRef> {
        answer(Engine::digest_of(self, image, login))
    }
    fn pull<'a>(
        &'a self,
        image: &'a ImageRef,
        login: Option<&'a Login>,
        on_line: OnLine<'a>,
    ) -> Answer<'a, ()> {
        answer(Engine::pull(self, image, login, on_line))
    }
    fn tag<'a>(&'a self, image: &'a str, repository: &'a str, tag: &'a str) -> Answer<'a, ()> {
        answer(Engine::tag(self, image, repository, tag))
    }
    fn remove_image<'a>(&'a self, name: &'a str) -> Answer<'a, ()> {
        answer(Engine::remove_image(self, name))
    }
    fn run_one_off<'a>(
        &'a self,
        stop: &'a mut (dyn Future<Output = ()> + Send + Unpin + 'a),
        spec: &'a ContainerSpec,
        on_output: OnOutput<'a>,
    ) -> Answer<'a, Option<i64>> {
        answer(Engine::run_one_off_until(self, stop, spec, on_output))
    }
    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> Answer<'a, ContainerId> {
        answer(Engine::create(self, spec))
    }
    fn start<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()> {
        answer(Engine::start(self, id))
    }
    fn wait_exit<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, i64> {
        answer(Engine::wait_exit(self, id))
    }
    fn stop<'a>(&'a self, id: &'a ContainerId, grace: Duration) -> Answer<'a, ()> {
        answer(Engine::stop(self, id, grace))
    }
    fn remove<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()> {
        answer(Engine::remove(self, id))
    }
    fn remove_with_volumes<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()> {
        answer(Engine::remove_with_volumes(self, id))
    }
    fn rename<'a>(&'a self, id: &'a ContainerId, name: &'a str) -> Answer<'a, ()> {
        answer(Engine::rename(self, id, name))
    }
    fn run_inside<'a>(
        &'a self,
        id: &'a ContainerId,
        command: &'a [String],
        limit: Duration,
        on_output: OnOutput<'a>,
    ) -> Answer<'a, Option<i64>> {
        answer(Engine::run_inside(self, id, command, limit, on_output))
    }
    fn last_lines<'a>(&'a self, id: &'a ContainerId, lines: usize) -> Answer<'a, Vec<String>> {
        answer(Engine::last_lines(self, id, lines))
    }
    fn networks_with<'a>(&'a self, labels: &'a [(&'a str, &'a str)]) -> Answer<'a, Vec<NetworkFacts>> {
        answer(Engine::networks_with(self, labels))
    }
    fn network<'a>(&'a self, name: &'a str) -> Answer<'a, Option<NetworkFacts>> {
        answer(Engine::network(self, name))
    }
    fn network_or_make<'a>(&'a self, new: &'a NewNetwork) -> Answer<'a, NetworkFacts> {
        answer(Engine::network_or_make(self, new))
    }
    fn network_of_range<'a>(&'a self, new: &'a NewNetwork) -> Answer<'a, NetworkFacts> {
        answer(Engine::network_of_range(self, new))
    }
    fn network_is_used<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        answer(Engine::network_is_used(self, name))
    }
    fn remove_network<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        answer(Engine::remove_network(self, name))
    }
    fn isolate<'a>(&'a self, isolation: &'a Isolation) -> Answer<'a, Isolated> {
        answer(Engine::isolate(self, isolation))
    }
    fn volume<'a>(&'a self, name: &'a str) -> Answer<'a, Option<VolumeFacts>> {
        answer(Engine::volume(self, name))
    }
    fn volumes<'a>(&'a self, labels: &'a [(&'a str, &'a str)]) -> Answer<'a, Vec<VolumeFacts>> {
        answer(Engine::volumes(self, labels))
    }
    fn remove_volume<'a>(&'a self, name: &'a str) -> Answer<'a, ()> {
        answer(Engine::remove_volume(self, name))
    }
    fn check_folders<'a>(&'a self, mounts: &'a [Mount], app: &'a str) -> Answer<'a, ()> {
        answer(Engine::check_folders(self, mounts, app))
    }
    fn usage(&self) -> Answer<'_, Usage> {
        answer(Engine::usage(self))
    }
    fn prune_cache(&self, keep: u64) -> Answer<'_, PrunedCache> {
        answer(Engine::prune_cache(self, keep))
    }
    fn events(&self, labels: &[(&str, &str)]) -> BoxStream<'static, Result<ContainerEvent, Error>> {
        Engine::events(self, labels).map_err(Error::from).boxed()
    }
}
