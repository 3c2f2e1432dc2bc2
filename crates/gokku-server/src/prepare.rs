//! What is checked of a request before anything is changed, and what comes of it: a goal, and the plan to reach it.

use gokku_core::processes::Scale;
use gokku_core::release::{Outcome, Record, VERSION};
use gokku_core::retention::rollback_target;
use gokku_core::transition::{Activation, Cause, Goal};
use gokku_core::{AppName, CommitId, ReleaseId};
use gokku_proxy::api::{PutRoute, Refused};

use crate::error::Error;
use crate::plan::Plan;
use crate::request::{Ask, Request};
use crate::server::Server;
use crate::{apps, records};

/// What a request comes to.
pub(crate) struct Prepared {
    pub(crate) goal: Goal,
    pub(crate) plan: Plan,
    pub(crate) release: Option<ReleaseId>,
    pub(crate) commit: Option<CommitId>,
    /// The record of a release that is to be made.
    pub(crate) record: Option<Record>,
}

/// Checks everything that can be checked before anything is changed.
pub(crate) fn prepare(server: &Server, request: &Request) -> Result<Prepared, Error> {
    let (root, app) = (&server.root, &request.app);
    let mut scale = apps::load(root, app)?.scale;
    let active = records::active(root, app);
    let (release, cause) = match &request.ask {
        Ask::Deploy {
            commit,
            tree,
            rebuild,
            ..
        } => {
            let mut plan = Plan::read(root, app, &root.incoming(app, request.id), true)?;
            plan.rebuild = *rebuild;
            let record = Record {
                version: VERSION,
                id: request.id,
                commit: commit.clone(),
                image: None,
                build: Some(plan.build_key(tree)),
                outcome: Outcome::Unfinished,
                reason: None,
                env_hash: None,
                by: Some(request.by.clone()),
                finished: None,
                disk: None,
            };
            let goal = activation(request.id, request.id, Cause::Deploy, &plan, &scale);
            return Ok(Prepared {
                goal,
                plan,
                release: Some(request.id),
                commit: Some(commit.clone()),
                record: Some(record),
            });
        }
        Ask::Stop | Ask::Destroy => {
            let goal = if matches!(request.ask, Ask::Stop) {
                Goal::Stop
            } else {
                Goal::Destroy
            };
            return Ok(Prepared {
                goal,
                plan: Plan::lenient(root, app),
                release: None,
                commit: None,
                record: None,
            });
        }
        Ask::Rollback { release } => (rollback_to(server, app, *release)?, Cause::Rollback),
        Ask::Restart => (running(app, active)?, Cause::Restart),
        Ask::Config => (running(app, active)?, Cause::Config),
        Ask::Start => (running(app, active)?, Cause::Start),
        Ask::Scale { .. } => (running(app, active)?, Cause::Scale),
    };
    let plan = Plan::of_release(root, app, release)?;
    if let Ask::Scale { scale: said } = &request.ask {
        let checked = plan.processes.check(said);
        checked.map_err(|error| Error::input(error.to_string()))?;
        scale.extend(said.clone());
    }
    let goal = activation(request.id, release, cause, &plan, &scale);
    let commit = records::load(root, app, release)?.map(|record| record.commit);
    Ok(Prepared {
        goal,
        plan,
        release: Some(release),
        commit,
        record: None,
    })
}

fn activation(id: ReleaseId, release: ReleaseId, cause: Cause, plan: &Plan, scale: &Scale) -> Goal {
    Goal::Activate(Activation {
        id,
        release,
        cause,
        mode: plan.settings.mode,
        migrate: cause == Cause::Deploy && plan.migration().is_some(),
        processes: plan.processes.keys(scale),
        alone: plan.processes.alone(),
    })
}

fn running(app: &AppName, active: Option<ReleaseId>) -> Result<ReleaseId, Error> {
    active.ok_or_else(|| Error::missing(format!("{app} has no release yet: push one with git first")))
}

/// P22, P23: the release that a rollback goes to.
fn rollback_to(server: &Server, app: &AppName, wanted: Option<ReleaseId>) -> Result<ReleaseId, Error> {
    let active = running(app, records::active(&server.root, app))?;
    let records = records::list(&server.root, app)?;
    let can_be_had: Vec<String> = records
        .iter()
        .filter(|record| record.can_return() && record.id != active)
        .map(|record| record.id.to_string())
        .collect();
    let choice = if can_be_had.is_empty() {
        "there is no release to go back to".to_owned()
    } else {
        format!("these can be had: {}", can_be_had.join(", "))
    };
    let Some(id) = wanted else {
        return rollback_target(&records, active)
            .ok_or_else(|| Error::missing(format!("{app} has no good release before {active}; {choice}")));
    };
    let problem = match records
        .iter()
        .find(|record| record.id == id)
        .map(|record| record.outcome)
    {
        None => "there is no such release",
        Some(Outcome::Failed) => "it failed and has nothing to run",
        Some(Outcome::Pruned) => "it was pruned and has nothing to run",
        Some(Outcome::Unfinished) => "it was never finished",
        Some(Outcome::Good) if id == active => "it is the active one already",
        Some(Outcome::Good) => return Ok(id),
    };
    Err(Error::missing(format!(
        "{app} cannot go back to {id}: {problem}; {choice}"
    )))
}

/// Sees to the app's host port before anything is built. The port of an app that has traffic changes only with the
/// switch; that the new one can be had is checked here.
pub(crate) async fn reserve_port(server: &Server, app: &AppName, plan: &Plan) -> Result<(), Error> {
    let wanted = plan.host_port();
    let status = server.switch().status().await?;
    let mine = status.routes.iter().find(|route| route.app == *app);
    if let (Some(route), PutRoute::Port(port)) = (mine, wanted)
        && !route.targets.is_empty()
        && route.port != port
    {
        let other = status.routes.iter().find(|other| other.port == port);
        return match other {
            Some(other) => Err(Refused::PortTaken {
                port,
                holder: format!("the app {}", other.app),
            }),
            None => gokku_proxy::listen::can_be_had(plan.server.proxy.bind, port),
        }
        .map_err(|refused| gokku_proxy::client::Error::from(refused).into());
    }
    server
        .switch()
        .put(app, wanted)
        .await
        .map(drop)
        .map_err(Error::from)
}
