//! The networks that an app's containers are on: its own, or the one that its `gokku.yml` names; and one for each other
//! app that it and that one let reach each other.
//!
//! An app's own network is known by its labels. What others let reach them is what their active release says, so that
//! nobody's push speaks for another app.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use gokku_core::AppName;
use gokku_core::config::neighbours;
use gokku_core::config::network_name::{self, OF_ALL};
use gokku_core::containers::{ContainerFacts, NetworkFacts, NewNetwork, labels};
use gokku_core::logs::notice::Notice;
use gokku_core::machine::subnet::{self, Subnet};
use gokku_core::text::read_limits;

use crate::app::apps;
use crate::engine::runtime::Runtime;
use crate::fs::app_dir::AppDir;
use crate::fs::root::Root;
use crate::fs::tree_file;
use crate::plan::Error;
use crate::plan::release_plan::{self, GOKKU_YML, Plan};

/// The driver of networks whose containers the traffic switch reaches from the server.
const REACHABLE: &str = "bridge";
/// How many containers there may be beside those of a release and of its successor: programs that somebody runs.
const ONE_OFF: usize = 8;
/// How many networks of one name are told apart by numbers.
const NUMBERS: usize = 100;
/// The machine's routes, as the kernel tells them.
const ROUTES: &str = "/proc/net/route";

/// The networks of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Networks {
    /// The one that the traffic switch reaches its containers on.
    pub(crate) own: String,
    /// Those it shares with other apps, one for each.
    pub(crate) beside: Vec<String>,
}

impl Networks {
    fn has(&self, name: &str) -> bool {
        self.own == name || self.beside.iter().any(|one| one == name)
    }
}

/// What a release is to be on.
struct NetworkPlan {
    own: Own,
    /// With each app that lets this one reach it.
    pairs: Vec<(AppName, NewNetwork)>,
    /// What the others do not let it.
    notices: Vec<Notice>,
}

enum Own {
    Chosen(String),
    Made(NewNetwork),
}

/// A container's address on the network that it is reached on; none while it does not run.
pub(crate) fn address(facts: &ContainerFacts) -> Option<IpAddr> {
    let there = facts.addresses.get(reached_on(facts));
    there.or_else(|| facts.addresses.values().next()).copied()
}

/// The network that a container is reached on. Those that are older than the label have that of all apps.
fn reached_on(facts: &ContainerFacts) -> &str {
    facts.label(labels::NETWORK).unwrap_or(OF_ALL)
}

/// The networks that containers are on.
pub(crate) fn of_containers(all: &[ContainerFacts]) -> BTreeSet<String> {
    let names = |facts: &ContainerFacts| {
        let there = facts.addresses.keys().cloned();
        there.chain([reached_on(facts).to_owned()]).collect::<Vec<_>>()
    };
    all.iter().flat_map(names).collect()
}

/// Sees before anything is built that a release with so many containers can have its networks, and what is to be told of
/// them. Those that are not there yet are made while it is built: that takes a tenth of a second each.
pub(crate) async fn prepare(
    runtime: &Arc<dyn Runtime>,
    dir: &AppDir,
    plan: &Plan,
    containers: usize,
) -> Result<Vec<Notice>, Error> {
    let app = dir.app();
    let wanted = wanted(dir, plan, containers);
    let mut notices = hints(app, plan);
    notices.extend(wanted.notices);
    let mut missing = Vec::new();
    match wanted.own {
        Own::Chosen(name) => drop(join(&**runtime, dir, plan, &name).await?),
        Own::Made(new) if find(&**runtime, &new).await?.is_none() => missing.push(new),
        Own::Made(_) => {}
    }
    for (other, new) in wanted.pairs {
        if find(&**runtime, &new).await?.is_none() {
            missing.push(new);
            notices.push(Notice::ReachedLater {
                app: app.clone(),
                other,
            });
        }
    }
    if missing.is_empty() {
        return Ok(notices);
    }
    let all = runtime.networks_with(&[]).await?;
    let mut taken: Vec<Subnet> = all.iter().flat_map(|one| one.subnets.iter().copied()).collect();
    for new in missing {
        taken.extend(&new.avoid);
        taken.push(
            new.range
                .choose(new.containers, &taken)
                .map_err(gokku_docker::Error::from)?,
        );
        let runtime = Arc::clone(runtime);
        // Whoever makes the containers waits for it, and hears of what goes wrong.
        tokio::spawn(async move { runtime.network_of_range(&new).await });
    }
    Ok(notices)
}

