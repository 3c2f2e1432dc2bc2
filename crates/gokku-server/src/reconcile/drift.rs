//! How an app is, compared with how it should be: what the status shows and the daemon mends. The rules are the core's.

use std::collections::{BTreeSet, HashSet};

use gokku_core::config::gokku_yml::RestartPolicy;
use gokku_core::containers::{ContainerFacts, labels};
use gokku_core::reconcile::{self, Actual, Drift, Found};
use gokku_core::transition::State;
use gokku_core::{AppName, ContainerId, ProcessKey, ReleaseId};
use gokku_proxy::control::api::RouteStatus;

use crate::app::{apps, records};
use crate::engine::Error;
use crate::engine::runtime::Runtime;
use crate::engine::stopping;
use crate::fs::app_dir::AppDir;
use crate::plan::release_plan::{self, Plan};
use crate::queue::lock;
use crate::server::Server;
use crate::transition::observe::{seen, state};

/// What differs, of what was seen of an app; `coming` are containers that are about to be started.
pub(crate) fn differences<'a>(
    dir: &AppDir,
    containers: impl Iterator<Item = &'a ContainerFacts>,
    route: Option<&RouteStatus>,
    coming: &HashSet<ContainerId>,
) -> Vec<Drift> {
    let app = dir.app();
    let current = records::active(dir);
    let containers: Vec<&ContainerFacts> = containers.collect();
    // What somebody runs by `gokku run` is no transition's.
    let one_offs = containers
        .iter()
        .filter(|facts| facts.label(labels::KIND).is_some() && facts.label(labels::TRANSITION).is_some());
    let mut found = Found {
        one_offs: one_offs
            .map(|facts| (facts.id.clone(), facts.name.clone()))
            .collect(),
        containers: containers
            .iter()
            .filter_map(|facts| actual(facts, coming))
            .collect(),
        route: route.map(seen),
        current,
        expected: current.map(|release| expected(dir, release)).unwrap_or_default(),
        keeps_running: false,
        given_up_stops: BTreeSet::new(),
    };
    let all = reconcile::drifts(app, &found);
    let asks_policy = |one: &Drift| {
        matches!(
            one,
            Drift::Gone { .. } | Drift::Missing { .. } | Drift::Unrouted { .. } | Drift::Down { .. }
        )
    };
    if !all.iter().any(asks_policy) {
        return all;
    }
    found.given_up_stops = stopping::given_up(dir);
    let policy = Plan::lenient(dir).config.deployment.restart_policy;
    found.keeps_running = policy != RestartPolicy::No;
    reconcile::drifts(app, &found)
}

/// The processes that a release is to have; none when its files cannot be read.
fn expected(dir: &AppDir, release: ReleaseId) -> BTreeSet<ProcessKey> {
    let app = dir.app();
    let scale = apps::load(dir).map(|app| app.scale);
    match (release_plan::processes(&dir.tree(release), app), scale) {
        (Ok(processes), Ok(scale)) => processes.keys(&scale).unwrap_or_default(),
        _ => BTreeSet::new(),
    }
}

fn actual(facts: &ContainerFacts, coming: &HashSet<ContainerId>) -> Option<Actual> {
    if facts.label(labels::KIND).is_some() {
        return None;
    }
    Some(Actual {
        id: facts.id.clone(),
        name: facts.name.clone(),
        process: facts.read_label(labels::PROCESS)?,
        release: facts.read_label(labels::RELEASE)?,
        generation: facts.generation()?.parse().ok()?,
        state: if coming.contains(&facts.id) {
            State::Running
        } else {
            state(facts)
        },
    })
}

/// Looks at an app now.
pub(crate) async fn look(
    server: &Server,
    engine: &dyn Runtime,
    app: &AppName,
    coming: &HashSet<ContainerId>,
) -> Result<Vec<Drift>, Error> {
    let dir = server.app_dir(app);
    let switch = &server.switch;
    let (containers, route) = tokio::join!(server.containers(engine, app), switch.find_route(app));
    Ok(differences(&dir, containers?.iter(), route?.as_ref(), coming))
}

/// Whether something is under way for an app, or was cut off: then nothing of it needs to be as it should be.
pub(crate) fn is_under_way(dir: &AppDir) -> bool {
    dir.journal().exists() || !matches!(lock::holder(dir), Ok(None))
}
