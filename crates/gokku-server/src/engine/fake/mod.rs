//! An engine in memory, for tests: it does what the Docker Engine does with containers, images, networks and volumes, at once,
//! and fails as it is told to. What is true of both is held by one set of checks (`contract.rs`).
//!
//! - [`world`]: what there is; [`fault`]: how a call goes wrong
//! - this file: the calls
//!
//! Nobody can connect to what runs on it: whether a container would answer is asked of [`World::answers`].

pub(crate) mod fault;
pub(crate) mod world;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use gokku_core::config::image_ref::ImageRef;
use gokku_core::containers::{
    BuildRequest, ContainerEvent, ContainerFacts, ContainerSpec, Error, ImageFacts, Isolated, Isolation,
    LogLine, Login, Mount, NetworkFacts, NewNetwork, PrunedCache, Usage, VolumeFacts,
};
use gokku_core::{ContainerId, ImageId};
use tokio::sync::{Notify, broadcast};

use crate::engine::runtime::{Answer, OnLine, OnOutput, Runtime};
use fault::{Fault, Faults, is_act};
use world::{Behaviour, World, failed, not_found};

/// How long a question that hangs is waited for, and an act: as those to the Docker Engine are.
const QUESTION: Duration = Duration::from_secs(8);
const ACT: Duration = Duration::from_secs(120);

/// What is asked of a container that was running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    Stop,
    Remove,
}

/// Who is told before a container is ended, whatever becomes of that.
type Watch = Box<dyn Fn(Ends, &ContainerId) + Send>;

/// The engine; all clones are one.
#[derive(Clone)]
pub(crate) struct Fake {
    data: PathBuf,
    world: Arc<Mutex<World>>,
    faults: Arc<Mutex<Faults>>,
    changed: Arc<Notify>,
    died: Arc<Notify>,
    watch: Arc<Mutex<Option<Watch>>>,
    stuck: Arc<Mutex<BTreeSet<ContainerId>>>,
}

impl Fake {
    /// Returns an engine with nothing on it, whose data would be in this folder.
    pub(crate) fn new(data: PathBuf) -> Self {
        Self {
            data,
            world: Arc::default(),
            faults: Arc::default(),
            changed: Arc::default(),
            died: Arc::default(),
            watch: Arc::default(),
            stuck: Arc::default(),
        }
    }

    /// Returns what there is, to be looked at or changed by a hand.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has calls from now on go wrong so, by their number.
    pub(crate) fn go_wrong(&self, faults: impl IntoIterator<Item = (usize, Fault)>) {
        self.faults().begin(faults);
    }