/// The networks of a release with so many containers; they are there.
pub(crate) async fn ready(
    runtime: &dyn Runtime,
    dir: &AppDir,
    plan: &Plan,
    containers: usize,
) -> Result<Networks, Error> {
    let wanted = wanted(dir, plan, containers);
    let own = match wanted.own {
        Own::Chosen(name) => join(runtime, dir, plan, &name).await?,
        Own::Made(new) => find_or_make(runtime, &new).await?,
    };
    let mut beside = Vec::new();
    for (_, new) in wanted.pairs {
        beside.push(find_or_make(runtime, &new).await?);
    }
    Ok(Networks { own, beside })
}

fn wanted(dir: &AppDir, plan: &Plan, containers: usize) -> NetworkPlan {
    let (root, app) = (dir.root(), dir.app());
    let new = |names: Vec<String>, kind: &str, label: (&str, String), containers: usize| NewNetwork {
        names,
        labels: BTreeMap::from([
            (labels::ROOT.to_owned(), root.label()),
            (label.0.to_owned(), label.1),
            (labels::KIND.to_owned(), kind.to_owned()),
        ]),
        // A release and its successor.
        containers: u32::try_from(2 * containers + ONE_OFF).unwrap_or(u32::MAX),
        range: plan.server.networks.range,
        avoid: routes(),
    };
    let numbers = || 1..=NUMBERS;
    let own = match chosen(plan) {
        Some(name) => Own::Chosen(name.to_owned()),
        None => Own::Made(new(
            numbers()
                .map(|number| network_name::of_app(app, number))
                .collect(),
            labels::OWN,
            (labels::APP, app.to_string()),
            containers,
        )),
    };
    let (mut pairs, mut notices) = (Vec::new(), Vec::new());
    for other in &plan.config.reaches {
        if lets_in(&root.app_dir(other), app) {
            let (first, second) = (app.min(other), app.max(other));
            let pair = new(
                numbers()
                    .map(|number| network_name::of_pair(app, other, number))
                    .collect(),
                labels::PAIR,
                (labels::APPS, format!("{first},{second}")),
                containers + containers_of(&root.app_dir(other)),
            );
            pairs.push((other.clone(), pair));
        } else {
            notices.push(Notice::NotReachedBack {
                app: app.clone(),
                other: other.clone(),
            });
        }
    }
    NetworkPlan { own, pairs, notices }
}

/// The network that a release chose, made where there is none; its name.
async fn join(runtime: &dyn Runtime, dir: &AppDir, plan: &Plan, name: &str) -> Result<String, Error> {
    let there = runtime.network_or_make(name, &labels_of(dir, plan, name)).await?;
    check(&there, dir, plan)?;
    Ok(there.name)
}

/// The network with its labels that has room enough, the largest; its name.
async fn find(runtime: &dyn Runtime, new: &NewNetwork) -> Result<Option<String>, Error> {
    let labels = new
        .labels
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let there = runtime.networks_with(&labels.collect::<Vec<_>>()).await?;
    let there = there.into_iter().filter(|one| one.room() >= new.containers);
    Ok(there.max_by_key(NetworkFacts::room).map(|one| one.name))
}

async fn find_or_make(runtime: &dyn Runtime, new: &NewNetwork) -> Result<String, Error> {
    match find(runtime, new).await? {
        Some(name) => Ok(name),
        None => Ok(runtime.network_of_range(new).await?.name),
    }
}

/// The network that the release chose; naming the one of all apps of an earlier gokku chooses none.
fn chosen(plan: &Plan) -> Option<&str> {
    let name = plan.config.network.as_ref()?.as_str();
    (name != OF_ALL).then_some(name)
}

/// What a deploy is refused for that is left alone where a release that is there already says it.
pub(crate) fn check_new(plan: &Plan) -> Result<(), Error> {
    match &plan.config.network {
        Some(name) if name.as_str() == OF_ALL => Err(Error::NetworkOfAll),
        _ => Ok(()),
    }
}

