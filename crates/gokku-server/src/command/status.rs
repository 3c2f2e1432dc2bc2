//! What is known of apps: P20.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use gokku_core::config::tcp_port::from_label;
use gokku_core::config::volume::Volume;
use gokku_core::containers::{ContainerFacts, Mounted, VolumeFacts, Why, labels};
use gokku_core::domains::domain::first_address;
use gokku_core::logs::event::{Event, Finish};
use gokku_core::transition::{OperationName, State};
use gokku_core::{AppName, ContainerId, ProcessKey, Slot};
use gokku_proxy::control::api::RouteStatus;
use gokku_proxy::health::probe::{Questions, check};
use serde::Serialize;

use crate::app::apps::App;
use crate::app::certificate_orders::{OrderState, Orders};
use crate::app::{apps, records};
use crate::command::Error;
use crate::command::config;
use crate::engine::address::{DomainPorts, url_of};
use crate::engine::health;
use crate::engine::runtime::{Answer, Runtime};
use crate::os::clock;
use crate::plan::networks;
use crate::plan::release_plan::Plan;
use crate::queue::lock::{Held, Holder};
use crate::queue::{lock, transition_log, waiting};
use crate::reconcile::drift;
use crate::server::Server;
use crate::transition::observe::state;

/// What is known of an app.
#[derive(Clone, Debug, Serialize)]
pub struct AppStatus {
    /// The app.
    pub app: String,
    /// Its environment.
    pub environment: String,
    /// The active release.
    pub release: Option<String>,
    /// Its commit.
    pub commit: Option<String>,
    /// What its image is pulled by, where none is built.
    pub image: Option<String>,
    /// What that meant when it was pulled.
    pub digest: Option<String>,
    /// The app's containers.
    pub containers: Vec<ContainerStatus>,
    /// The volumes that are the app's; only for a single app.
    pub volumes: Vec<VolumeStatus>,
    /// The host port that answers.
    pub port: Option<u16>,
    /// The host ports on which its TCP ports are reached, while they are open.
    pub tcp: Vec<u16>,
    /// Where whoever asks reaches it, while it answers.
    pub url: Option<String>,
    /// Where whoever asks reaches its TCP ports, while they are open: `example.com:5432`.
    pub tcp_addresses: Vec<String>,
    /// Whether it gets traffic.
    pub traffic: Traffic,
    /// Requests in flight.
    pub in_flight: u64,
    /// What the health check found; only for a single app.
    pub health: Option<Health>,
    /// How the last transition ended; only for a single app.
    pub last: Option<LastTransition>,
    /// Who changes it now.
    pub busy: Option<Held>,
    /// Who waits for that, oldest first; only for a single app.
    #[serde(serialize_with = "in_words")]
    pub waiting: Vec<Holder>,
    /// What is not as it should be, each in a line; what gokku does not mend itself says what does.
    pub trouble: Vec<String>,
}

/// Whether an app gets traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Traffic {
    /// It does.
    Routed,
    /// Its requests wait.
    Held,
    /// Its clients get a page in place of it.
    Maintenance,
    /// It runs, and answers no requests.
    #[serde(rename = "no web")]
    NoWeb,
    /// Its requests are refused.
    Stopped,
    /// There is no release of it.
    #[serde(rename = "never deployed")]
    NeverDeployed,
    /// The switch does not say.
    Unknown,
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Routed => "routed",
            Self::Held => "held",
            Self::Maintenance => "maintenance",
            Self::NoWeb => "no web",
            Self::Stopped => "stopped",
            Self::NeverDeployed => "never deployed",
            Self::Unknown => "unknown",
        })
    }
}

/// What the health check of an app's containers found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// All that have traffic are well.
    Healthy,
    /// The one that has traffic is not.
    Ill(health::Found),
    /// Some of several are not: their names, and what was found.
    SomeIll(Vec<(String, health::Found)>),
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Healthy => f.pad("healthy"),
            Self::Ill(found) => found.fmt(f),
            Self::SomeIll(ill) => {
                let all: Vec<String> = ill
                    .iter()
                    .map(|(name, found)| format!("{name} {found}"))
                    .collect();
                f.pad(&all.join(", "))
            }
        }
    }
}

