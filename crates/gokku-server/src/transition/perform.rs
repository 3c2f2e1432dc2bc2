//! Performs the steps. Nothing is decided here.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all, try_join_all};
use gokku_core::config::app_protocol::AppProtocol;
use gokku_core::config::process_one::ImageCommand;
use gokku_core::config::tcp_port::{ProxyProtocol, TcpPort, from_label, to_label};
use gokku_core::containers::{ContainerFacts, ContainerSpec, ContainerState, Lines, labels};
use gokku_core::logs::event::{Event, Source};
use gokku_core::release::record::{Outcome, Record};
use gokku_core::transition::{Activation, FailureKind, Goal, Refs, Step};
use gokku_core::{ContainerId, ProcessKey, ReleaseId, Slot};
use gokku_proxy::control::api::{Drain, Hold, PutRoute, RouteStatus, SwitchTo, Target};

use crate::app::{self, code, env_store, records, refs};
use crate::engine::health::{Check, LAST_LINES, await_good, await_health, exit_reason};
use crate::engine::{daemon_client, stopping};
use crate::fs::app_dir::AppDir;
use crate::fs::atomic;
use crate::os::{blocking, clock};
use crate::plan::networks::Networks;
use crate::plan::release_plan::Plan;
use crate::plan::{networks, privileges};
use crate::queue::abort::asked;
use crate::transition::building::remove_late_image;
use crate::transition::driver::Driver;
use crate::transition::error::MigrationFrom;
use crate::transition::release_domains::NewTargets;
use crate::transition::{Error, pull};

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Driver {
    /// In a box: it is the largest future there is, and what waits for it would be as large, once for each place that waits.
    pub(crate) fn perform<'a>(&'a mut self, step: &'a Step) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.perform_step(step))
    }

    async fn perform_step(&mut self, step: &Step) -> Result<(), Error> {
        self.is_written(step).await?;
        match step {
            Step::Export => self.export(),
            Step::Build => self.build().await,
            Step::Pull => self.pull().await,
            Step::Migrate => self.migrate().await,
            Step::Create { process } => self.create(process).await,
            Step::Start { containers } => self.start(containers).await,
            Step::AwaitHealth { containers } => self.await_health(containers).await,
            Step::Hold => {
                let hold = Hold {
                    limit_ms: milliseconds(self.plan.settings.hold),
                };
                Ok(self.switch.hold(self.dir.app(), hold).await.map(drop)?)
            }
            Step::PrepareRefs => self.prepare_refs().await,
            Step::CommitRefs => self.commit_refs().await,
            Step::RestoreRefs => self.restore_refs().await,
            Step::Switch { targets } => self.switch_to(targets).await,
            Step::SetCurrent { release } => self.set_current(*release).await,
            Step::Drain { containers } => self.drain(containers).await,
            Step::Stop { containers } => self.stop(containers).await,
            Step::Remove { containers } => {
                for id in containers {
                    self.remove_container(id).await?;
                }
                Ok(())
            }
            Step::Rename { container, process } => {
                let name = Slot::Blue.container_name(self.dir.app(), process);
                Ok(self.runtime.rename(container, &name).await?)
            }
            Step::Unroute => self.unroute().await,
            Step::Release => Ok(self.switch.release(self.dir.app()).await.map(drop)?),
            Step::Discard => self.discard().await,
            Step::NoteFailure { kind } => self.diagnose(*kind).await,
        }
    }

    pub(crate) fn activation(&self) -> Result<Activation, Error> {
        match &self.goal {
            Goal::Activate(activation) => Ok(activation.clone()),
            Goal::Stop | Goal::Destroy => Err(Error::NoRelease),
        }
    }

    pub(crate) fn record(&self, id: ReleaseId) -> Result<Record, Error> {
        let there = records::load(&self.dir, id)?;
        there.ok_or(Error::NoRecord(id))
    }

    fn facts_of(&self, id: &ContainerId) -> Result<&ContainerFacts, Error> {
        let found = self.facts.iter().find(|facts| facts.id == *id);
        found.ok_or_else(|| Error::Gone(id.clone()))
    }

    fn export(&self) -> Result<(), Error> {
        let id = self.activation()?.release;
        let (incoming, tree) = (self.dir.incoming(id), self.dir.tree(id));
        if incoming.is_dir() {
            return std::fs::rename(&incoming, &tree).map_err(|error| Error::file(&tree, error));
        }
        // Exported beside its place, so that half of it is never taken for all.
        atomic::remove_tree(&incoming)?;
        code::put(&self.dir, self.record(id)?.commit.as_ref(), &incoming)?;
        std::fs::rename(&incoming, &tree).map_err(|error| Error::file(&tree, error))
    }

    /// What a container of a release is made from: the image's id; by its name, which `docker ps` then shows, where
    /// that was seen to be the same.
    fn image_name(&self, release: ReleaseId) -> Result<String, Error> {
        let tag = records::image_tag(self.dir.app(), release);
        if self.image.as_ref().is_some_and(|seen| seen.tags.contains(&tag)) {
            return Ok(tag);
        }
        let id = self.record(release)?.image;
        let id = id.ok_or(Error::NoImage(release))?;
        Ok(id.to_string())
    }

    /// What the release's image runs.
    fn image_runs(&self) -> ImageCommand {
        self.image
            .as_ref()
            .map(|image| image.runs.clone())
            .unwrap_or_default()
    }

    /// Tells, once, of an engine that has no init for a container that is to have one.
    async fn tell_of_init(&mut self, wanted: bool) -> Result<(), Error> {
        if wanted && !self.told_no_init && !self.runtime.has_init().await? {
            self.told_no_init = true;
            self.log.tell(Event::NoInit);
        }
        Ok(())
    }

    /// The ports that the release's image says it listens on.
    fn exposed(&self) -> &[u16] {
        self.image.as_ref().map_or(&[], |image| &image.exposed)
    }

    async fn migrate(&mut self) -> Result<(), Error> {
        let activation = self.activation()?;
        let Some(command) = self.plan.migration().map(<[String]>::to_vec) else {
            return Ok(());
        };
        let image = self.image_name(activation.release)?;
        let mounts = self.mounts().await?;
        let networks = self.look_at_networks().await?;
        let mut labels = self.image_labels(activation.release);
        labels.insert(labels::KIND.to_owned(), "once".to_owned());
        labels.insert(labels::TRANSITION.to_owned(), activation.id.to_string());
        let spec = ContainerSpec {
            name: format!("{}-migrate-{}", self.dir.app(), activation.id),
            image,
            env: self.plan.environment(self.plan.told_port(self.exposed())),
            labels,
            network: networks.own,
            beside: networks.beside,
            mounts,
            // The command is the whole of it: an image's entrypoint is for serving.
            entrypoint: Some(Vec::new()),
            init: self.plan.gets_init(&command),
            command: Some(command),
            stop_timeout: self.plan.settings.stop,
            resources: self.plan.config.resources,
            logs: self.plan.server.logs.limits(),
            privileges: privileges::of(&self.dir, &self.plan)?,
            ..ContainerSpec::default()
        };
        let mut lines = Lines::default();
        let log = &mut self.log;
        let mut tell = |lines: Vec<String>| {
            for line in lines {
                log.tell(Event::Output {
                    source: Source::Migration,
                    line,
                });
            }
        };
        let mut on_output = |piece: gokku_core::containers::LogLine| tell(lines.push(&piece));
        let mut receiver = self.asked.clone();
        let mut stop = std::pin::pin!(asked(&mut receiver));
        let ended = self.runtime.run_one_off(&mut stop, &spec, &mut on_output).await;
        tell(lines.rest());
        match ended? {
            Some(0) => Ok(()),
            None => Err(Error::MigrationCutShort),
            Some(code) => {
                let command = match self.plan.settings.migration {
                    Some(_) => MigrationFrom::Setting,
                    None => MigrationFrom::Procfile,
                };
                Err(Error::MigrationFailed { command, code })
            }
        }
    }

    async fn create(&mut self, process: &ProcessKey) -> Result<(), Error> {
        let activation = self.activation()?;
        let image = self.image_name(activation.release)?;
        let mounts = self.mounts().await?;
        let networks = match &self.networks {
            Some(seen) => seen.clone(),
            None => self.look_at_networks().await?,
        };
        let port = if process.is_web() && self.plan.config.has_http() {
            Some(self.plan.container_port(self.exposed())?)
        } else {
            None
        };
        let start = self.plan.start(process, &self.image_runs());
        self.tell_of_init(start.init).await?;
        let deployment = &self.plan.config.deployment;
        let mut labels = self.image_labels(activation.release);
        labels.extend([
            (labels::TRANSITION.to_owned(), activation.id.to_string()),
            (labels::SLOT.to_owned(), Slot::Green.to_string()),
            (labels::PROCESS.to_owned(), process.to_string()),
            (
                labels::RESTART.to_owned(),
                deployment.restart_policy.as_str().to_owned(),
            ),
            (
                labels::RESTART_DELAY.to_owned(),
                deployment.restart_delay.as_secs().to_string(),
            ),
            (labels::GENERATION.to_owned(), self.generation(activation.id)),
            (labels::NETWORK.to_owned(), networks.own.clone()),
            (labels::ENV.to_owned(), env_store::hash(&self.plan.env)),
        ]);
        labels.extend(port.map(|port| (labels::PORT.to_owned(), port.to_string())));
        let protocol =
            Some(self.plan.config.protocol).filter(|protocol| port.is_some() && !protocol.is_default());
        labels.extend(protocol.map(|protocol| (labels::PROTOCOL.to_owned(), protocol.as_str().to_owned())));
        if port.is_some() && self.plan.config.compression {
            labels.insert(labels::COMPRESSION.to_owned(), true.to_string());
        }
        if process.is_web() {
            labels.extend(self.tcp_labels());
        }
        let spec = ContainerSpec {
            name: Slot::Green.container_name(self.dir.app(), process),
            image,
            env: self.plan.environment(port),
            labels,
            network: networks.own,
            beside: networks.beside,
            mounts,
            entrypoint: start.entrypoint,
            command: start.command,
            stop_timeout: self.plan.settings.stop,
            resources: self.plan.config.resources,
            logs: self.plan.server.logs.limits(),
            privileges: privileges::of(&self.dir, &self.plan)?,
            init: start.init,
            ..ContainerSpec::default()
        };
        Ok(self.runtime.create(&spec).await.map(drop)?)
    }

    /// What the labels of a container of web say of the release's TCP ports.
    fn tcp_labels(&self) -> Vec<(String, String)> {
        let config = &self.plan.config;
        if config.tcp_ports.is_empty() {
            return Vec::new();
        }
        let ports = (labels::TCP_PORTS.to_owned(), to_label(&config.tcp_ports));
        let header = config
            .proxy_protocol
            .map(|version| (labels::PROXY_PROTOCOL.to_owned(), version.as_str().to_owned()));
        std::iter::once(ports).chain(header).collect()
    }

    /// The networks of the release, which are there now: it may have been long since somebody looked.
    async fn look_at_networks(&mut self) -> Result<Networks, Error> {
        let containers = self.activation()?.processes.len();
        let networks = networks::ready(&*self.runtime, &self.dir, &self.plan, containers).await?;
        self.networks = Some(networks.clone());
        Ok(networks)
    }

    /// Among which containers one is that is made now: those that are kept, or those of this transition.
    fn generation(&self, id: ReleaseId) -> String {
        let kept = |facts: &&ContainerFacts| self.journal.kept.contains(&facts.id);
        let kept = self.facts.iter().find(kept);
        let of = kept.and_then(ContainerFacts::generation);
        of.map_or_else(|| id.to_string(), str::to_owned)
    }

    async fn start(&mut self, containers: &[ContainerId]) -> Result<(), Error> {
        daemon_client::watching(&*self.switch).await?;
        for id in containers {
            self.proven.remove(id);
            self.runtime.start(id).await?;
        }
        Ok(())
    }

    /// A container's address, and the port its app listens on: 0 where it answers no requests.
    fn address(&self, id: &ContainerId) -> Result<SocketAddr, Error> {
        let facts = self.facts_of(id)?;
        let ip = networks::address(facts).ok_or_else(|| Error::NoAddress(facts.name.clone()))?;
        let process: Option<ProcessKey> = facts.read_label(labels::PROCESS);
        if process.is_some_and(|process| !process.is_web()) {
            return Ok(SocketAddr::new(ip, 0));
        }
        let port = facts.label(labels::PORT).and_then(|port| port.parse().ok());
        let port = match port {
            // It has TCP ports alone.
            None if facts.label(labels::TCP_PORTS).is_some() => 0,
            port => port.ok_or_else(|| Error::NoPortLabel(facts.name.clone()))?,
        };
        Ok(SocketAddr::new(ip, port))
    }

    /// A container's TCP ports, and what is said on them first of whose a connection is.
    fn tcp(&self, id: &ContainerId) -> Result<(Vec<TcpPort>, Option<ProxyProtocol>), Error> {
        let facts = self.facts_of(id)?;
        let ports = facts.label(labels::TCP_PORTS).map(from_label);
        let header = facts.label(labels::PROXY_PROTOCOL);
        Ok((
            ports.unwrap_or_default(),
            header.and_then(ProxyProtocol::from_word),
        ))
    }

    /// The protocol that a container's app speaks there.
    fn protocol(&self, id: &ContainerId) -> Result<AppProtocol, Error> {
        let said = self.facts_of(id)?.label(labels::PROTOCOL);
        Ok(said.and_then(AppProtocol::from_word).unwrap_or_default())
    }

    async fn await_health(&mut self, containers: &[ContainerId]) -> Result<(), Error> {
        let name = self.name_of(containers)?;
        // All at once: whichever fails first ends the wait for the others.
        let (driver, name) = (&*self, name.as_ref());
        let checks = containers.iter().map(|id| async move {
            let checked = match driver.process_of(id) {
                Some(process) if !process.is_web() => {
                    let (kind, timeout) = (driver.plan.kind(&process), driver.plan.settings.health_timeout);
                    await_good(&*driver.runtime, id, &kind, timeout, driver.since).await
                }
                _ => {
                    let (tcp, proxy_protocol) = driver.tcp(id).map_err(|error| (id, error))?;
                    let check = Check {
                        container: id,
                        tcp: &tcp,
                        proxy_protocol,
                        address: driver.address(id).map_err(|error| (id, error))?,
                        protocol: driver.protocol(id).map_err(|error| (id, error))?,
                        path: &driver.plan.settings.health_path,
                        name,
                        timeout: driver.plan.settings.health_timeout,
                        since: driver.since,
                    };
                    await_health(&*driver.runtime, &*driver.switch, &check).await
                }
            };
            checked.map_err(|words| (id, Error::Unhealthy(words)))
        });
        if let Err((id, error)) = try_join_all(checks).await {
            self.show_last_lines(id).await;
            return Err(match self.one_of_several(id) {
                Some(process) => Error::OfProcess {
                    process,
                    source: Box::new(error),
                },
                None => error,
            });
        }
        self.proven.extend(containers.iter().cloned());
        Ok(())
    }

    /// The process that a container runs.
    fn process_of(&self, id: &ContainerId) -> Option<ProcessKey> {
        let facts = self.facts.iter().find(|facts| facts.id == *id)?;
        facts.read_label(labels::PROCESS)
    }

    /// The process that a container runs, where it is not the only one of its release.
    fn one_of_several(&self, id: &ContainerId) -> Option<ProcessKey> {
        let several = matches!(&self.goal, Goal::Activate(activation) if activation.processes.len() > 1);
        self.process_of(id).filter(|_| several)
    }

    async fn show_last_lines(&mut self, id: &ContainerId) {
        for line in self.runtime.last_lines(id, LAST_LINES).await.unwrap_or_default() {
            self.log.tell(Event::Output {
                source: Source::App,
                line,
            });
        }
    }

    async fn switch_to(&mut self, targets: &[ContainerId]) -> Result<(), Error> {
        let route = self.switch.route(self.dir.app()).await?;
        let mut to = SwitchTo::default();
        for id in targets {
            let routed = route.targets.iter().any(|target| target.container == *id);
            let runs = self.facts_of(id)?.state == ContainerState::Running;
            if routed && (self.journal.kept.contains(id) || !runs) {
                to.keep.push(id.clone());
                continue;
            }
            let release = self
                .facts_of(id)?
                .label(labels::RELEASE)
                .and_then(|id| id.parse().ok());
            let release = release.ok_or_else(|| Error::NoReleaseLabel(id.clone()))?;
            let address = self.address(id)?;
            let asked = (address.port() != 0).then(|| self.plan.settings.health_path.clone());
            let (tcp, proxy_protocol) = self.tcp(id)?;
            to.targets.push(Target {
                tcp,
                proxy_protocol,
                container: id.clone(),
                release,
                address,
                weight: 1,
                health: asked,
                protocol: self.protocol(id)?,
                compression: self.facts_of(id)?.label(labels::COMPRESSION).is_some(),
            });
        }
        let release = self.release_of(targets)?;
        self.move_http_port(&route, &to, release).await?;
        self.move_traffic(&route, NewTargets::To(to), release).await
    }

    /// Gives the app the port for HTTP that what gets the traffic is to have.
    async fn move_http_port(
        &self,
        route: &RouteStatus,
        to: &SwitchTo,
        release: Option<ReleaseId>,
    ) -> Result<(), Error> {
        let (app, is_tcp_alone) = (self.dir.app(), |target: &Target| {
            target.address.port() == 0 && !target.tcp.is_empty()
        });
        if !to.targets.is_empty() && to.targets.iter().all(is_tcp_alone) {
            // The one that it has goes with the traffic.
            return Ok(());
        }
        let put = match (self.plan.said_port(), route.port) {
            (Some(port), there) if there != Some(port) => PutRoute::Port(port),
            (None, None) => {
                // The traffic goes back to a release that has one, from another that has none.
                let before = release.and_then(|id| Plan::of_release(&self.dir, id).ok());
                before.as_ref().unwrap_or(&self.plan).host_port(app)
            }
            _ => return Ok(()),
        };
        self.switch.put(app, put).await?;
        Ok(())
    }

    /// The release of containers, which are all of one.
    pub(crate) fn release_of(&self, containers: &[ContainerId]) -> Result<Option<ReleaseId>, Error> {
        let first = containers.first().map(|id| self.facts_of(id)).transpose()?;
        Ok(first.and_then(|facts| facts.read_label(labels::RELEASE)))
    }

    async fn unroute(&mut self) -> Result<(), Error> {
        let route = self.switch.route(self.dir.app()).await?;
        // What is stopped keeps its names; what is given up leaves them to what was the active one before.
        let active = match self.goal {
            Goal::Activate(_) => self.journal.previous_release,
            Goal::Stop | Goal::Destroy => records::active(&self.dir),
        };
        self.move_traffic(&route, NewTargets::None, active).await
    }

    async fn prepare_refs(&mut self) -> Result<(), Error> {
        let refs = self.activation()?.refs;
        self.locked = Some(self.with_refs(move |dir| refs::lock(dir, &refs)).await?);
        self.refs = Some(Refs::Prepared);
        Ok(())
    }

    async fn commit_refs(&mut self) -> Result<(), Error> {
        let refs = self.activation()?.refs;
        // Whatever comes of it, what is locked is locked no more.
        self.refs = None;
        let locked = self.locked.take();
        self.with_refs(move |dir| match locked {
            Some(locked) => refs::commit(locked),
            None => refs::move_rest(dir, &refs),
        })
        .await?;
        self.refs = Some(Refs::Moved);
        Ok(())
    }

    async fn restore_refs(&mut self) -> Result<(), Error> {
        let refs = self.activation()?.refs;
        self.locked = None;
        self.with_refs(move |dir| refs::move_back(dir, &refs)).await?;
        self.refs = Some(Refs::Unmoved);
        Ok(())
    }

    /// Lets git do something, which may take a hook's time.
    async fn with_refs<T: Send + 'static>(
        &self,
        act: impl FnOnce(&AppDir) -> Result<T, app::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let dir = self.dir.clone();
        blocking::run(move || Ok(act(&dir)?)).await
    }

    async fn set_current(&mut self, release: Option<ReleaseId>) -> Result<(), Error> {
        let Some(id) = release else {
            return Ok(atomic::remove(&self.dir.current())?);
        };
        if self.activation()?.release == id {
            let mut record = self.record(id)?;
            record.outcome = Outcome::Good;
            record.reason = None;
            record.env_hash = Some(env_store::hash(&self.plan.env));
            record.finished = Some(clock::now_text());
            records::save(&self.dir, &record)?;
        }
        if let Some(image) = records::load(&self.dir, id)?.and_then(|record| record.image) {
            self.runtime
                .tag(image.as_str(), self.dir.app().as_str(), "latest")
                .await?;
        }
        let target = std::path::Path::new("releases").join(id.to_string());
        Ok(atomic::replace_link(&self.dir.current(), &target)?)
    }

    async fn drain(&mut self, containers: &[ContainerId]) -> Result<(), Error> {
        for id in containers {
            let drain = Drain {
                container: id.clone(),
                limit_ms: milliseconds(self.plan.settings.drain),
                upgrade_limit_ms: milliseconds(self.plan.settings.upgrade_drain),
            };
            let drained = self.switch.drain(self.dir.app(), &drain).await?;
            if drained.left > 0 {
                self.log.tell(Event::RequestsCut {
                    requests: drained.left,
                    limit: self.plan.settings.drain,
                });
            }
            if drained.cut > 0 {
                self.log.tell(Event::UpgradesClosed {
                    connections: drained.cut,
                });
            }
        }
        Ok(())
    }

    async fn stop(&mut self, containers: &[ContainerId]) -> Result<(), Error> {
        // All at once: each may take its whole grace.
        let (runtime, grace) = (&*self.runtime, self.plan.settings.stop);
        let stops = containers.iter().map(|id| stopping::stop(runtime, id, grace));
        let stopped = join_all(stops).await;
        for id in containers {
            self.proven.remove(id);
        }
        for (id, result) in containers.iter().zip(stopped) {
            let because = match result {
                // Whoever removed it has stopped it too.
                Err(error) if error.is_not_found() => None,
                result => result?,
            };
            if let Some(because) = because {
                let container = self
                    .facts_of(id)
                    .map_or(id.short().to_owned(), |facts| facts.name.clone());
                self.log.tell(stopping::killed(container, grace, because));
            }
        }
        Ok(())
    }

    async fn discard(&mut self) -> Result<(), Error> {
        let activation = self.activation()?;
        let id = activation.release;
        // A migration that was cut short, or whose end nobody saw while the engine was away, may still have its container,
        // which holds the image.
        self.remove_one_offs(activation.id).await?;
        self.image = None;
        if let Some(id) = self.unheard_build.take() {
            remove_late_image(self.dir.app(), id, &*self.runtime).await?;
        }
        let mut record = self.record(id)?;
        pull::forget(
            &*self.runtime,
            &records::image_tag(self.dir.app(), id),
            record.digest.as_ref(),
        )
        .await?;
        atomic::remove_tree(&self.dir.tree(id))?;
        atomic::remove_tree(&self.dir.incoming(id))?;
        record.outcome = Outcome::Failed;
        record.image = None;
        record.reason = self
            .journal
            .failure
            .as_ref()
            .map(|failure| failure.to_string().lines().next().unwrap_or("").to_owned());
        record.finished = Some(clock::now_text());
        Ok(records::save(&self.dir, &record)?)
    }

    /// The containers of a transition: one-off ones, or the others.
    fn made_by(&self, id: ReleaseId, one_off: bool) -> Vec<ContainerFacts> {
        let id = id.to_string();
        let wanted = |facts: &&ContainerFacts| {
            facts.label(labels::TRANSITION) == Some(id.as_str())
                && facts.label(labels::KIND).is_some() == one_off
        };
        self.facts.iter().filter(wanted).cloned().collect()
    }

    /// Removes one-off containers that nobody waits for any more.
    async fn remove_one_offs(&self, id: ReleaseId) -> Result<(), Error> {
        for facts in self.made_by(id, true) {
            self.runtime.remove(&facts.id).await?;
        }
        Ok(())
    }

    /// Finds out what can be known of a failure that was seen.
    async fn diagnose(&mut self, kind: FailureKind) -> Result<(), Error> {
        let id = self.activation()?.id;
        let mut detail = String::new();
        self.remove_one_offs(id).await?;
        for facts in self.made_by(id, false) {
            if facts.state == ContainerState::Exited
                && detail.is_empty()
                && matches!(kind, FailureKind::Exited | FailureKind::DiedAfterSwitch)
                && let Some(details) = self
                    .runtime
                    .container(facts.id.as_str())
                    .await?
                    .and_then(|one| one.details)
            {
                let reason = exit_reason(details.exit_code, &details);
                detail = match self.one_of_several(&facts.id) {
                    Some(process) => format!("{process}: {reason}"),
                    None => reason,
                };
                self.show_last_lines(&facts.id).await;
            }
        }
        if kind == FailureKind::MigrationCutOff {
            "look at the database before you deploy again: the next deploy runs the migration anew"
                .clone_into(&mut detail);
        }
        if self.journal.note(kind, detail) {
            self.save()
        } else {
            Ok(())
        }
    }
}