/// What is told to whoever names another app's container in an app's environment without having said that the two reach
/// each other. It is not asked whether there is such an app.
fn hints(app: &AppName, plan: &Plan) -> Vec<Notice> {
    // On a network that somebody chose there may be whoever.
    if chosen(plan).is_some() {
        return Vec::new();
    }
    let mut named = neighbours::named_in(&plan.env, app);
    named.retain(|other, _| !plan.config.reaches.contains(other));
    let notice = |(other, key): (AppName, String)| Notice::UnreachableNamed {
        app: app.clone(),
        other,
        key,
    };
    named.into_iter().map(notice).collect()
}

/// Whether what runs of an app lets another reach it.
fn lets_in(dir: &AppDir, guest: &AppName) -> bool {
    let host = dir.app();
    let yml = tree_file::read(&dir.current(), GOKKU_YML, read_limits::GOKKU_YML)
        .ok()
        .flatten();
    let config = yml.and_then(|yml| release_plan::config_of(host, Some(&yml)).ok());
    config.is_some_and(|config| config.reaches.contains(guest))
}

/// How many containers an app has, by what it says itself.
pub(crate) fn containers_of(dir: &AppDir) -> usize {
    let app = dir.app();
    let scale = apps::load(dir).map(|app| app.scale);
    match (release_plan::processes(&dir.current(), app), scale) {
        (Ok(processes), Ok(scale)) => processes.keys(&scale).map_or(1, |keys| keys.len()),
        _ => 1,
    }
}

/// Where the machine itself leads addresses to: no network may take them away. None where that cannot be read.
pub(crate) fn routes() -> Vec<Subnet> {
    std::fs::read_to_string(ROUTES).map_or_else(|_| Vec::new(), |text| subnet::routes(&text))
}

/// The labels that a network is made with which a release chose.
fn labels_of(dir: &AppDir, plan: &Plan, name: &str) -> BTreeMap<String, String> {
    let (root, app) = (dir.root(), dir.app());
    let mut labels = BTreeMap::from([(labels::ROOT.to_owned(), root.label())]);
    // One that several apps share is nobody's in particular.
    if !is_shared(plan, name) {
        labels.insert(labels::APP.to_owned(), app.to_string());
    }
    labels
}

fn is_shared(plan: &Plan, name: &str) -> bool {
    plan.server.networks.shared.iter().any(|shared| shared == name)
}

/// Why a network that somebody chose cannot be joined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotJoined {
    /// The switch cannot reach its containers.
    #[error(
        "{name} has the driver {driver}, and the traffic switch reaches the containers of {REACHABLE} networks only: name one, \
         or one that is not there yet, which is made"
    )]
    Unreachable {
        /// The network.
        name: String,
        /// Its driver.
        driver: String,
    },
    /// It is another server's.
    #[error("{0} is another gokku server's on this machine: choose another name")]
    OfOtherServer(String),
    /// It is another app's.
    #[error(
        "{name} was made for another app, and on it each reaches the other: choose another name, or let apps share it, \
         with shared = [{name:?}] below [networks] in {}",
        settings.display()
    )]
    OfOtherApp {
        /// The network.
        name: String,
        /// The server's settings.
        settings: PathBuf,
    },
}

fn check(there: &NetworkFacts, dir: &AppDir, plan: &Plan) -> Result<(), NotJoined> {
    let (root, app) = (dir.root(), dir.app());
    let name = &there.name;
    if there.driver != REACHABLE {
        return Err(NotJoined::Unreachable {
            name: name.clone(),
            driver: there.driver.clone(),
        });
    }
    let of_gokku = there.label(labels::ROOT);
    if of_gokku.is_some_and(|theirs| theirs != root.label()) {
        return Err(NotJoined::OfOtherServer(name.clone()));
    }
    let of_other = there
        .label(labels::APP)
        .is_some_and(|theirs| theirs != app.as_str());
    if of_gokku.is_some() && of_other && !is_shared(plan, name) {
        return Err(NotJoined::OfOtherApp {
            name: name.clone(),
            settings: root.config(),
        });
    }
    Ok(())
}

