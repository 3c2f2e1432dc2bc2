//! Containers: made, started, looked at, stopped, removed.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, ContainerCreateResponse, ContainerInspectResponse, ContainerSummary,
    ContainerSummaryStateEnum, EndpointSettings, HostConfig, NetworkingConfig,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, KillContainerOptionsBuilder, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder, RestartContainerOptionsBuilder,
    StopContainerOptionsBuilder, WaitContainerOptionsBuilder,
};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use gokku_core::containers::container::{ContainerFacts, ContainerSpec, ContainerState, Details};
use gokku_core::containers::volume::Why;
use gokku_core::{ContainerId, ImageId};

use crate::container::volumes::{mounted, theirs};
use crate::engine::connection::Engine;
use crate::engine::error::Error;
use crate::engine::labels;
use crate::engine::labels::label_filter;
use crate::engine::limits::Call;

type Networks = HashMap<String, EndpointSettings>;

fn addresses(networks: Option<Networks>) -> BTreeMap<String, IpAddr> {
    networks
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(name, endpoint)| Some((name, endpoint.ip_address?.parse().ok()?)))
        .collect()
}

impl Engine {
    /// Makes a container. Docker's own restart policy is `no`: starting it again is gokku's.
    pub async fn create(&self, spec: &ContainerSpec) -> Result<ContainerId, Error> {
        let init = spec.init && self.has_init().await?;
        let seconds = i64::try_from(spec.stop_timeout.as_secs()).unwrap_or(i64::MAX);
        let no_new_privileges = spec.privileges.no_new_privileges;
        let no_new_privileges = no_new_privileges.then(|| vec!["no-new-privileges".to_owned()]);
        let body = ContainerCreateBody {
            image: Some(spec.image.clone()),
            env: Some(
                spec.env
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect(),
            ),
            labels: Some(labels::whole(&spec.labels)),
            cmd: spec.command.clone(),
            entrypoint: spec.entrypoint.clone(),
            tty: Some(spec.tty),
            open_stdin: Some(spec.stdin),
            stdin_once: Some(spec.stdin),
            attach_stdin: Some(spec.stdin),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            stop_timeout: Some(seconds),
            host_config: Some(HostConfig {
                network_mode: Some(spec.network.clone()),
                memory: spec.resources.memory.and_then(|bytes| bytes.try_into().ok()),
                nano_cpus: spec.resources.nano_cpus.and_then(|nano| nano.try_into().ok()),
                pids_limit: Some(spec.resources.pids.into()),
                cap_drop: Some(spec.privileges.taken().map(str::to_owned).collect()),
                cap_add: Some(spec.privileges.added().map(str::to_owned).collect()),
                security_opt: no_new_privileges,
                init: Some(init),
                mounts: Some(spec.mounts.iter().map(theirs).collect()),
                log_config: self.log_config(spec.logs).await?,
                ..HostConfig::default()
            }),
            networking_config: Some(NetworkingConfig {
                endpoints_config: Some(HashMap::from([(
                    spec.network.clone(),
                    EndpointSettings::default(),
                )])),
            }),
            ..ContainerCreateBody::default()
        };
        let made = self.create_of(spec, body).await?;
        let id = ContainerId::new(made.id);
        let app = spec.labels.get(labels::APP).map_or("", String::as_str);
        let finished = async {
            self.check_folders(&spec.mounts, app).await?;
            // An engine before API 1.44 takes one network with the container.
            for network in &spec.beside {
                self.connect_network(network, &id).await?;
            }
            Ok(())
        };
        if let Err(error) = finished.await {
            self.remove(&id).await?;
            return Err(error);
        }
        Ok(id)
    }