impl Serialize for Health {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Writes each as people read it.
fn in_words<S: serde::Serializer>(all: &[impl fmt::Display], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(all.iter().map(ToString::to_string))
}

/// One of an app's containers.
#[derive(Clone, Debug, Serialize)]
pub struct ContainerStatus {
    /// Its name.
    pub name: String,
    /// Its process, `web-1`.
    pub process: ProcessKey,
    /// Its id.
    pub id: ContainerId,
    /// `blue` or `green`.
    pub slot: Option<Slot>,
    /// Its release.
    pub release: String,
    /// Whether it runs.
    pub state: State,
    /// Whether it fails its health check although it has traffic: the other web containers get the requests, as long as
    /// one of them is good.
    pub unhealthy: bool,
    /// When it was started, RFC 3339; only for a single app.
    pub started: Option<String>,
    /// Where it is, with the port the app listens on.
    pub address: Option<String>,
}

/// A volume that is an app's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct VolumeStatus {
    /// Where the app's containers have it; none when none of them has it now.
    pub path: Option<String>,
    /// Its name on the engine.
    pub name: String,
    /// Whether they cannot write to it.
    pub read_only: bool,
    /// Whether it is there because the image declares it, and not because `gokku.yml` says so.
    pub of_image: bool,
}

/// How a transition ended.
#[derive(Clone, Debug, Serialize)]
pub struct LastTransition {
    /// Its id.
    pub id: String,
    /// What was asked for.
    pub what: OperationName,
    /// How far it came.
    pub outcome: LastOutcome,
    /// How long it took.
    #[serde(rename = "ms", serialize_with = "in_milliseconds")]
    pub took: Option<Duration>,
}

/// How far the last transition came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastOutcome {
    /// It has not ended.
    UnderWay,
    /// It was killed after its last step, before it could say so.
    KilledWhenDone,
    /// It has ended so.
    Ended(Finish),
}

impl fmt::Display for LastOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnderWay => f.pad("under way"),
            Self::KilledWhenDone => f.pad("killed when all was done"),
            Self::Ended(finish) => f.pad(&finish.words()),
        }
    }
}

impl Serialize for LastOutcome {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[expect(clippy::ref_option, reason = "serde gives it so")]
fn in_milliseconds<S: serde::Serializer>(took: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
        .serialize(serializer)
}

/// What is known, and what the engine did not tell.
#[derive(Debug)]
pub struct Seen<T> {
    /// As far as it is known.
    pub status: T,
    /// Why there is nothing in it that only the engine knows.
    pub engine: Option<Error>,
}

/// The engine, and why it tells nothing.
#[derive(Default)]
struct Asked {
    engine: Option<Arc<dyn Runtime>>,
    error: Option<Error>,
}

impl Asked {
    async fn connect(server: &Server) -> Self {
        match server.brief_runtime().await {
            Ok(engine) => Self {
                engine: Some(engine),
                error: None,
            },
            Err(error) => Self {
                engine: None,
                error: Some(error.into()),
            },
        }
    }

    /// What is answered to a question; nothing where there is no engine that does.
    async fn hear<T: Default>(&mut self, answer: Option<Answer<'_, T>>) -> T {
        let Some(answer) = answer else {
            return T::default();
        };
        match answer.await {
            Ok(answer) => answer,
            Err(error) => {
                self.error.get_or_insert(error.into());
                T::default()
            }
        }
    }
}

/// Returns every app, by name: one question to the engine and one to the switch.
pub fn all(server: &Server) -> BoxFuture<'_, Result<Seen<Vec<AppStatus>>, Error>> {
    Box::pin(of_all(server))
}

async fn of_all(server: &Server) -> Result<Seen<Vec<AppStatus>>, Error> {
    let apps = apps::visible(server)?;
    let label = server.root.label();
    let mut asked = Asked::connect(server).await;
    let engine = asked.engine.clone();
    let engine = engine.as_deref();
    let switch = &server.switch;
    let wanted = [(labels::ROOT, label.as_str())];
    let (containers, switch) = tokio::join!(
        asked.hear(engine.map(|engine| engine.containers(&wanted))),
        switch.status()
    );
    let routes = Routes::of(server, switch);
    let mut all = Vec::new();
    for app in &apps {
        let mine = || {
            containers
                .iter()
                .filter(|facts| facts.label(labels::APP) == Some(app.name.as_str()))
        };
        let mut status = facts(server, app, mine(), &routes);
        if asked.error.is_none() && routes.differ(server, &app.name, mine()) {
            status
                .trouble
                .extend(differences(server, &asked, &app.name).await);
        }
        all.push(status);
    }
    for status in &mut all {
        add_silence(asked.error.as_ref(), status);
    }
    Ok(Seen {
        status: all,
        engine: asked.error,
    })
}

/// Returns one app, with its health asked now.
pub fn one<'a>(server: &'a Server, name: &'a AppName) -> BoxFuture<'a, Result<Seen<AppStatus>, Error>> {
    Box::pin(of_one(server, name))
}