/// Removes what an app's containers were on and are no more: a network that gokku made by itself, with nothing on it.
/// Those that somebody chose stay until the app goes.
pub(crate) async fn left(
    engine: &dyn Runtime,
    root: &Root,
    before: &BTreeSet<String>,
    now: &Networks,
) -> Result<(), Error> {
    for name in before.iter().filter(|name| !now.has(name)) {
        let is_gokkus = name == OF_ALL
            || engine.network(name).await?.is_some_and(|there| {
                let kind = there.label(labels::KIND);
                there.label(labels::ROOT) == Some(&root.label())
                    && kind.is_some_and(|kind| kind == labels::OWN || kind == labels::PAIR)
            });
        if is_gokkus && !engine.network_is_used(name).await? {
            engine.remove_network(name).await?;
        }
    }
    Ok(())
}

/// Removes the networks that were made for an app that is no more, and those that apps share, unless a container is on
/// them. The names of the app's own that stay.
pub(crate) async fn remove_unused(engine: &dyn Runtime, dir: &AppDir) -> Result<Vec<String>, Error> {
    let (root, app) = (dir.root(), dir.app());
    let label = root.label();
    let mut stay = Vec::new();
    let is_needed = |of: &AppName| of != app && root.app_dir(of).path().exists();
    for network in engine.networks_with(&[(labels::ROOT, &label)]).await? {
        let owner: Option<AppName> = network.label(labels::APP).and_then(|of| of.parse().ok());
        if owner.as_ref().is_some_and(is_needed) {
            continue;
        }
        let used = engine.network_is_used(&network.name).await?;
        // Docker knows of endpoints that are no container's.
        let removed = !used && engine.remove_network(&network.name).await?;
        if !removed && owner.as_ref() == Some(app) {
            stay.push(network.name);
        }
    }
    Ok(stay)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_joined_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let app: AppName = "api".parse().unwrap();
        let dir = root.app_dir(&app);
        let mut plan = Plan::lenient(&dir);
        let network = |driver: &str, of: &[(&str, &str)]| NetworkFacts {
            name: "back".to_owned(),
            driver: driver.to_owned(),
            labels: of
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            subnets: Vec::new(),
        };
        let label = root.label();
        let made_for = |app| network("bridge", &[(labels::ROOT, &label), (labels::APP, app)]);
        for good in [network("bridge", &[]), made_for("api")] {
            assert_eq!(check(&good, &dir, &plan), Ok(()));
        }
        let macvlan = check(&network("macvlan", &[]), &dir, &plan)
            .unwrap_err()
            .to_string();
        assert!(macvlan.contains("has the driver macvlan"), "{macvlan}");
        let elsewhere = network("bridge", &[(labels::ROOT, "/opt/other"), (labels::APP, "api")]);
        let elsewhere = check(&elsewhere, &dir, &plan).unwrap_err().to_string();
        assert!(elsewhere.contains("another gokku server's"), "{elsewhere}");
        let other = check(&made_for("web"), &dir, &plan).unwrap_err().to_string();
        assert!(other.contains("shared = [\"back\"]"), "{other}");
        plan.server.networks.shared = vec!["back".to_owned()];
        assert_eq!(check(&made_for("web"), &dir, &plan), Ok(()));
    }

    /// A name that nobody has, and that of the app's own containers.
    #[test]
    fn a_hint_is_given_where_nothing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let app: AppName = "api".parse().unwrap();
        let mut plan = Plan::lenient(&root.app_dir(&app));
        plan.env = gokku_core::config::env_file::EnvFile::parse(
            b"SHOP_URL=http://shop-blue:8080\nME=http://api-blue\n",
        )
        .unwrap();
        let told = hints(&app, &plan);
        let hint = Notice::UnreachableNamed {
            app: app.clone(),
            other: "shop".parse().unwrap(),
            key: "SHOP_URL".to_owned(),
        };
        assert_eq!(told, [hint]);
        plan.config.reaches.insert("shop".parse().unwrap());
        assert_eq!(hints(&app, &plan), []);
        plan.config.reaches.clear();
        plan.config.network = Some("back".parse().unwrap());
        assert_eq!(hints(&app, &plan), []);
        assert!(check_new(&plan).is_ok());
        plan.config.network = Some(OF_ALL.parse().unwrap());
        assert!(check_new(&plan).is_err());
        assert_eq!(hints(&app, &plan).len(), 1, "it is as if it named none");
    }
}