    /// Returns the names of the calls since [`Fake::go_wrong`], and has none go wrong any more; what was to be done late is done.
    pub(crate) fn go_right(&self) -> Vec<&'static str> {
        let (calls, late) = self.faults().end();
        for act in late {
            act(&mut self.world());
        }
        self.changed.notify_waiters();
        calls
    }

    /// Has somebody told of every stop and every removal that is asked for.
    pub(crate) fn watch(&self, watch: impl Fn(Ends, &ContainerId) + Send + 'static) {
        *self.watch.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(watch));
    }

    fn tell(&self, ends: Ends, id: &ContainerId) {
        if let Some(watch) = &*self.watch.lock().unwrap_or_else(PoisonError::into_inner) {
            watch(ends, id);
        }
    }

    /// Waits until a call was told to be the last of whoever made it.
    pub(crate) async fn caller_dies(&self) {
        self.died.notified().await;
    }

    /// Stops all containers, as an engine does that is restarted.
    pub(crate) fn restart(&self) {
        self.world().restart();
        self.changed.notify_waiters();
    }

    /// Ends a container, with this exit code, as if by itself.
    pub(crate) fn dies(&self, id: &ContainerId, code: i64) {
        self.world().end(id, code);
        self.changed.notify_waiters();
    }

    /// Has every call about these containers hang, and about no others.
    pub(crate) fn get_stuck(&self, containers: impl IntoIterator<Item = ContainerId>) {
        *self.stuck.lock().unwrap_or_else(PoisonError::into_inner) = containers.into_iter().collect();
    }

    fn is_stuck(&self, id: &str) -> bool {
        let stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        stuck.iter().any(|one| one.as_str() == id)
    }

    /// A call about a container.
    async fn call_of<T: Send + 'static>(
        &self,
        name: &'static str,
        id: &str,
        effect: impl FnOnce(&mut World) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        if self.is_stuck(id) {
            return Err(self.silence(name).await);
        }
        self.call(name, effect).await
    }

    /// A call whose effect may come when nobody waits for it any more.
    async fn call<T: Send + 'static>(
        &self,
        name: &'static str,
        effect: impl FnOnce(&mut World) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        // Whoever waits for an answer may be killed before it is asked for, and before it comes.
        tokio::task::yield_now().await;
        let done = self.done(name, effect).await;
        tokio::task::yield_now().await;
        done
    }

    /// The next call's number: what becomes of it, once what is late by now is done.
    fn next(&self, name: &'static str) -> Option<Fault> {
        let (fault, due) = self.faults().next(name);
        if !due.is_empty() {
            for act in due {
                act(&mut self.world());
            }
            self.changed.notify_waiters();
        }
        fault
    }

    async fn done<T: Send + 'static>(
        &self,
        name: &'static str,
        effect: impl FnOnce(&mut World) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        match self.next(name) {
            None => self.now(effect),
            Some(Fault::Fails) => Err(failed(&format!("{name} fails"))),
            Some(Fault::Hangs) => Err(self.silence(name).await),
            Some(Fault::Lost) => {
                // What came of it nobody hears.
                drop(self.now(effect));
                Err(self.silence(name).await)
            }
            Some(Fault::Late { calls }) => {
                let act = Box::new(move |world: &mut World| drop(effect(world)));
                self.faults().later(calls, act);
                Err(self.silence(name).await)
            }
            Some(Fault::Restarts) => {
                self.restart();
                Err(Error::Unavailable("the engine restarts".into()))
            }
            Some(Fault::CallerDies { done: false }) => self.never().await,
            Some(Fault::CallerDies { done: true }) => {
                drop(self.now(effect));
                self.never().await
            }
        }
    }

    fn now<T>(&self, effect: impl FnOnce(&mut World) -> Result<T, Error>) -> Result<T, Error> {
        let done = effect(&mut self.world());
        self.changed.notify_waiters();
        done
    }

    async fn silence(&self, name: &'static str) -> Error {
        tokio::time::sleep(if is_act(name) { ACT } else { QUESTION }).await;
        Error::Silent(format!("{name}: no answer").into())
    }

    async fn never<T>(&self) -> T {
        self.died.notify_one();
        std::future::pending().await
    }

    /// Waits for a container's end: there is no limit to that.
    async fn wait(&self, id: ContainerId) -> Result<i64, Error> {
        match self.next("wait") {
            None => self.exit_of(id).await,
            Some(Fault::Fails) => Err(failed("wait fails")),
            Some(Fault::Restarts) => {
                self.restart();
                Err(Error::Unavailable("the engine restarts".into()))
            }
            Some(Fault::CallerDies { .. }) => self.never().await,
            Some(Fault::Hangs | Fault::Lost | Fault::Late { .. }) => std::future::pending().await,
        }
    }

    async fn exit_of(&self, id: ContainerId) -> Result<i64, Error> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on nothing is missed.
            changed.as_mut().enable();
            if let Some(code) = self.world().exit_code(&id)? {
                return Ok(code);
            }
            changed.await;
        }
    }
}

fn owned(labels: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    labels.iter().map(owned).collect()
}

/// The answer to a question that everybody has the same answer to.
fn always<'a, T: Send + 'a>(answer: T) -> BoxFuture<'a, Result<T, Error>> {
    std::future::ready(Ok(answer)).boxed()
}