async fn of_one(server: &Server, name: &AppName) -> Result<Seen<AppStatus>, Error> {
    let dir = server.app_dir(name);
    let app = apps::load(&dir)?;
    let mut asked = Asked::connect(server).await;
    let engine = asked.engine.clone();
    let engine = engine.as_deref();
    let switch = &server.switch;
    let (containers, switch) = tokio::join!(
        asked.hear(engine.map(|engine| -> Answer<'_, _> { Box::pin(server.containers(engine, name)) })),
        switch.status()
    );
    let routes = Routes::of(server, switch);
    let mut status = facts(server, &app, containers.iter(), &routes);
    if asked.error.is_none() && routes.differ(server, name, containers.iter()) {
        status.trouble.extend(differences(server, &asked, name).await);
    }
    let mut mounted = Vec::new();
    for container in &mut status.containers {
        let id = container.id.clone();
        let facts = asked.hear(engine.map(|engine| engine.container(id.as_str())));
        let details = facts.await.and_then(|facts| facts.details);
        mounted.extend(details.iter().flat_map(|details| details.volumes.clone()));
        container.started = details
            .map(|details| details.started_at)
            .filter(|_| container.state == State::Running);
    }
    let root = server.root.label();
    let mine = [(labels::ROOT, root.as_str()), (labels::APP, name.as_str())];
    let labelled = asked.hear(engine.map(|engine| engine.volumes(&mine))).await;
    status.volumes = volumes(&app, mounted, labelled);
    if let Some(route) = routes.get(name).filter(|route| is_checked(route)) {
        status.health = Some(health_of(server, name, route, &routes.ports, &status.containers).await);
    }
    status.busy = lock::holder(&dir)?;
    status.waiting = waiting::waiting(&dir);
    status.last = last(server, name, status.busy.is_some());
    add_silence(asked.error.as_ref(), &mut status);
    Ok(Seen {
        status,
        engine: asked.error,
    })
}

/// That of what is shown the engine's part is missing.
fn add_silence(error: Option<&Error>, status: &mut AppStatus) {
    status
        .trouble
        .extend(error.map(|error| format!("what runs is not known. {error}")));
}

/// Whether anything of what has an app's traffic can be asked for its health.
fn is_checked(route: &RouteStatus) -> bool {
    route.answers() || !route.open_tcp().is_empty()
}

/// The health of what has an app's traffic; where that is several containers, with the names of those that are not well.
async fn health_of(
    server: &Server,
    app: &AppName,
    route: &RouteStatus,
    ports: &DomainPorts,
    containers: &[ContainerStatus],
) -> Health {
    let dir = server.app_dir(app);
    let path = Plan::lenient(&dir).settings.health_path;
    let first = first_address(&route.domains, &[]);
    let name = first.map(|domain| ports.certificates.asked_name(&domain.name));
    let name = name.as_ref();
    let asked = route.targets.iter().map(|target| async {
        // Its address may be another one's by now.
        if target.down {
            return Some(health::Found::Down);
        }
        let asked = Questions {
            address: target.address,
            protocol: target.protocol,
            path: Some(path.as_str()).filter(|_| target.address.port() != 0),
            name,
            tcp: &target.tcp,
            proxy_protocol: target.proxy_protocol,
        };
        health::found(&check(asked, Duration::from_secs(2)).await)
    });
    let found = join_all(asked).await;
    if let [only] = found.as_slice() {
        return only.clone().map_or(Health::Healthy, Health::Ill);
    }
    let ill: Vec<(String, health::Found)> = route
        .targets
        .iter()
        .zip(found)
        .filter_map(|(target, found)| {
            let name = containers
                .iter()
                .find(|container| container.id == target.container);
            let name = name.map_or_else(|| target.container.short(), |container| &container.name);
            Some((name.to_owned(), found?))
        })
        .collect();
    if ill.is_empty() {
        Health::Healthy
    } else {
        Health::SomeIll(ill)
    }
}

/// What the switch says, when it can be asked.
struct Routes {
    known: Option<HashMap<AppName, RouteStatus>>,
    ports: DomainPorts,
    /// What becomes of the orders of certificates.
    orders: Option<Orders>,
    trouble: Option<String>,
}

impl Routes {
    fn of(
        server: &Server,
        asked: Result<gokku_proxy::control::api::Status, gokku_proxy::control::client::Error>,
    ) -> Self {
        match asked {
            Ok(status) => Self {
                ports: DomainPorts::of(server, &status),
                orders: Some(Orders::read(&server.root)),
                known: Some(
                    status
                        .routes
                        .into_iter()
                        .map(|route| (route.app.clone(), route))
                        .collect(),
                ),
                trouble: status.trouble,
            },
            Err(error) => Self {
                known: None,
                ports: DomainPorts::default(),
                orders: None,
                trouble: Some(error.to_string()),
            },
        }
    }

    fn get(&self, app: &AppName) -> Option<&RouteStatus> {
        self.known.as_ref().and_then(|routes| routes.get(app))
    }

    /// Whether anything of an app may not be as it should be.
    fn differ<'a>(
        &self,
        server: &Server,
        app: &AppName,
        containers: impl Iterator<Item = &'a ContainerFacts>,
    ) -> bool {
        let dir = server.app_dir(app);
        let route = self.get(app);
        self.known.is_some() && !drift::differences(&dir, containers, route, &HashSet::new()).is_empty()
    }
}

/// What differs from what should be. Seen once, it may have been in the midst of a transition: then it is looked at again.
async fn differences(server: &Server, asked: &Asked, app: &AppName) -> Vec<String> {
    let dir = server.app_dir(app);
    let Some(engine) = asked.engine.as_ref().filter(|_| !drift::is_under_way(&dir)) else {
        return Vec::new();
    };
    match drift::look(server, &**engine, app, &HashSet::new()).await {
        Ok(differences) if !drift::is_under_way(&dir) => {
            differences.iter().map(|one| one.words(app)).collect()
        }
        // A switch that does not answer is said already.
        _ => Vec::new(),
    }
}

fn facts<'a>(
    server: &Server,
    app: &App,
    containers: impl Iterator<Item = &'a ContainerFacts>,
    routes: &Routes,
) -> AppStatus {
    let dir = server.app_dir(&app.name);
    let route = routes.get(&app.name);
    let release = records::active(&dir);
    let loaded = release.map(|id| records::load(&dir, id));
    // One that is broken is told, and keeps nobody from seeing the rest.
    let (record, broken) = match loaded.transpose() {
        Ok(record) => (record.flatten(), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let mut containers: Vec<ContainerStatus> = containers
        // One that somebody ran from the app's image by hand has the image's labels, and no process.
        .filter(|facts| facts.label(labels::KIND).is_none() && facts.label(labels::PROCESS).is_some())
        .map(|facts| container(app, facts, route))
        .collect();
    containers.sort_by(|one, other| (one.slot, &one.process).cmp(&(other.slot, &other.process)));
    let traffic = match route {
        Some(route) if route.maintenance => Traffic::Maintenance,
        Some(route) if route.held => Traffic::Held,
        Some(route) if is_checked(route) => Traffic::Routed,
        Some(route) if !route.targets.is_empty() => Traffic::NoWeb,
        _ if release.is_none() => Traffic::NeverDeployed,
        None if routes.known.is_none() => Traffic::Unknown,
        _ => Traffic::Stopped,
    };
    AppStatus {
        app: app.name.to_string(),
        environment: app.environment.to_string(),
        release: release.map(|id| id.to_string()),
        commit: record
            .as_ref()
            .and_then(|record| Some(record.commit.as_ref()?.to_string())),
        image: record
            .as_ref()
            .and_then(|record| Some(record.reference.as_ref()?.to_string())),
        digest: record.and_then(|record| Some(record.digest?.to_string())),
        volumes: Vec::new(),
        port: route.and_then(|route| route.port),
        tcp: route.map_or_else(Vec::new, |route| route.open_tcp().to_vec()),
        tcp_addresses: route
            .into_iter()
            .flat_map(RouteStatus::open_tcp)
            .map(|port| server.address_of_port(*port))
            .collect(),
        url: route.filter(|route| route.answers()).and_then(|route| {
            let known = url_of(server, route, &routes.ports);
            known.or_else(|| Some(server.url_of_port(route.port?)))
        }),
        traffic,
        in_flight: route.map_or(0, |route| {
            route.targets.iter().map(|target| target.in_flight).sum()
        }),
        health: None,
        last: None,
        busy: None,
        waiting: Vec::new(),
        trouble: routes
            .trouble
            .iter()
            .chain(route.and_then(|route| route.trouble.as_ref()))
            .cloned()
            .chain(broken)
            .chain(route.into_iter().flat_map(|route| uncertified(route, routes)))
            .collect(),
        containers,
    }
}

/// Why domains of an app have no certificate, or no new one, though one was ordered.
fn uncertified<'a>(route: &'a RouteStatus, routes: &'a Routes) -> impl Iterator<Item = String> + 'a {
    let mut names: Vec<_> = route.domains.iter().map(|domain| &domain.name).collect();
    names.dedup();
    names.into_iter().filter_map(|name| {
        let served = routes.ports.certificates.find(name);
        match routes.orders.as_ref()?.state(name, served)? {
            OrderState::Failed { problem, advice, .. } => {
                Some(format!("no certificate for {name}: {problem}; {advice}"))
            }
            OrderState::UnderWay | OrderState::Hindered { .. } => None,
        }
    })
}

/// What is mounted into an app's containers, and what is the app's and is not.
fn volumes(app: &App, mounted: Vec<Mounted>, labelled: Vec<VolumeFacts>) -> Vec<VolumeStatus> {
    let carried_at = |name: &str, path: &str| {
        app.volumes.get(path).is_some_and(|volume| volume == name)
            || Volume::carried_name(&app.name, path) == name
    };
    let mut all: BTreeSet<VolumeStatus> = mounted
        .into_iter()
        .filter(|volume| volume.why != Why::Anonymous)
        .map(|volume| VolumeStatus {
            of_image: volume.why == Why::Image || carried_at(&volume.name, &volume.target),
            path: Some(volume.target),
            name: volume.name,
            read_only: volume.read_only,
        })
        .collect();
    let own = labelled.into_iter().map(|volume| volume.name);
    for name in own.chain(app.volumes.values().cloned()) {
        if !all.iter().any(|volume| volume.name == name) {
            all.insert(VolumeStatus {
                path: None,
                of_image: Volume::is_carried_name(&app.name, &name)
                    || app.volumes.values().any(|one| *one == name),
                name,
                read_only: false,
            });
        }
    }
    all.into_iter().collect()
}

fn container(app: &App, facts: &ContainerFacts, route: Option<&RouteStatus>) -> ContainerStatus {
    let process = facts
        .read_label(labels::PROCESS)
        .unwrap_or_else(ProcessKey::first_web);
    let tcp = facts.label(labels::TCP_PORTS).unwrap_or_default();
    let tcp = from_label(tcp).first().map(|port| port.container.to_string());
    let port = facts.label(labels::PORT).map(str::to_owned).or(tcp);
    let mut targets = route.into_iter().flat_map(|route| &route.targets);
    ContainerStatus {
        name: facts.name.clone(),
        process: process.clone(),
        id: facts.id.clone(),
        slot: Slot::of_container(&facts.name, &app.name, &process),
        release: facts.label(labels::RELEASE).unwrap_or("?").to_owned(),
        state: state(facts),
        unhealthy: targets.any(|target| target.container == facts.id && target.unhealthy),
        started: None,
        address: networks::address(facts)
            .zip(port)
            .map(|(address, port)| format!("{address}:{port}")),
    }
}

/// How the app's last transition ended. One that nobody is at any more and that has no end was killed after its last
/// step, before it could say so; otherwise its journal would be there and somebody would be at it.
fn last(server: &Server, app: &AppName, busy: bool) -> Option<LastTransition> {
    let dir = server.app_dir(app);
    let id = transition_log::list(&dir).pop()?;
    let (mut what, mut outcome, mut took) = (OperationName::Unknown, LastOutcome::UnderWay, None);
    for stamped in transition_log::read(&dir, id) {
        match stamped.event {
            Event::Started { what: name, .. } => what = name,
            Event::Finished {
                outcome: finish,
                took: ms,
            } => {
                took = Some(ms);
                outcome = LastOutcome::Ended(finish);
            }
            _ => {}
        }
    }
    if took.is_none() && !busy && !dir.journal().exists() {
        outcome = LastOutcome::KilledWhenDone;
    }
    Some(LastTransition {
        id: id.to_string(),
        what,
        outcome,
        took,
    })
}

/// Returns whether an app has traffic and a container that runs for it.
pub fn answers<'a>(server: &'a Server, app: &'a AppName) -> BoxFuture<'a, Result<bool, Error>> {
    Box::pin(has_traffic(server, app))
}

async fn has_traffic(server: &Server, app: &AppName) -> Result<bool, Error> {
    match server.switch.route(app).await {
        Ok(route) => Ok(route.targets.iter().any(|target| !target.down)),
        Err(gokku_proxy::control::client::Error::Refused(_)) => Ok(false),
        Err(gokku_proxy::control::client::Error::NotRunning(_)) => config::is_running(server, app).await,
        Err(error) => Err(error.into()),
    }
}

/// Returns how long ago a time was, in words.
pub fn ago(started: &str) -> String {
    clock::parse(started).map_or_else(String::new, |at| clock::span(clock::now_seconds() - at))
}