    fn create_of<'a>(
        &'a self,
        spec: &'a ContainerSpec,
        body: ContainerCreateBody,
    ) -> BoxFuture<'a, Result<ContainerCreateResponse, Error>> {
        let mut options = CreateContainerOptionsBuilder::default();
        if !spec.name.is_empty() {
            options = options.name(&spec.name);
        }
        let call = Call::new("create", "create the container", &spec.image);
        self.act(call, self.docker.create_container(Some(options.build()), body))
    }

    /// Starts a container; one that runs already is no error.
    pub async fn start(&self, id: &ContainerId) -> Result<(), Error> {
        let call = Call::new("start", "start the container", id.as_str());
        match self
            .act(call, self.docker.start_container(id.as_str(), None))
            .await
        {
            Err(Error::Api { what, message }) if message.contains("no available IPv4 addresses") => {
                Err(Error::NetworkFull { what, message })
            }
            started => started,
        }
    }

    /// Stops a container: SIGTERM, then SIGKILL after the grace. One that does not run is no error. An engine that has not
    /// said so in time may stop it yet.
    pub async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), Error> {
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptionsBuilder::default().t(seconds).build();
        let call = Call::new("stop", "stop the container", id.as_str());
        let stopped = self.docker.stop_container(id.as_str(), Some(options));
        let limit = grace.saturating_add(self.limits.beyond_grace);
        self.within(limit, call, call.told(stopped)).await
    }

    /// Stops a container and starts it again, also when nobody waits for that any more.
    pub async fn restart(&self, id: &ContainerId, grace: Duration) -> Result<(), Error> {
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = RestartContainerOptionsBuilder::default().t(seconds).build();
        let call = Call::new("restart", "restart the container", id.as_str());
        let restarted = self.docker.restart_container(id.as_str(), Some(options));
        // It has to start, too.
        let limit = grace.saturating_add(self.limits.act);
        self.within(limit, call, call.told(restarted)).await
    }

    /// Sends a signal, `SIGTERM`.
    pub async fn kill(&self, id: &ContainerId, signal: &str) -> Result<(), Error> {
        let options = KillContainerOptionsBuilder::default().signal(signal).build();
        let call = Call::new("kill", "signal the container", id.as_str());
        self.act(call, self.docker.kill_container(id.as_str(), Some(options)))
            .await
    }

    /// Removes a container, running or not, with the volumes of its own that were asked for. Those that the engine made
    /// because the image declares them stay: nobody has said that what is in them may go. One that is not there is no
    /// error.
    pub async fn remove(&self, id: &ContainerId) -> Result<(), Error> {
        let details = self.container(id.as_str()).await?.and_then(|one| one.details);
        let volumes = details.map(|details| details.volumes).unwrap_or_default();
        let keeps = volumes.iter().any(|volume| volume.why == Why::Image);
        self.remove_and(id, !keeps).await
    }

    /// Removes it with all volumes of its own.
    pub async fn remove_with_volumes(&self, id: &ContainerId) -> Result<(), Error> {
        self.remove_and(id, true).await
    }

    async fn remove_and(&self, id: &ContainerId, volumes: bool) -> Result<(), Error> {
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(volumes)
            .build();
        let call = Call::new("rm", "remove the container", id.as_str());
        let removed = self.docker.remove_container(id.as_str(), Some(options));
        match self.act(call, removed).await {
            // Somebody else is at it already, or has done it.
            Err(Error::NotFound { .. }) => Ok(()),
            Err(Error::Conflict { message, .. }) if message.contains("already in progress") => Ok(()),
            removed => removed,
        }
    }

    /// Gives a container another name.
    pub async fn rename(&self, id: &ContainerId, name: &str) -> Result<(), Error> {
        let options = RenameContainerOptionsBuilder::default().name(name).build();
        let call = Call::new("rename", "rename the container", id.as_str());
        self.act(call, self.docker.rename_container(id.as_str(), options))
            .await
    }

    /// What the engine lists of the containers that its filters let through, running or not.
    pub(crate) fn listed<'a>(
        &'a self,
        filters: &HashMap<String, Vec<String>>,
    ) -> BoxFuture<'a, Result<Vec<ContainerSummary>, Error>> {
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(filters)
            .build();
        let call = Call::new("ps", "list the containers", "container");
        self.ask(call, self.docker.list_containers(Some(options)))
    }

    /// What the engine says of one container.
    fn inspected<'a>(
        &'a self,
        id_or_name: &'a str,
    ) -> BoxFuture<'a, Result<ContainerInspectResponse, Error>> {
        let call = Call::new("inspect", "look at the container", id_or_name);
        self.ask(call, self.docker.inspect_container(id_or_name, None))
    }

    /// Returns the containers that carry all these labels, running or not, in no order.
    pub async fn containers(&self, labels: &[(&str, &str)]) -> Result<Vec<ContainerFacts>, Error> {
        let all = self.listed(&label_filter(labels)).await?;
        Ok(all
            .into_iter()
            .map(|one| ContainerFacts {
                id: ContainerId::new(one.id.unwrap_or_default()),
                name: bare(one.names.unwrap_or_default().into_iter().next()),
                image: ImageId::new(one.image_id.unwrap_or_default()),
                labels: labels::said(one.labels.unwrap_or_default()),
                state: match one.state {
                    Some(ContainerSummaryStateEnum::CREATED) => ContainerState::Created,
                    Some(ContainerSummaryStateEnum::RUNNING | ContainerSummaryStateEnum::PAUSED) => {
                        ContainerState::Running
                    }
                    _ => ContainerState::Exited,
                },
                addresses: addresses(one.network_settings.and_then(|settings| settings.networks)),
                details: None,
            })
            .collect())
    }

    /// Returns a container by its id or exact name, with everything; none when there is none.
    pub async fn container(&self, id_or_name: &str) -> Result<Option<ContainerFacts>, Error> {
        let one = match self.inspected(id_or_name).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            one => one?,
        };
        let (id, name) = (ContainerId::new(one.id.unwrap_or_default()), bare(one.name));
        // The engine takes the beginning of an id for the whole.
        if id.as_str() != id_or_name && name != id_or_name {
            return Ok(None);
        }
        let state = one.state.unwrap_or_default();
        let running = state.running.unwrap_or(false);
        let never = state
            .started_at
            .as_deref()
            .is_none_or(|at| at.starts_with("0001-"));
        Ok(Some(ContainerFacts {
            id,
            name,
            image: ImageId::new(one.image.unwrap_or_default()),
            labels: labels::said(one.config.and_then(|config| config.labels).unwrap_or_default()),
            state: match (running, never) {
                (true, _) => ContainerState::Running,
                (false, true) => ContainerState::Created,
                (false, false) => ContainerState::Exited,
            },
            addresses: addresses(one.network_settings.and_then(|settings| settings.networks)),
            details: Some(Details {
                exit_code: state.exit_code.unwrap_or(0),
                oom_killed: state.oom_killed.unwrap_or(false),
                pid: state.pid.and_then(|pid| pid.try_into().ok()).unwrap_or(0),
                started_at: state.started_at.unwrap_or_default(),
                finished_at: state.finished_at.unwrap_or_default(),
                words: one.path.into_iter().chain(one.args.unwrap_or_default()).collect(),
                init: one
                    .host_config
                    .as_ref()
                    .and_then(|host| host.init)
                    .unwrap_or(false),
                volumes: mounted(
                    one.mounts.unwrap_or_default(),
                    &one.host_config.and_then(|host| host.mounts).unwrap_or_default(),
                ),
            }),
        }))
    }

    /// Waits until a container does not run, and gives its exit code.
    pub async fn wait_exit(&self, id: &ContainerId) -> Result<i64, Error> {
        let options = WaitContainerOptionsBuilder::default()
            .condition("not-running")
            .build();
        let call = Call::new("wait", "wait for the container", id.as_str());
        let streams = self.streams();
        let mut answers = std::pin::pin!(streams.wait_container(id.as_str(), Some(options)));
        match answers.next().await {
            Some(Ok(answer)) => Ok(answer.status_code),
            // The client makes an error of an exit code that is not 0.
            Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(call.broke(self.limits.question, error)),
            None => Err(Error::NotFound {
                what: call.what,
                id: id.to_string(),
            }),
        }
    }
}

/// The engine's names begin with a slash.
fn bare(name: Option<String>) -> String {
    name.map(|name| name.trim_start_matches('/').to_owned())
        .unwrap_or_default()
}