impl Runtime for Fake {
    fn containers<'a>(&'a self, labels: &'a [(&'a str, &'a str)]) -> Answer<'a, Vec<ContainerFacts>> {
        let labels = owned(labels);
        self.call("containers", move |world| Ok(world.containers(&labels)))
            .boxed()
    }
    fn container<'a>(&'a self, id: &'a str) -> Answer<'a, Option<ContainerFacts>> {
        let name = id.to_owned();
        self.call_of("container", id, move |world| Ok(world.container(&name)))
            .boxed()
    }
    fn image<'a>(&'a self, name: &'a str) -> Answer<'a, Option<ImageFacts>> {
        let name = name.to_owned();
        self.call("image", move |world| Ok(world.image(&name).cloned()))
            .boxed()
    }
    fn images<'a>(&'a self, labels: &'a [(&'a str, &'a str)]) -> Answer<'a, Vec<ImageFacts>> {
        let labels = owned(labels);
        self.call("images", move |world| Ok(world.images(&labels)))
            .boxed()
    }
    fn data_root(&self) -> Answer<'_, PathBuf> {
        always(self.data.clone())
    }
    fn data_folders(&self) -> Answer<'_, Vec<PathBuf>> {
        always(vec![self.data.clone()])
    }
    fn has_init(&self) -> Answer<'_, bool> {
        always(true)
    }
    fn build<'a>(&'a self, request: &'a BuildRequest<'a>, on_line: OnLine<'a>) -> Answer<'a, ImageId> {
        let (tag, labels) = (request.tag.clone(), request.labels.clone());
        async move {
            on_line("[1/1] FROM scratch".to_owned());
            self.call("build", move |world| world.build(&tag, labels)).await
        }
        .boxed()
    }
    fn digest_of<'a>(&'a self, image: &'a ImageRef, _: Option<&'a Login>) -> Answer<'a, ImageRef> {
        let name = format!("{}@sha256:{}", image.name(), "d".repeat(64));
        self.call("digest", move |_| name.parse().map_err(|_| failed("no digest")))
            .boxed()
    }
    fn pull<'a>(&'a self, image: &'a ImageRef, _: Option<&'a Login>, on_line: OnLine<'a>) -> Answer<'a, ()> {
        let name = image.to_string();
        async move {
            on_line("layer 0123: pulled".to_owned());
            self.call("pull", move |world| world.pull(&name)).await
        }
        .boxed()
    }
    fn tag<'a>(&'a self, image: &'a str, repository: &'a str, tag: &'a str) -> Answer<'a, ()> {
        let (image, name) = (image.to_owned(), format!("{repository}:{tag}"));
        self.call("tag", move |world| world.tag(&image, &name)).boxed()
    }
    fn remove_image<'a>(&'a self, name: &'a str) -> Answer<'a, ()> {
        let name = name.to_owned();
        self.call("rmi", move |world| world.remove_image(&name)).boxed()
    }
    fn run_one_off<'a>(
        &'a self,
        stop: &'a mut (dyn Future<Output = ()> + Send + Unpin + 'a),
        spec: &'a ContainerSpec,
        on_output: OnOutput<'a>,
    ) -> Answer<'a, Option<i64>> {
        let spec = spec.clone();
        async move {
            let id = self.call("one-off", move |world| {
                let id = world.create(&spec)?;
                world.start(&id)?;
                Ok(id)
            });
            let id = id.await?;
            let guard = Removes(self, Some(id.clone()));
            for line in self.world().printed(&id) {
                on_output(LogLine {
                    stream: gokku_core::machine::stream::Stream::Out,
                    at: None,
                    bytes: line.into_bytes(),
                });
            }
            let code = tokio::select! {
                code = self.exit_of(id) => Some(code?),
                () = stop => None,
            };
            drop(guard);
            Ok(code)
        }
        .boxed()
    }
    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> Answer<'a, ContainerId> {
        let spec = spec.clone();
        self.call("create", move |world| world.create(&spec)).boxed()
    }
    fn start<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()> {
        let started = id.clone();
        self.call_of("start", id.as_str(), move |world| world.start(&started))
            .boxed()
    }
    fn wait_exit<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, i64> {
        self.wait(id.clone()).boxed()
    }
    fn stop<'a>(&'a self, id: &'a ContainerId, _: Duration) -> Answer<'a, ()> {
        let stopped = id.clone();
        async move {
            self.tell(Ends::Stop, id);
            self.call_of("stop", id.as_str(), move |world| world.stop(&stopped))
                .await
        }
        .boxed()
    }
    fn remove<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()> {
        let removed = id.clone();
        async move {
            self.tell(Ends::Remove, id);
            self.call_of("remove", id.as_str(), move |world| {
                world.remove(&removed);
                Ok(())
            })
            .await
        }
        .boxed()
    }
    fn remove_with_volumes<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()> {
        self.remove(id)
    }
    fn rename<'a>(&'a self, id: &'a ContainerId, name: &'a str) -> Answer<'a, ()> {
        let (renamed, name) = (id.clone(), name.to_owned());
        self.call_of("rename", id.as_str(), move |world| world.rename(&renamed, &name))
            .boxed()
    }
    fn run_inside<'a>(
        &'a self,
        id: &'a ContainerId,
        _: &'a [String],
        _: Duration,
        _: OnOutput<'a>,
    ) -> Answer<'a, Option<i64>> {
        let id = id.clone();
        self.call("exec", move |world| world.running(&id).map(|()| Some(0)))
            .boxed()
    }
    fn last_lines<'a>(&'a self, id: &'a ContainerId, lines: usize) -> Answer<'a, Vec<String>> {
        let id = id.clone();
        self.call("logs", move |world| {
            let all = world.printed(&id);
            let all: Vec<String> = all.iter().map(|line| line.trim_end().to_owned()).collect();
            Ok(all[all.len().saturating_sub(lines)..].to_vec())
        })
        .boxed()
    }
    fn networks_with<'a>(&'a self, labels: &'a [(&'a str, &'a str)]) -> Answer<'a, Vec<NetworkFacts>> {
        let labels = owned(labels);
        self.call("networks", move |world| Ok(world.networks(&labels)))
            .boxed()
    }
    fn network<'a>(&'a self, name: &'a str) -> Answer<'a, Option<NetworkFacts>> {
        let name = name.to_owned();
        self.call("network", move |world| Ok(world.network(&name).cloned()))
            .boxed()
    }
    fn network_or_make<'a>(&'a self, new: &'a NewNetwork) -> Answer<'a, NetworkFacts> {
        let new = new.clone();
        self.call("network", move |world| world.network_or_make(&new))
            .boxed()
    }
    fn network_of_range<'a>(&'a self, new: &'a NewNetwork) -> Answer<'a, NetworkFacts> {
        let new = new.clone();
        self.call("network", move |world| world.network_of_range(&new))
            .boxed()
    }
    fn network_is_used<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        let name = name.to_owned();
        self.call("network", move |world| Ok(world.network_is_used(&name)))
            .boxed()
    }
    fn remove_network<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        let name = name.to_owned();
        self.call("network", move |world| Ok(world.remove_network(&name)))
            .boxed()
    }
    fn isolate<'a>(&'a self, isolation: &'a Isolation) -> Answer<'a, Isolated> {
        let isolation = isolation.clone();
        self.call("isolate", move |world| world.isolate(isolation))
            .boxed()
    }
    fn volume<'a>(&'a self, name: &'a str) -> Answer<'a, Option<VolumeFacts>> {
        let name = name.to_owned();
        self.call("volume", move |world| Ok(world.volumes.get(&name).cloned()))
            .boxed()
    }
    fn volumes<'a>(&'a self, labels: &'a [(&'a str, &'a str)]) -> Answer<'a, Vec<VolumeFacts>> {
        let labels = owned(labels);
        self.call("volumes", move |world| {
            let there = world
                .volumes
                .values()
                .filter(|one| world::carries(&one.labels, &labels));
            Ok(there.cloned().collect())
        })
        .boxed()
    }
    fn remove_volume<'a>(&'a self, name: &'a str) -> Answer<'a, ()> {
        let name = name.to_owned();
        self.call("volume", move |world| match world.volumes.remove(&name) {
            Some(_) => Ok(()),
            None => Err(not_found("volume", &name)),
        })
        .boxed()
    }
    fn check_folders<'a>(&'a self, _: &'a [Mount], _: &'a str) -> Answer<'a, ()> {
        always(())
    }
    fn usage(&self) -> Answer<'_, Usage> {
        always(Usage::default())
    }
    fn prune_cache(&self, _: u64) -> Answer<'_, PrunedCache> {
        always(PrunedCache::default())
    }
    fn events(&self, labels: &[(&str, &str)]) -> BoxStream<'static, Result<ContainerEvent, Error>> {
        let (receiver, labels) = (self.world().follow(), owned(labels));
        let all = futures_util::stream::unfold(receiver, |mut receiver| async move {
            loop {
                match receiver.recv().await {
                    Ok(event) => return Some((event, receiver)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        });
        let mine = all
            .filter(move |event: &ContainerEvent| std::future::ready(world::carries(&event.labels, &labels)));
        mine.map(Ok).boxed()
    }
}

/// Removes a one-off container whose caller has gone.
struct Removes<'a>(&'a Fake, Option<ContainerId>);

impl Drop for Removes<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.1.take() {
            self.0.world().remove(&id);
        }
    }
}

/// Returns how the images that are built or pulled from now on behave.
pub(crate) fn behaving(fake: &Fake, behaviour: Behaviour) {
    fake.world().next = behaviour;
}
