//! An app's processes: which there are, how many of each, and how that is changed.
//!
//! A restart in place is the Docker Engine's own: it is asked for that itself.

use futures_util::future::BoxFuture;
use gokku_core::config::processes::Scale;
use gokku_core::containers::{ContainerState, labels};
use gokku_core::transition::OperationName;
use gokku_core::{AppName, ProcessKey, ProcessType, Slot};
use serde::Serialize;
use tokio::time::Instant;

use crate::app::{self, apps, records};
use crate::command::Error;
use crate::command::config;
use crate::engine::health::await_good;
use crate::plan::release_plan::Plan;
use crate::queue::lock::{self, AppLock, Attempt, Holder, Purpose};
use crate::queue::transition_log;
use crate::server::Server;

/// One type of an app's processes.
#[derive(Clone, Debug, Serialize)]
pub struct ProcessFacts {
    /// The type.
    pub process: String,
    /// How many containers there are to be.
    pub count: u16,
    /// How many run.
    pub running: usize,
    /// How many of them fail their health check; known of web alone.
    pub unhealthy: usize,
    /// What they run, as it was written; the image's own command without.
    pub command: Option<String>,
}

/// What becomes of a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaled {
    /// It is already so.
    Already,
    /// The app does not run: it counts when it does.
    Noted,
    /// A transition is to bring it about.
    ToBeDone,
}

fn plan_of(server: &Server, app: &AppName) -> Result<Plan, Error> {
    let dir = server.app_dir(app);
    let release = records::active(&dir).ok_or_else(|| app::Error::NoRelease(app.clone()))?;
    Ok(Plan::of_release(&dir, release)?)
}

/// Returns every type of the active release.
pub fn list<'a>(server: &'a Server, app: &'a AppName) -> BoxFuture<'a, Result<Vec<ProcessFacts>, Error>> {
    Box::pin(list_processes(server, app))
}

async fn list_processes(server: &Server, app: &AppName) -> Result<Vec<ProcessFacts>, Error> {
    let dir = server.app_dir(app);
    let scale = apps::load(&dir)?.scale;
    let processes = plan_of(server, app)?.processes;
    let runtime = server.runtime().await?;
    let switch = &server.switch;
    let (containers, route) = tokio::join!(server.containers(&*runtime, app), switch.find_route(app));
    let containers = containers?;
    // A switch that does not run knows of none.
    let targets = route
        .ok()
        .flatten()
        .map(|route| route.targets)
        .unwrap_or_default();
    let running: Vec<ProcessKey> = containers
        .iter()
        .filter(|facts| facts.label(labels::KIND).is_none() && facts.state == ContainerState::Running)
        .filter_map(|facts| facts.read_label(labels::PROCESS))
        .collect();
    let all = processes.types().map(|(kind, what)| ProcessFacts {
        process: kind.to_string(),
        count: processes.count(kind, &scale),
        running: running.iter().filter(|process| process.kind() == kind).count(),
        unhealthy: targets
            .iter()
            .filter(|target| target.unhealthy && kind.is_web())
            .count(),
        command: what.command.as_ref().map(|command| command.text().to_owned()),
    });
    Ok(all.collect())
}

/// Looks at a scale that somebody wants. One of an app that does not run is noted at once; of one that runs it is
/// kept when its transition has reached its goal.
pub fn scale<'a>(
    server: &'a Server,
    app: &'a AppName,
    wanted: &'a Scale,
) -> BoxFuture<'a, Result<Scaled, Error>> {
    Box::pin(look_at_scale(server, app, wanted))
}

async fn look_at_scale(server: &Server, app: &AppName, wanted: &Scale) -> Result<Scaled, Error> {
    let dir = server.app_dir(app);
    let record = apps::load(&dir)?;
    let processes = plan_of(server, app)?.processes;
    let scale = processes.scaled(&record.scale, wanted)?;
    if processes.keys(&scale) == processes.keys(&record.scale) {
        return Ok(Scaled::Already);
    }
    if config::is_running(server, app).await? {
        return Ok(Scaled::ToBeDone);
    }
    let _taken = take(server, app, OperationName::Scale)?;
    let mut record = apps::load(&dir)?;
    record.scale.extend(wanted.clone());
    apps::save(&server.root, &record)?;
    Ok(Scaled::Noted)
}

/// The app, while nobody else has it and nothing of it was cut off.
fn take(server: &Server, app: &AppName, what: OperationName) -> Result<AppLock, Error> {
    let dir = server.app_dir(app);
    let holder = Holder {
        pid: std::process::id(),
        by: server.by.clone(),
        what: Purpose::Operation(what),
        id: transition_log::next_id(&dir),
    };
    let taken = match lock::try_acquire(&dir, &holder)? {
        Attempt::Got(taken) => taken,
        Attempt::Busy(other) => return Err(lock::busy(app, other.as_ref()).into()),
    };
    if dir.journal().exists() {
        return Err(Error::CutOff(app.clone()));
    }
    Ok(taken)
}

/// Restarts the containers of a type that has no traffic, one after the other, each where it is: its env and its image
/// stay. Gives how many.
pub fn restart<'a>(
    server: &'a Server,
    app: &'a AppName,
    kind: &'a ProcessType,
) -> BoxFuture<'a, Result<usize, Error>> {
    Box::pin(restart_each(server, app, kind))
}

async fn restart_each(server: &Server, app: &AppName, kind: &ProcessType) -> Result<usize, Error> {
    let dir = server.app_dir(app);
    apps::load(&dir)?;
    let plan = plan_of(server, app)?;
    let what = plan.processes.find(kind)?;
    if !config::is_running(server, app).await? {
        return Err(Error::NotRunning(app.clone()));
    }
    let _taken = take(server, app, OperationName::Restart)?;
    let engine = server.docker().await?;
    let containers = server.containers(&engine, app).await?;
    let mut restarted = 0;
    for process in kind.numbered(plan.processes.count(kind, &apps::load(&dir)?.scale)) {
        let name = Slot::Blue.container_name(app, &process);
        let Some(facts) = containers.iter().find(|facts| facts.name == name) else {
            let app = app.clone();
            return Err(Error::ContainerGone { app, name });
        };
        let since = Instant::now();
        engine.restart(&facts.id, plan.settings.stop).await?;
        await_good(&engine, &facts.id, what, plan.settings.health_timeout, since)
            .await
            .map_err(|why| Error::Unhealthy { process, why, name })?;
        restarted += 1;
    }
    Ok(restarted)
}
